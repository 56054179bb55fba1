"""The photos that a load is made of: drawn from a seed, or those of a folder; and files that are no photos.

In: a seed or a folder. Out: JPEG files in one folder, named in their order. Every request gets bytes of its own by a
comment in the JPEG, so that no cache can answer; pixels, and so the answer, stay the same.
"""

import struct
from pathlib import Path

import numpy as np
from PIL import Image

from refundlens.serving.demo.scenes import Scene, draw, photograph

SIZES = ((480, 640), (720, 960), (960, 1280))
"""Pixels: what messengers and platforms leave of a phone photo, from a preview to 1.2 megapixels."""
SCENES: tuple[Scene, ...] = ("shirt", "plate", "box", "fabric")
QUALITIES = (75, 85, 92)
"""JPEG qualities, of which each drawing gets one: chat, web shop, phone."""
SUFFIXES = (".jpg", ".jpeg")
START, COMMENT = b"\xff\xd8", b"\xff\xfe"


def prepare(folder: Path, seed: int, source: Path | None) -> list[Path]:
    """The photos of a load, as files: those of `source`, or a drawing of each scene at each size.

    Raises ValueError where `source` has no JPEG.
    """
    if source is not None:
        return _in_folder(source)
    rng = np.random.default_rng(seed)
    paths = []
    for index, (width, height) in enumerate(SIZES):
        for number, scene in enumerate(SCENES):
            path = folder / f"{width}x{height}-{scene}.jpg"
            quality = QUALITIES[(index + number) % len(QUALITIES)]
            pixels = photograph(draw(scene, width, height, rng), rng)
            Image.fromarray(pixels).save(path, quality=quality)
            paths.append(path)
    return paths


def mark(jpeg: bytes, number: int) -> bytes:
    """The same photo with a comment that no other request has."""
    note = f"refundlens bench {number}".encode()
    return START + COMMENT + struct.pack(">H", len(note) + 2) + note + jpeg[len(START) :]


def spoil(jpeg: bytes, rng: np.random.Generator) -> bytes:
    """Something that came instead of a photo and must be refused: noise, text, nothing, a header alone."""
    kinds = [
        rng.bytes(2000),
        b"<html>502 Bad Gateway</html>",
        b"",
        jpeg[:200],  # a header whose tables never end
        b"\x89PNG\r\n\x1a\n" + rng.bytes(500),
    ]
    return kinds[int(rng.integers(len(kinds)))]


def _in_folder(source: Path) -> list[Path]:
    paths = sorted(path for path in source.iterdir() if path.suffix.lower() in SUFFIXES)
    wrong = [path.name for path in paths if not path.read_bytes().startswith(START)]
    if wrong:
        raise ValueError(f"{source}: no JPEG in spite of its name: {', '.join(wrong[:3])}")
    if not paths:
        raise ValueError(f"{source}: no JPEG photos there; the bench needs some (*.jpg)")
    return paths
