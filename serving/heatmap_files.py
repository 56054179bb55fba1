"""Writes heat maps into a folder under names that never collide: a.png, and a-2.png for the next file called a."""

from pathlib import Path


class HeatmapFolder:
    """A folder of heat maps for one run. Names are told apart without case: some file systems do not know it."""

    def __init__(self, folder: Path) -> None:
        """Creates the folder. Raises OSError where it cannot."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._taken: set[str] = set()

    def write(self, photo: Path, png: bytes) -> Path:
        """Store the heat map of a photo and say where."""
        target = self._folder / f"{self._free_stem(photo.stem)}.png"
        target.write_bytes(png)
        return target

    def _free_stem(self, stem: str) -> str:
        candidate, number = stem, 1
        while candidate.casefold() in self._taken:
            number += 1
            candidate = f"{stem}-{number}"
        self._taken.add(candidate.casefold())
        return candidate
