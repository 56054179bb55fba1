"""Small pictures of large photos.

In: a photo's bytes, as a stranger sent them. Out: JPEG, or pixels, as a viewer shows the photo. For looking and
finding only: the detector reads the photo itself.
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from refundlens.model.photo.image import probe, read_photo

QUALITY = 82
"""libjpeg's: a thumbnail of some 15 kB, a view of some 300."""


def scaled(data: bytes, side: int) -> bytes:
    """At most `side` pixels high and wide. Raises ImageError."""
    picture = _quickly(data, side) if data.startswith(b"\xff\xd8") else None
    return to_jpeg(picture or Image.fromarray(read_photo(data).pixels), side)


def pixels_of(data: bytes, side: int) -> NDArray[np.uint8]:
    """RGB pixels [H,W,3] as displayed, of at least `side` pixels along the longer side where the photo has them; a
    large JPEG is decoded at a fraction of its size. For looking and finding: these are not the pixels that are
    judged. Raises ImageError."""
    probe(data)  # the limits hold here, too
    picture = _quickly(data, side) if data.startswith(b"\xff\xd8") else None
    return read_photo(data).pixels if picture is None else np.asarray(picture, np.uint8)


def to_jpeg(picture: Image.Image, side: int) -> bytes:
    """The picture, made smaller where it is larger than `side`."""
    picture.thumbnail((side, side))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def _quickly(data: bytes, side: int) -> Image.Image | None:
    """A JPEG decoded at an eighth, a quarter or half of its size, as small as does; None where that does not work."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as picture:
            picture.draft("RGB", (side, side))
            return ImageOps.exif_transpose(picture).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return None
