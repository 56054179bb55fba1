"""Inpainters: networks of every design draw any picture and survive saving; edits change only what they say."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from refundlens.datasets.editors import MIGAN, available
from refundlens.datasets.editors.base import EditRequest
from refundlens.datasets.editors.inpainting import InpaintingEditor, drawn_by
from refundlens.datasets.editors.small_autoencoder import AutoencoderSpec, SmallAutoencoder
from refundlens.datasets.editors.small_autoencoder import save as save_autoencoder
from refundlens.datasets.editors.small_inpainter import InpainterSpec, SmallInpainter, fill, load, save
from tests.datasets.networks import save_negating_inpainter

pytestmark = pytest.mark.slow

SPECS = (
    InpainterSpec("g", "gated", (4, 6, 8)),
    InpainterSpec("f", "fourier", (4, 8, 8)),
    InpainterSpec("n", "noise", (4, 6, 8)),
)


class _Echo(nn.Module):
    """Stands for a trained network: the known picture comes back as it is, the hole in one grey."""

    def __init__(self, grey: float = 0.9, error: float = 0.0) -> None:
        super().__init__()
        self.spec = InpainterSpec("echo", "gated", (4, 8))
        self.grey, self.error = grey, error
        self.holes: list[Tensor] = []

    def forward(self, pictures: Tensor, hole: Tensor, noise: torch.Generator | None = None) -> Tensor:
        self.holes.append(hole)
        # alternating columns: an error that matching the colours cannot take away
        stripes = self.error * (torch.arange(pictures.shape[-1]) % 2 * 2 - 1)
        return (pictures + stripes) * (1 - hole) + self.grey * hole


@pytest.fixture
def request_() -> EditRequest:
    photo = np.random.default_rng(0).integers(60, 120, (150, 180, 3), dtype=np.uint8)
    region = np.zeros((150, 180), np.float32)
    region[50:90, 60:110] = 1
    return EditRequest(photo, np.where(region[..., None] > 0, photo // 3, photo), region, "hole")


def _removal(request: EditRequest) -> EditRequest:
    return EditRequest(request.photo, request.photo, request.region, request.defect)


def _editor(network: nn.Module, mode: str) -> InpaintingEditor:
    return InpaintingEditor("inpaint-x", drawn_by(network), mode, network.spec.faithful)  # type: ignore[arg-type, union-attr]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.design)
def test_networks_save_load_and_depend_on_what_is_in_the_hole_only_outside_it(
    spec: InpainterSpec, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    save(SmallInpainter(spec), tmp_path / "net.pt")
    network = load(tmp_path / "net.pt")
    pictures, hole = torch.rand(1, 3, 96, 80), torch.zeros(1, 1, 96, 80)
    hole[..., 20:50, 30:60] = 1
    with torch.inference_mode():
        out = network(pictures, hole)
        assert out.shape == pictures.shape and network.spec == spec
        torch.testing.assert_close(network(torch.where(hole > 0, 0.1, pictures), hole), out)
        assert not torch.equal(network(pictures * 0.5, hole), out)
        noisy = [network(pictures, hole, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)]
    assert torch.equal(noisy[0], noisy[1])
    assert torch.equal(noisy[0], noisy[2]) == (spec.design != "noise")


def test_another_file_is_refused(tmp_path: Path) -> None:
    spec = AutoencoderSpec("a", 4, 4, "nearest", widths=(4, 8, 8))
    save_autoencoder(SmallAutoencoder(spec), tmp_path / "a.pt")
    with pytest.raises(ValueError, match="not a small inpainter"):
        load(tmp_path / "a.pt")


@pytest.mark.parametrize("shape", [(32, 48), (37, 51)])
def test_a_hole_is_filled_from_around_it_and_the_rest_is_kept(shape: tuple[int, int]) -> None:
    ramp = torch.linspace(0.2, 0.8, shape[1]).expand(1, 3, *shape)
    hole = torch.zeros(1, 1, *shape)
    hole[..., 10:20, 15:30] = 1
    filled = fill(torch.where(hole > 0, 0.0, ramp), hole)
    torch.testing.assert_close(torch.where(hole > 0, 0.0, filled), torch.where(hole > 0, 0.0, ramp))
    inside = filled[hole.expand_as(filled) > 0]
    assert float(inside.min()) > 0.3 and float(inside.max()) < 0.7
    assert float((filled - ramp).abs().max()) < 0.15


def test_removal_invents_all_of_the_region_and_leaves_the_rest_to_the_bit(request_: EditRequest) -> None:
    network = _Echo()
    edit = _editor(network, "spliced").edit(_removal(request_), np.random.default_rng(1))
    assert edit.kind == "ai_edited" and edit.generator == "inpaint-x"
    assert edit.parameters["task"] == "removal" and edit.parameters["mode"] == "spliced"
    assert (edit.changed[request_.region > 0.5] > 0.9).all()
    np.testing.assert_array_equal(edit.pixels[edit.changed == 0], request_.photo[edit.changed == 0])
    assert (edit.pixels[edit.changed == 1] == 230).all()
    assert float(network.holes[0].sum()) == pytest.approx(float((edit.changed > 0).sum()))


def test_a_painted_defect_is_shown_in_islands(request_: EditRequest) -> None:
    network = _Echo()
    edit = _editor(network, "spliced").edit(request_, np.random.default_rng(1))
    assert edit.parameters["task"] == "damage"
    inside = request_.region > 0.5
    shown = (edit.pixels[inside] < 60).all(axis=1).mean()  # the painted defect is darker than the photo
    assert shown == pytest.approx(edit.parameters["kept"], abs=0.05)
    assert (edit.pixels[inside] > 200).all(axis=1).mean() == pytest.approx(1 - shown, abs=0.1)
    np.testing.assert_array_equal(edit.pixels[edit.changed == 0], request_.photo[edit.changed == 0])


def test_whole_pictures_only_from_what_hands_the_rest_on_well(request_: EditRequest) -> None:
    faithful = _editor(_Echo(error=0.01), "whole").edit(request_, np.random.default_rng(2))
    assert faithful.kind == "ai_generated" and (faithful.changed == 1).all()
    assert (faithful.pixels != request_.photo).any(axis=2).mean() > 0.5
    poor = _editor(_Echo(error=0.05), "whole").edit(request_, np.random.default_rng(2))
    assert poor.kind == "ai_edited" and poor.parameters["mode"] == "spliced"
    np.testing.assert_array_equal(poor.pixels[poor.changed == 0], request_.photo[poor.changed == 0])


def test_without_a_region_a_random_one_is_removed(request_: EditRequest) -> None:
    empty = EditRequest(request_.photo, request_.painted, np.zeros_like(request_.region), "hole")
    edit = _editor(_Echo(), "spliced").edit(empty, np.random.default_rng(3))
    assert edit.parameters["task"] == "removal" and 0 < (edit.changed > 0.5).mean() < 0.5


@pytest.mark.parametrize("shape", [(60, 50), (640, 700)])
@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.design)
def test_photos_of_any_size_and_the_same_edit_again(spec: InpainterSpec, shape: tuple[int, int]) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    region = np.zeros(shape, np.float32)
    region[shape[0] // 10 : -shape[0] // 10, shape[1] // 10 : -shape[1] // 10] = 1
    torch.manual_seed(0)
    editor = _editor(SmallInpainter(spec).eval(), "spliced")
    request = EditRequest(photo, photo, region, "stain")
    first, again = (editor.edit(request, np.random.default_rng(4)) for _ in range(2))
    assert first.pixels.shape == photo.shape
    np.testing.assert_array_equal(first.pixels, again.pixels)


def test_migan_fills_the_hole_alone(tmp_path: Path, request_: EditRequest) -> None:
    save_negating_inpainter(tmp_path / MIGAN)
    editor = available(tmp_path)["migan"]()
    edit = editor.edit(_removal(request_), np.random.default_rng(1))
    assert (edit.kind, edit.generator) == ("ai_edited", "migan")
    np.testing.assert_array_equal(edit.pixels[edit.changed == 1], 255 - request_.photo[edit.changed == 1])
    np.testing.assert_array_equal(edit.pixels[edit.changed == 0], request_.photo[edit.changed == 0])
