"""Ways to make a photo lie. Each editor is one file behind `datasets.editors.base.Editor`.

In: an `EditRequest` (the photo, the same photo with a defect painted on, where the defect is).
Out: an `Edit` (the changed picture, which pixels changed, what kind of manipulation it is, by which generator).

`available` lists what can be loaded from given folders, under names that datasets record and that never change.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from refundlens.datasets.editors.base import Editor

if TYPE_CHECKING:
    from refundlens.datasets.editors.image_networks import ImageNetwork

Factory = Callable[[], Editor]
OWN = "ae-"
"""How names of our own small autoencoders begin."""
INPAINTERS = ("migan", "inpaint-")
"""How names of editors begin that draw a hole and leave the rest."""
MIGAN = "migan_pipeline_v2.onnx"


def available(generators: Path | None = None, small: Path | None = None) -> dict[str, Factory]:
    """Every editor that these folders allow: name -> a factory that loads it when called.

    generators: folder with the published weights (TAEF2, MI-GAN, SRGAN, ESRGAN, Real-ESRGAN, waifu2x); those whose
    files are missing are left out. small: folder of our own networks, each `<name>.pt` becoming "ae-<name>" (an
    autoencoder) and each `inpaint-<name>.pt` keeping its name (an inpainter).
    Without folders only "classical" is there, which needs no weights.
    """
    found: dict[str, Factory] = {"classical": _classical}
    if generators is not None:
        for name, (needs, load) in _PUBLISHED.items():
            if all((generators / file).exists() for file in needs):
                found[name] = _bound(load, generators)
    if small is not None:
        for path in sorted(small.glob("*.pt")):
            if path.stem.startswith("inpaint-"):
                found[path.stem] = _bound(_inpainter, path)
            else:
                found[f"{OWN}{path.stem}"] = _bound(_small, path)
    return found


def _bound(load: Callable[[Path], Editor], path: Path) -> Factory:
    return lambda: load(path)


def _classical() -> Editor:
    from refundlens.datasets.editors.classical import ClassicalEditor

    return ClassicalEditor()


def _small(path: Path) -> Editor:
    from refundlens.datasets.editors.autoencoder import AutoencoderEditor, load_small

    return AutoencoderEditor(f"{OWN}{path.stem}", load_small(path), keep_colours=True)


def _inpainter(path: Path) -> Editor:
    from refundlens.datasets.editors.inpainting import InpaintingEditor, drawn_by
    from refundlens.datasets.editors.small_inpainter import load

    network = load(path)
    return InpaintingEditor(path.stem, drawn_by(network), faithful=network.spec.faithful)


def _migan(folder: Path) -> Editor:
    from refundlens.datasets.editors.inpainting import InpaintingEditor, load_migan

    return InpaintingEditor("migan", load_migan(folder / MIGAN))


def _taef2(folder: Path) -> Editor:
    from refundlens.datasets.editors.autoencoder import AutoencoderEditor, load_taef2

    return AutoencoderEditor("taef2", load_taef2(folder))


def _network(name: str, load: Callable[[Path], "ImageNetwork"]) -> Callable[[Path], Editor]:
    def editor(folder: Path) -> Editor:
        from refundlens.datasets.editors.network import NetworkEditor

        return NetworkEditor(name, load(folder))

    return editor


def _srgan(scale: int) -> Callable[[Path], "ImageNetwork"]:
    def load(folder: Path) -> "ImageNetwork":
        from refundlens.datasets.editors.image_networks import load_srgan

        return load_srgan(folder / f"srgan_netG_x{scale}.pth")

    return load


def _esrgan(folder: Path) -> "ImageNetwork":
    from refundlens.datasets.editors.tfjs import load_tfjs

    return load_tfjs(folder / "esrgan_medium_x4_tfjs")


def _realesr(scale: int) -> Callable[[Path], "ImageNetwork"]:
    def load(folder: Path) -> "ImageNetwork":
        from refundlens.datasets.editors.ncnn_networks import load_realesr

        return load_realesr(folder, scale)

    return load


def _waifu2x(folder: Path) -> "ImageNetwork":
    from refundlens.datasets.editors.ncnn_networks import load_waifu2x

    return load_waifu2x(folder)


_PUBLISHED: dict[str, tuple[tuple[str, ...], Callable[[Path], Editor]]] = {
    "taef2": (("taef2_encoder.pth", "taef2_decoder.pth"), _taef2),
    "migan": ((MIGAN,), _migan),
    "srgan-x2": (("srgan_netG_x2.pth",), _network("srgan-x2", _srgan(2))),
    "srgan-x4": (("srgan_netG_x4.pth",), _network("srgan-x4", _srgan(4))),
    "esrgan-medium-x4": (("esrgan_medium_x4_tfjs/model.json",), _network("esrgan-medium-x4", _esrgan)),
    "realesr-animevideov3-x2": (
        ("realesr-animevideov3-x2.param", "realesr-animevideov3-x2.bin"),
        _network("realesr-animevideov3-x2", _realesr(2)),
    ),
    "realesr-animevideov3-x4": (
        ("realesr-animevideov3-x4.param", "realesr-animevideov3-x4.bin"),
        _network("realesr-animevideov3-x4", _realesr(4)),
    ),
    "waifu2x-photo-x2": (
        ("waifu2x_upconv7photo_scale2.0x_model.param", "waifu2x_upconv7photo_scale2.0x_model.bin"),
        _network("waifu2x-photo-x2", _waifu2x),
    ),
}
"""Files each published network needs, and how an editor is made from their folder."""
