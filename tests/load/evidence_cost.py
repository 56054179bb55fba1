"""What the evidence beyond the pixels costs a photo, in processor milliseconds.

    python -m tests.load.evidence_cost PHOTO_OR_FOLDER ... [--most 200]

In: photo files, and folders that are searched for them. Out: of all that opened, the median, 95th percentile and most
of reading what the file says (`model.photo.provenance`) and of its parts, and beside it of the look for a part that is
there twice (`model.photo.copy_move`), which is of the pixels; the slowest files. Decoding and the network are not
counted. Exit status 1 where the 95th percentile is over LIMIT.
"""

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from refundlens.model.photo.copy_move import find_copy
from refundlens.model.photo.credentials import read_credentials
from refundlens.model.photo.image import ImageError, Limits, read_photo
from refundlens.model.photo.metadata import read_metadata
from refundlens.model.photo.provenance import read_provenance
from refundlens.model.photo.thumbnail import compare
from refundlens.model.photo.visible_marks import find_visible_marks
from refundlens.model.photo.written_marks import find_written_marks

LIMIT = 30.0
"""Milliseconds."""
ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".heic", ".avif", ".gif", ".tif", ".tiff")


def found(places: list[Path]) -> Iterator[Path]:
    """Photo files, those of folders in the order of their names."""
    for place in places:
        inside = sorted(place.rglob("*")) if place.is_dir() else [place]
        yield from (path for path in inside if path.suffix.lower() in ENDINGS and path.is_file())


def spent(work: Callable[[], object]) -> float:
    """Processor milliseconds of the better of two runs: another process's cache misses are not ours."""
    times = []
    for _ in range(2):
        began = time.process_time()
        work()
        times.append(1000 * (time.process_time() - began))
    return min(times)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("places", nargs="+", type=Path)
    parser.add_argument("--most", type=int, default=200, help="files, spread evenly over those found")
    given = parser.parse_args()
    paths = list(found(given.places))
    paths = paths[:: max(1, len(paths) // given.most)][: given.most]
    times: dict[str, list[float]] = defaultdict(list)
    slowest: list[tuple[float, str]] = []
    for path in paths:
        try:
            photo = read_photo(path.read_bytes(), Limits())
        except ImageError:
            continue
        metadata = read_metadata(photo)
        parts: dict[str, Callable[[], object]] = {
            "metadata": lambda photo=photo: read_metadata(photo),
            "credentials": lambda photo=photo, of=metadata: read_credentials(photo.data, photo.format, of.c2pa, of.xmp),
            "preview": lambda photo=photo, of=metadata: compare(photo, of.exif.thumbnail),
            "visible marks": lambda photo=photo: find_visible_marks(photo.pixels),
            "written marks": lambda photo=photo: find_written_marks(photo.pixels),
            "all": lambda photo=photo: read_provenance(photo),
            "copied part": lambda photo=photo: find_copy(photo.judged),
        }  # fmt: skip
        for name, work in parts.items():
            times[name].append(spent(work))
        slowest.append((times["all"][-1], f"{path.name} {photo.width}x{photo.height} {photo.format}"))
    for name, each in times.items():
        middle, high = np.percentile(each, [50, 95])
        print(
            f"{name:14} median {middle:6.2f} ms, 95 % {high:6.2f}, most {max(each):6.2f} ({len(each)} photos)"
        )
    for taken, name in sorted(slowest, reverse=True)[:5]:
        print(f"  {taken:.1f} ms  {name}")
    return int(np.percentile(times["all"], 95) > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
