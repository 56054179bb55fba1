"""How a picture reached us: size, compression, sharpness. The verdict's bound depends on it, its probability does not.

In: a `Photo`. Out: `Conditions`. A sample of at most 512 x 512 pixels is measured, so large photos cost no more.

How reliable:
- `quantisations` is a lower bound. Never 2 in a photo saved once (0 of 544); 2 in 98 % of those saved twice on the same
  grid where the first save was the coarser by 10 quality steps or more, in 86 % where it was by 5 or more, in 15 %
  where it was the finer. Saves on another grid (cropped or resized in between) or at the same quality stay unseen.
- 0 against 1 in lossless files: no false trace in 606; at least 83 % of cropped copies of quality 85 are seen, 75 % of
  quality 92.
- `sharpness`, `enlarged`: see `model.photo.detail`.
"""

from collections.abc import Sequence

from refundlens.model.detection import Conditions
from refundlens.model.photo import detail
from refundlens.model.photo.compression import has_grid, quantised_twice
from refundlens.model.photo.decode import turn_back
from refundlens.model.photo.image import Photo
from refundlens.model.photo.windows import Luma, luma_windows

_LOSSY = ("webp", "heic", "avif")


def measure(photo: Photo) -> Conditions:
    """Conditions of a photo; `supported` stays True here, calibration decides it.

    Compression is read from the file's own pixels, on its grid; detail from the pixels that are judged.
    """
    orientation = photo.jpeg.exif.orientation if photo.jpeg else 1
    stored = luma_windows(turn_back(photo.pixels, orientation))
    judged = stored if photo.judged is photo.pixels else luma_windows(photo.judged)
    found = detail.measure(judged)
    return Conditions(
        long_side=max(photo.width, photo.height),
        judged_long_side=max(photo.judged.shape[:2]),
        jpeg_quality=photo.jpeg.quality if photo.jpeg else None,
        quantisations=count_quantisations(photo, stored),
        sharpness=found.sharpness,
        enlarged=found.enlarged,
    )


def count_quantisations(photo: Photo, windows: Sequence[Luma]) -> int:
    """Lossy compressions that the pixels show, 0 to 2: a lower bound (see the module)."""
    if photo.jpeg is not None:
        table = photo.jpeg.tables[0] if photo.jpeg.tables else None
        readable = table is not None and min(table) >= 1 and photo.jpeg.components != 4
        return 2 if readable and table and quantised_twice(windows, table) else 1
    # Lossy WebP, HEIC and AVIF cut blocks of their own, which an earlier JPEG's grid cannot be told from.
    if photo.format in _LOSSY and photo.data[12:16] != b"VP8L":
        return 1
    return int(has_grid(windows))
