"""Writes heat maps into a folder under names that never collide: a.png, and a-2.png for the next file called a. What
they are worth goes under the same name into its subfolder `reliability`.

A photo that lies in that folder itself is never written over: its name counts as taken.
"""

from collections.abc import Iterable
from pathlib import Path

RELIABILITY = "reliability"


class HeatmapFolder:
    """A folder of heat maps for one run. Names are told apart without case: some file systems do not know it."""

    def __init__(self, folder: Path, photos: Iterable[Path] = ()) -> None:
        """Creates the folder. photos: files to be judged, none of which may be touched. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        here = folder.resolve()
        self._taken = {
            photo.stem.casefold()
            for photo in photos
            if _is_png(photo) and photo.parent.resolve() in (here, here / RELIABILITY)
        }

    def write(self, photo: Path, png: bytes, reliability: bytes | None = None) -> Path:
        """Store the heat map of a photo, with its reliability map where there is one; say where. Raises OSError."""
        target = self._folder / f"{self._free_stem(photo.stem)}.png"
        target.write_bytes(png)
        if reliability is not None:
            beside = self._folder / RELIABILITY / target.name
            beside.parent.mkdir(exist_ok=True)
            beside.write_bytes(reliability)
        return target

    def _free_stem(self, stem: str) -> str:
        candidate, number = stem, 1
        while candidate.casefold() in self._taken:
            number += 1
            candidate = f"{stem}-{number}"
        self._taken.add(candidate.casefold())
        return candidate


def _is_png(photo: Path) -> bool:
    return photo.suffix.casefold() == ".png"
