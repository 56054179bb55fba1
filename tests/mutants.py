"""Fuzzes every reader of `model.photo`: `python -m tests.mutants [--count 10000]` feeds each that many damaged files.

For each format files with every kind of metadata are written (`tests.model.photo.build`), damaged at random, opened
where they still open, and read. Nothing may raise, take longer than SLOWEST or leave memory behind. Prints, per format:
mutants, how many still opened, the slowest, and the growth of the process. Exit status 1 where a bound was passed.
"""

import argparse
import resource
import sys
import time
import traceback

import numpy as np

from refundlens.model.photo.image import ImageError, Limits, Photo, read_photo
from refundlens.model.photo.provenance import read_provenance
from tests.model.photo import build
from tests.model.photo.test_blocks import FILES

SLOWEST = 1.0
"""Seconds of processor time that one file may take."""
GROWTH = 64
"""MiB that the process may grow over all mutants of a format, allocator's slack included."""
WARM = 300
"""Mutants before memory is counted: caches fill."""


def seeds(fmt: str) -> list[bytes]:
    """Files of a format: one for each place of its table, and a signed one."""
    made = [write() for write in FILES[fmt].values()]
    kind = fmt.upper()
    return (
        [*made, build.signed(build.saved(kind), f"image/{fmt}")]
        if fmt != "bmp"
        else [*made, build.saved("BMP")]
    )


def read(data: bytes, fmt: str) -> bool:
    """Read a damaged file, opened if it opens and else as if its pixels had. Returns whether it opened."""
    try:
        photo, opened = read_photo(data, Limits(max_pixels=200_000)), True
    except ImageError:
        photo, opened = Photo(np.zeros((8, 8, 3), np.uint8), "0" * 64, fmt, data, None, ()), False  # type: ignore[arg-type]
    assert read_provenance(photo), "an answer says at least that there is nothing"
    return opened


def resident() -> float:
    """Most memory this process ever held, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=10_000, help="mutants of each format")
    parser.add_argument("--seed", type=int, default=14)
    options = parser.parse_args()
    failed = False
    for fmt in FILES:
        random = np.random.default_rng(options.seed)
        files = seeds(fmt)
        opened, slowest, before = 0, 0.0, 0.0
        for index in range(options.count):
            (data,) = build.mutants(files[index % len(files)], 1, random)
            began = time.process_time()
            try:
                opened += read(data, fmt)
            except Exception:
                failed = True
                traceback.print_exc()
            slowest = max(slowest, time.process_time() - began)
            before = resident() if index == WARM else before
        grown = resident() - before if before else 0.0
        failed = failed or slowest > SLOWEST or grown > GROWTH
        print(
            f"{fmt:5} {options.count} mutants, {opened} opened, slowest {slowest:.3f} s, grown {grown:.1f} MiB",
            flush=True,
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
