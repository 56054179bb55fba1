"""Whether the small preview that cameras embed still shows the picture.

In: a `Photo` and its EXIF thumbnail. Out: `Preview`. A difference means that the preview is of another state of the
picture (before a crop or retouching, by a program that left it as it was) or of another picture.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from refundlens.model.photo.decode import turn, turn_back
from refundlens.model.photo.image import ImageError, Limits, Photo, read_photo

SAME = 0.5
"""Correlation of luma from which preview and picture are the same. Of 9 untouched camera files the lowest lay at 0.61
(old cameras place their previews loosely), the median at 0.95; of 47 cropped ones, 37 lay under 0.5."""
BAR = 24
"""Grey level up to which a border row or column of the preview is a letterbox bar."""
LEAST_SIDE = 32
"""Pixels a preview needs a side, bars taken off, to be compared."""
OTHER_SHAPE = 0.05
"""Difference of width by height from which the preview was not simply made smaller."""
LARGEST = 160
"""Pixels a side at which pictures are compared: what most cameras embed."""
_LIMITS = Limits(max_bytes=1 << 17, max_pixels=1 << 19)
"""EXIF holds 64 KiB; real previews have 160 x 120 to 512 x 384 pixels."""

Grey = NDArray[np.float32]


@dataclass(frozen=True)
class Preview:
    """likeness: correlation of luma, -1 to 1, in the orientation (1 to 8) in which the preview fits the picture best;
    1 where it lies as it should."""

    likeness: float
    orientation: int

    @property
    def same(self) -> bool:
        return self.likeness >= SAME


def _grey(pixels: NDArray[np.uint8]) -> Grey:
    grey: Grey = pixels.astype(np.float32).mean(axis=2)
    return grey


def _without_bars(preview: Grey) -> Grey:
    """The preview without black bars, which cameras add to fit 160 x 120."""
    rows = np.flatnonzero(preview.max(axis=1) > BAR)
    columns = np.flatnonzero(preview.max(axis=0) > BAR)
    if not len(rows) or not len(columns):
        return preview[:0, :0]
    return preview[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _without_edges(preview: Grey) -> Grey:
    """The preview without bars of any grey: the rows and columns from each edge that are flat and as the edge is."""
    for _ in range(2):  # above and below, then, the picture turned, at the sides
        middle = (preview.max(axis=1) + preview.min(axis=1)) / 2
        flat = preview.max(axis=1) - preview.min(axis=1) <= BAR
        ends = (flat & (abs(middle - middle[0]) <= BAR), flat & (abs(middle - middle[-1]) <= BAR))
        first, last = int(np.argmin(ends[0])), len(flat) - int(np.argmin(ends[1][::-1]))
        preview = preview[first:last].T if last > first else preview[:0].T
        if not preview.size:
            return preview
    return preview


def _thinned(pixels: NDArray[np.uint8], side: int) -> Image.Image:
    """The picture with pixels left out, which is enough to compare by: its short side is twice `side` or less than
    twice as much again."""
    step = max(1, min(pixels.shape[:2]) // (2 * side))
    return Image.fromarray(np.ascontiguousarray(pixels[::step, ::step]))


def _shrunk(picture: Image.Image, size: tuple[int, int]) -> Grey:
    return _grey(np.asarray(picture.resize(size, Image.Resampling.BOX)))


def _pictures(picture: Image.Image, size: tuple[int, int]) -> list[Grey]:
    """The picture at a preview's size, and its middle of the preview's shape where that is another one: some cameras
    cut a wide picture to 4 by 3."""
    whole, shape = picture.width / picture.height, size[0] / size[1]
    found = [_shrunk(picture, size)]
    if abs(whole / shape - 1) > OTHER_SHAPE:
        wide, high = min(picture.width, picture.height * shape), min(picture.height, picture.width / shape)
        left, top = (picture.width - wide) / 2, (picture.height - high) / 2
        middle = picture.crop((round(left), round(top), round(left + wide), round(top + high)))
        found.append(_shrunk(middle, size))
    return found


def _small(preview: Grey) -> Grey:
    """The preview at LARGEST pixels a side or fewer: some cameras embed one of 512 or 640."""
    step = max(preview.shape) / LARGEST
    if step <= 1:
        return preview
    size = (round(preview.shape[1] / step), round(preview.shape[0] / step))
    return np.asarray(Image.fromarray(preview).resize(size, Image.Resampling.BOX), np.float32)


def compare(photo: Photo, thumbnail: bytes | None) -> Preview | None:
    """How an embedded preview relates to the picture; None where there is nothing to compare.

    The preview is tried as it lies, then in the seven other orientations: programs that turn a picture upright often
    leave its preview sideways, which changes nothing in the picture.
    """
    if not thumbnail:
        return None
    try:
        whole = _grey(read_photo(thumbnail, _LIMITS).pixels)
    except ImageError:
        return None
    found = _compared(photo, _without_bars(whole))
    if found is None or found.same:
        return found
    # bars of other colours are looked for then only: a photo on white has such edges of its own
    bare = _without_edges(whole)
    other = _compared(photo, bare) if bare.shape != whole.shape else None
    return other if other is not None and other.same else found


def _compared(photo: Photo, preview: Grey) -> Preview | None:
    if not preview.size:
        return None
    preview = _small(preview)
    height, width = preview.shape
    if min(height, width) < LEAST_SIDE:
        return None
    stored = turn_back(photo.pixels, photo.jpeg.exif.orientation) if photo.jpeg else photo.pixels
    thinned = _thinned(stored, max(width, height))
    pictures = _pictures(thinned, (width, height))
    found: dict[int, float] = {}
    for orientation in range(1, 9):
        if orientation == 5:
            pictures = _pictures(thinned, (height, width))
        turned = turn(preview, orientation)
        likenesses = [one for picture in pictures if (one := _correlation(turned, picture)) is not None]
        if not likenesses:
            return None
        found[orientation] = max(likenesses)
        if orientation == 1 and found[1] >= SAME:
            break
    best = max(found, key=lambda orientation: found[orientation])
    # outside JPEG the decoder has turned the picture already, and how its preview lies says nothing
    return Preview(found[best], best if photo.jpeg or found[best] < SAME else 1)


def _correlation(preview: Grey, picture: Grey) -> float | None:
    """-1 to 1; None where one of them is flat."""
    spread = float(picture.std() * preview.std())
    if spread < 1.0:
        return None
    return float(((picture - picture.mean()) * (preview - preview.mean())).mean()) / spread
