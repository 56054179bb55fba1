"""How a picture reached us: size, compression, sharpness. The verdict's bound depends on it, its probability does not.

In: a `Photo`. Out: `Conditions`. A sample of at most 512 x 512 pixels is measured, so large photos cost no more.

How reliable (22 camera files, 22 garment photos of phones and 24 small garment photos, shrunk by a random factor, then
saved once or twice at quality 50 to 95):
- `quantisations` is a lower bound. Never 2 in a photo saved once (0 of 544); 2 in 98 % of those saved twice on the same
  grid where the first save was the coarser by 10 quality steps or more, in 86 % where it was by 5 or more, in 15 %
  where it was the finer. Saves on another grid (cropped or resized in between) or at the same quality stay unseen.
- 0 against 1 in lossless files: no false trace in 606; at least 83 % of cropped copies of quality 85 are seen, 75 % of
  quality 92.
- `sharpness` compares octaves, so it depends on content: of one picture's versions it orders them; between pictures
  it separates crisp (0.4 to 1) from twice enlarged (0.05 to 0.3).
"""

from collections.abc import Sequence

import numpy as np

from model.compression import has_grid, quantised_twice
from model.decode import turn_back
from model.detection import Conditions
from model.image import Photo
from model.windows import Luma, luma_windows

_LOSSY = ("webp", "heic", "avif")
_BLURRED, _CRISP = 0.14, 1.0
"""Energy of the finest octave over the next, where sharpness is 0 and 1: a photo enlarged three times, or blurred by
one pixel, lies at 0.14 to 0.18; photos straight from a camera or shrunk to half lie between 0.4 and 1.3."""
_NOISE_FLOOR = 0.05
"""Grey levels squared: rounding noise of a flat window, which must not count as detail."""


def measure(photo: Photo) -> Conditions:
    """Conditions of a photo; `supported` stays True here, calibration decides it."""
    orientation = photo.jpeg.exif.orientation if photo.jpeg else 1
    windows = luma_windows(turn_back(photo.pixels, orientation))
    return Conditions(
        long_side=max(photo.width, photo.height),
        jpeg_quality=photo.jpeg.quality if photo.jpeg else None,
        quantisations=count_quantisations(photo, windows),
        sharpness=sharpness(windows),
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


def _blur(luma: Luma, step: int) -> Luma:
    """Binomial 1-2-1 in both directions with holes of `step`: loses `step` pixels a side."""
    across = luma[:, : -2 * step] + 2 * luma[:, step:-step] + luma[:, 2 * step :]
    both: Luma = (across[: -2 * step] + 2 * across[step:-step] + across[2 * step :]) / np.float32(16.0)
    return both


def sharpness(windows: Sequence[Luma]) -> float:
    """Energy at the pixel's own octave against the next one, 0 (blurred or enlarged) to 1 (crisp).

    The median over the half of the windows that holds more detail, on a logarithmic scale. 0 where nothing is left to
    measure: a picture under 16 pixels, or a flat one.
    """
    ratios, details = [], []
    for luma in windows:
        if min(luma.shape) < 16:
            continue
        once = _blur(luma, 1)
        finest = (luma[1:-1, 1:-1] - once)[2:-2, 2:-2]
        coarser = once[2:-2, 2:-2] - _blur(once, 2)
        details.append(float(np.mean(coarser * coarser)))
        ratios.append(float(np.mean(finest * finest)) / (details[-1] + _NOISE_FLOOR))
    if not ratios or max(details) <= 0.0:
        return 0.0
    chosen = [ratio for ratio, detail in zip(ratios, details, strict=True) if detail >= np.median(details)]
    scale = np.log(max(float(np.median(chosen)), 1e-9) / _BLURRED) / np.log(_CRISP / _BLURRED)
    return round(float(np.clip(scale, 0.0, 1.0)), 4)
