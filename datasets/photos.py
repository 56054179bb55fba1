"""Finding and reading source photos.

In: files and folders, some with a MANIFEST.csv that says who took what under which licence.
Out: `Photo` records without duplicates, and what could not be read.
"""

import csv
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from refundlens.datasets.editors.base import Pixels
from refundlens.datasets.phash import phash
from refundlens.model.photo.image import ImageError, read_photo
from refundlens.model.progress import track

SUFFIXES = frozenset({
    ".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".heic", ".heif", ".avif", ".livp",
})  # fmt: skip
MANIFEST = "MANIFEST.csv"
TEXTURE = "texture"
"""Role of a manifest's row that is a texture or stamp: material for painters, not a photo."""
REAL_DEFECT = "real_defect"
"""Role of a photo with a real, camera-taken defect: a hard negative."""
UNKNOWN_LICENCE = "unknown"
_MANIFEST_DEPTH = 1
"""Folders above a source in which its manifest may lie: a pack's sub-folder is a usual source."""


@dataclass(frozen=True)
class Photo:
    """A source photo. sha256: of the file. phash: of its upright pixels. width, height: upright, in pixels."""

    path: Path
    sha256: str
    phash: str
    group: str
    licence: str
    role: str
    content: str
    defect: str | None
    origin: str
    width: int
    height: int

    @property
    def long_side(self) -> int:
        return max(self.width, self.height)

    @property
    def real_defect(self) -> str | None:
        """The real defect this photo shows, None for a photo that is not known to show one."""
        return (self.defect or "defect") if self.role == REAL_DEFECT else None


@dataclass(frozen=True)
class Gathered:
    """What the sources held. unreadable: (file, why). duplicates: files whose bytes were seen before."""

    photos: list[Photo]
    unreadable: list[tuple[Path, str]]
    duplicates: list[Path]


class UnreadablePhotoError(ValueError):
    """A file that is no photo we can read; the message says why."""


def read(path: Path) -> Pixels:
    """The photo as displayed: RGB uint8 [H,W,3]. Raises UnreadablePhotoError, by the detector's own reading
    rules.
    """
    try:
        return read_photo(path.read_bytes()).pixels
    except ImageError as error:
        raise UnreadablePhotoError(f"{error.code}: {error.message}") from error
    except OSError as error:
        raise UnreadablePhotoError(str(error)) from error


def find(source: Path) -> list[Path]:
    """Photo files of a source in order: the file itself, or a folder's files recursively, hidden ones left
    out.

    Raises FileNotFoundError when the source does not exist.
    """
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise FileNotFoundError(f"{source} is neither a file nor a folder")
    return sorted(
        path
        for path in source.rglob("*")
        if path.suffix.lower() in SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(source).parts)
    )


class _Manifests:
    """Rows of the manifests beside and above photos, each file read once."""

    def __init__(self) -> None:
        self._by_folder: dict[Path, dict[str, dict[str, str]]] = {}

    def _rows(self, folder: Path) -> dict[str, dict[str, str]]:
        if folder not in self._by_folder:
            file = folder / MANIFEST
            rows: dict[str, dict[str, str]] = {}
            if file.is_file():
                with file.open(newline="", encoding="utf-8") as stream:
                    rows = {row["file"]: row for row in csv.DictReader(stream)}
            self._by_folder[folder] = rows
        return self._by_folder[folder]

    def lookup(self, path: Path, highest: Path) -> dict[str, str]:
        """The row of a file in the nearest manifest at or below `highest`, empty when no manifest lists it."""
        for folder in path.parents:
            row = self._rows(folder).get(path.relative_to(folder).as_posix())
            if row is not None:
                return row
            if folder == highest:
                break
        return {}


def _default_group(path: Path, source: Path) -> str:
    """The folder a photo lies in, or the file itself when the source is a flat pile."""
    if source.is_file() or path.parent == source:
        return path.stem
    return path.parent.relative_to(source).as_posix()


def _photo(path: Path, digest: str, row: dict[str, str], default_group: str) -> Photo:
    pixels = read(path)
    height, width = pixels.shape[:2]
    return Photo(
        path=path,
        sha256=digest,
        phash=phash(pixels),
        group=row.get("group") or default_group,
        licence=row.get("licence") or UNKNOWN_LICENCE,
        role=row.get("role") or "photo",
        content=row.get("content") or "",
        defect=row.get("defect") or None,
        origin=row.get("source") or "",
        width=width,
        height=height,
    )


def gather(sources: Iterable[Path]) -> Gathered:
    """All photos of the sources, ordered by SHA-256; textures are left out, copies counted once."""
    manifests = _Manifests()
    photos: dict[str, Photo] = {}
    unreadable: list[tuple[Path, str]] = []
    duplicates: list[Path] = []
    for source in (source.resolve() for source in sources):
        highest = (source if source.is_dir() else source.parent).parents[_MANIFEST_DEPTH - 1]
        files = find(source)
        for path in track(files, len(files), "reading"):
            row = manifests.lookup(path, highest)
            if row.get("role") == TEXTURE:
                continue
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            if digest in photos:
                duplicates.append(path)
                continue
            try:
                photos[digest] = _photo(path, digest, row, _default_group(path, source))
            except UnreadablePhotoError as error:
                unreadable.append((path, str(error)))
    return Gathered([photos[digest] for digest in sorted(photos)], unreadable, duplicates)
