"""pyIFD 0.0.3 (Apache-2.0, 2021): the classical maps ELA, ADQ1 and NOI1. Maps only, so none of them has a score.

The package's own functions compute every number. What stands between them and today's NumPy, its missing
dependencies and its habit of writing into the working directory is in `training.peers.shims`.

ADQ1 gives a probability, which is left as it is. ELA and NOI1 give residuals without a scale: they go through
pyIFD's own `postprocessing`, which stretches each picture to 64 steps between its 1st and 99th percentile. So their
maps rank the pixels of one picture and say nothing across pictures: a fixed threshold has no meaning for them.
"""

import tempfile
import warnings
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
from numpy.typing import NDArray

from refundlens.model.photo.decode import turn
from refundlens.model.photo.jpeg import parse_jpeg
from refundlens.training.peers.base import load
from refundlens.training.peers.shims import MemoryFiles, rebind, scalar_int, stand_ins

INSTALL = "pip install PyWavelets jpeglib && pip install --no-deps pyIFD==0.0.3"
_STEPS = 63
"""pyIFD's `postprocessing` gives whole numbers from 1 to 64."""
_DCT_BLOCK = 8
"""Pixels a cell of ADQ1's map."""
_NOISE_BLOCK = 16
"""Pixels a cell of NOI1's map: 8 x 8 wavelet coefficients, each two pixels apart."""
_FEWEST_CELLS = 2
"""pyIFD's `postprocessing` fails on a single value, which has no contrast to show anyway."""
_INPUT = "picture"
"""Name under which the functions that read files find the bytes."""

Map = NDArray[np.float32]


class _Maps:
    """A map-only peer."""

    name: str

    def score(self, data: bytes) -> float | None:
        """None: pyIFD gives no score for a picture, and one made up here would not be its own."""
        return None


class Ela(_Maps):
    """Error level analysis at its defaults (quality 90, times 15, mean of the channels)."""

    name = "pyifd-ela"

    def __init__(self) -> None:
        self._module = _module("ELA", self.name)
        self._util = _module("util", self.name)

    def heatmap(self, data: bytes) -> Map | None:
        """float32 [H,W] of the displayed picture; None for formats OpenCV cannot read."""
        files = MemoryFiles({_INPUT: data})
        if files.imread(_INPUT) is None:
            return None
        levels = rebind(self._module.ELA, cv2=files, os=files)(_INPUT)
        return _stretched(levels, self._util)


class Noi1(_Maps):
    """Local noise level from the diagonal wavelet band (Mahdian and Saic 2009), 16-pixel cells."""

    name = "pyifd-noi1"

    def __init__(self) -> None:
        self._module = _module("NOI1", self.name)
        self._util = _module("util", self.name)

    def heatmap(self, data: bytes) -> Map | None:
        """float32 [H,W] of the displayed picture; None for formats OpenCV cannot read and pictures of one cell."""
        files = MemoryFiles({_INPUT: data})
        picture = files.imread(_INPUT)
        if picture is None:
            return None
        levels = rebind(self._module.GetNoiseMap, cv2=files)(_INPUT)
        if levels.size < _FEWEST_CELLS:
            return None
        return _spread(_stretched(levels, self._util), picture.shape[:2], _NOISE_BLOCK)


class Adq1(_Maps):
    """Probability that an 8-pixel block was compressed once where the rest was twice (Lin et al. 2009)."""

    name = "pyifd-adq1"

    def __init__(self) -> None:
        self._detect = rebind(_module("ADQ1", self.name).detectDQ_JPEG, int=scalar_int)
        self._jpeglib = load("jpeglib", self.name, INSTALL)

    def heatmap(self, data: bytes) -> Map | None:
        """float32 [H,W] of the displayed picture; None for files that are not JPEG and those it fails on."""
        facts = parse_jpeg(data)
        if facts is None or MemoryFiles({_INPUT: data}).imread(_INPUT) is None:
            return (
                None  # the second: libjpeg ends the whole process on some broken files, which OpenCV refuses
            )
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of features beside the map, which are not used
                cells = self._detect(self._coefficients(data))[0]
        except Exception:  # its own driver answers None to any exception
            return None
        return turn(_spread(cells, (facts.height, facts.width), _DCT_BLOCK), facts.exif.orientation)

    def _coefficients(self, data: bytes) -> SimpleNamespace:
        """What jpegio (which pyIFD expects) would give: luma DCT coefficients as one plane, and the picture's size."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / _INPUT
            path.write_bytes(data)
            jpeg = self._jpeglib.read_dct(str(path))
            blocks = jpeg.Y
        rows, columns = blocks.shape[:2]
        plane = blocks.transpose(0, 2, 1, 3).reshape(rows * _DCT_BLOCK, columns * _DCT_BLOCK)
        return SimpleNamespace(coef_arrays=[plane], image_height=jpeg.height, image_width=jpeg.width)


def _module(name: str, peer: str) -> ModuleType:
    with stand_ins("jpegio", "skimage", "skimage.color"):
        return load(f"pyIFD.{name}", peer, INSTALL)


def _stretched(levels: NDArray[np.float64], util: ModuleType) -> Map:
    """pyIFD's own display scaling, brought from 1..64 to 0..1; zeros where all levels are equal."""
    with np.errstate(invalid="ignore", divide="ignore"):
        shown = util.postprocessing(levels.copy())
    return np.asarray((shown - 1) / _STEPS, np.float32)


def _spread(cells: NDArray[np.floating], size: tuple[int, int], block: int) -> Map:
    """Cells of `block` pixels as float32 [*size]; what the map leaves out at the border takes the last cell."""
    rows, columns = (
        np.minimum(np.arange(side) // block, count - 1) for side, count in zip(size, cells.shape, strict=True)
    )
    return np.asarray(cells[rows][:, columns], np.float32)
