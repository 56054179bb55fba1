"""The registry offers what the folders hold, loads lazily, and keeps its names."""

from pathlib import Path

import numpy as np
import pytest
import torch

from refundlens.datasets.editors import available
from refundlens.datasets.editors.base import EditRequest
from refundlens.datasets.editors.image_networks import SrganGenerator
from refundlens.datasets.editors.small_autoencoder import AutoencoderSpec, SmallAutoencoder, save
from refundlens.datasets.editors.small_inpainter import InpainterSpec, SmallInpainter
from refundlens.datasets.editors.small_inpainter import save as save_inpainter

PUBLISHED = {
    "taef2": ["taef2_encoder.pth", "taef2_decoder.pth"],
    "srgan-x2": ["srgan_netG_x2.pth"],
    "srgan-x4": ["srgan_netG_x4.pth"],
    "esrgan-medium-x4": ["esrgan_medium_x4_tfjs/model.json"],
    "realesr-animevideov3-x2": ["realesr-animevideov3-x2.param", "realesr-animevideov3-x2.bin"],
    "realesr-animevideov3-x4": ["realesr-animevideov3-x4.param", "realesr-animevideov3-x4.bin"],
    "waifu2x-photo-x2": [
        "waifu2x_upconv7photo_scale2.0x_model.param",
        "waifu2x_upconv7photo_scale2.0x_model.bin",
    ],
}


@pytest.fixture
def request_() -> EditRequest:
    photo = np.random.default_rng(0).integers(0, 256, (72, 88, 3), dtype=np.uint8)
    region = np.zeros((72, 88), np.float32)
    region[20:40, 30:60] = 1
    return EditRequest(photo, np.where(region[..., None] > 0, photo // 3, photo), region, "hole")


def test_without_folders_only_the_classical_tools(tmp_path: Path) -> None:
    assert list(available()) == ["classical"]
    assert list(available(tmp_path / "missing", tmp_path)) == ["classical"]


def test_names_of_the_published_networks(tmp_path: Path) -> None:
    for files in PUBLISHED.values():
        for file in files:
            (tmp_path / file).parent.mkdir(exist_ok=True)
            (tmp_path / file).touch()
    assert set(available(tmp_path)) == {"classical", *PUBLISHED}
    (tmp_path / "taef2_decoder.pth").unlink()
    assert "taef2" not in available(tmp_path)


def test_every_factory_makes_the_editor_of_its_name(tmp_path: Path, request_: EditRequest) -> None:
    torch.manual_seed(0)
    for scale in (2, 4):
        torch.save(SrganGenerator(scale, width=4).state_dict(), tmp_path / f"srgan_netG_x{scale}.pth")
    small = tmp_path / "small"
    small.mkdir()
    for name in ("one", "two"):
        spec = AutoencoderSpec(name, 4, 4, "nearest", widths=(4, 8, 8))
        save(SmallAutoencoder(spec), small / f"{name}.pt")
    save_inpainter(SmallInpainter(InpainterSpec("four", "noise", (4, 6, 8))), small / "inpaint-four.pt")
    (small / "three.checkpoint").touch()
    editors = available(tmp_path, small)
    assert set(editors) == {"classical", "srgan-x2", "srgan-x4", "ae-one", "ae-two", "inpaint-four"}
    for name, make in editors.items():
        editor = make()
        edit = editor.edit(request_, np.random.default_rng(0))
        assert editor.name == name
        assert edit.generator == name or edit.generator.startswith("classical.")
        assert edit.pixels.shape == request_.photo.shape and edit.changed.shape == request_.region.shape
