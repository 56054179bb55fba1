"""Networks in ncnn's format (`.param` + `.bin`): Real-ESRGAN's compact video models and waifu2x.

In: the path without suffix. Out: an `ImageNetwork`. ncnn does not copy NumPy's memory: the input array must outlive
the extraction, and the output is copied before the extractor goes.
"""

from pathlib import Path

import numpy as np

from refundlens.datasets.editors.image_networks import Floats, ImageNetwork

WAIFU2X_BORDER = 7
"""Pixels that waifu2x's unpadded convolutions eat on each side, at the input's scale."""


def load_ncnn(
    stem: Path, scale: int, entry: str = "data", exit: str = "output", border: int = 0, threads: int = 1
) -> ImageNetwork:
    """An ncnn network that maps [3,h,w] in 0..1 at blob `entry` to [3,h*scale,w*scale] at blob `exit`.

    border: pixels to add by reflection on each side because the network eats them.
    Raises FileNotFoundError if one of the two files is missing.
    """
    import ncnn

    param, weights = stem.with_name(stem.name + ".param"), stem.with_name(stem.name + ".bin")
    for path in (param, weights):
        if not path.is_file():
            raise FileNotFoundError(f"an ncnn network needs {path}")
    network = ncnn.Net()
    network.opt.use_vulkan_compute = False
    network.opt.num_threads = threads
    if network.load_param(str(param)) or network.load_model(str(weights)):
        raise ValueError(f"ncnn cannot read {stem}")

    def function(planes: Floats) -> Floats:
        planes = np.pad(planes, ((0, 0), (border, border), (border, border)), mode="symmetric")
        planes = np.ascontiguousarray(planes)
        extractor = network.create_extractor()
        extractor.input(entry, ncnn.Mat(planes))
        status, drawn = extractor.extract(exit)
        if status:
            raise RuntimeError(f"ncnn failed on {stem.name} with status {status}")
        return np.array(drawn, np.float32)

    return ImageNetwork(function, scale)


def load_realesr(folder: Path, scale: int) -> ImageNetwork:
    """realesr-animevideov3, x2 or x4 (Real-ESRGAN, arXiv 2107.10833; BSD-3)."""
    return load_ncnn(folder / f"realesr-animevideov3-x{scale}", scale)


def load_waifu2x(folder: Path) -> ImageNetwork:
    """waifu2x's photo model, x2 (MIT)."""
    return load_ncnn(folder / "waifu2x_upconv7photo_scale2.0x_model", 2, "Input1", "Eltwise4", WAIFU2X_BORDER)
