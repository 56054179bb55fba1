"""Fuzzes every reader of `model.photo`: `python -m tests.mutants [--count 10000]` feeds each that many damaged files.

For each format files with every kind of metadata are written (`tests.model.photo.build`), damaged at random, opened
where they still open, and read. Nothing may raise, take longer than SLOWEST or leave memory behind. Prints, per format:
mutants, how many still opened, the slowest, and the growth of the process. Exit status 1 where a bound was passed.
"""

import argparse
import io
import json
import resource
import sys
import time
import traceback
import zipfile
from collections.abc import Iterator

import numpy as np

from refundlens.model.photo.formats import sniff
from refundlens.model.photo.image import ImageError, Limits, Photo, read_photo
from refundlens.model.photo.provenance import read_provenance
from tests.model.photo import build
from tests.model.photo import test_hidden_text as hidden_text
from tests.model.photo import test_old_encodings as old_encodings
from tests.model.photo.test_blocks import FILES

SLOWEST = 1.0
"""Seconds of processor time that one file may take."""
GROWTH = 64
"""MiB that the process may grow over all mutants of a format, allocator's slack included."""
WARM = 300
"""Mutants before memory is counted: caches fill."""


HIDING: dict[str, dict[str, object]] = {
    "png": {"compress_level": 0}, "webp": {"lossless": True, "exact": True}, "tiff": {}, "bmp": {},
}  # fmt: skip
"""Formats in whose pixels a text can be hidden, and how they are written so that damage changes single pixels."""
SMALL = (40, 40)


def seeds(fmt: str) -> list[bytes]:
    """Files of a format: one for each place of its table, a signed one, some with a text hidden in their pixels, some
    with texts of each older encoding, and a live photo."""
    made = [write() for write in FILES[fmt].values()]
    kind = fmt.upper()
    made.append(build.signed(build.saved(kind), f"image/{fmt}") if fmt != "bmp" else build.saved("BMP"))
    return [*made, *_hiding(fmt), *_of_old_encodings(fmt), live_photo(build.saved(kind))]


def _hiding(fmt: str) -> Iterator[bytes]:
    for kind in ("pnginfo", "pngcomp", "rgbinfo", "rgbcomp") if fmt in HIDING else ():
        if fmt != "bmp" or kind.startswith("rgb"):  # Pillow reads no alpha of BMP
            image = hidden_text.hide(build.picture(size=SMALL), hidden_text.NOVELAI.encode(), kind)
            yield build.saved(fmt.upper(), image, **HIDING[fmt])


def _of_old_encodings(fmt: str) -> Iterator[bytes]:
    for encoding, texts in old_encodings.HONEST.items():
        label = json.dumps({"AIGC": {"Label": "1", "ContentProducer": texts[0]}}, ensure_ascii=False)
        for write in old_encodings.TEXT_PLACES.values():
            data = write(label.encode(encoding))
            if sniff(data) == fmt:
                yield data
        block = build.tiff_block({0x010E: (2, label.encode(encoding) + b"\0")})
        if fmt in ("webp", "heic", "avif"):
            yield build.saved(fmt.upper(), build.picture(size=(64, 64)), exif=b"Exif\0\0" + block)
        if fmt == "tiff":
            raw = label.encode(encoding)
            plain = build.saved("TIFF", build.picture(size=SMALL), tiffinfo={0x010E: "x" * len(raw)})
            yield plain.replace(b"x" * len(raw), raw)


def live_photo(still: bytes) -> bytes:
    """An archive of that picture and a video."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("IMG_0001.HEIC", still)
        archive.writestr("IMG_0001.MOV", b"\0\0\0\x14ftypqt  \0\0\0\0qt  " + bytes(200))
    return out.getvalue()


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
