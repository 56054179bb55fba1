"""Editors that decode again: spliced and whole, with tiny networks written in the real files' formats."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from refundlens.datasets.editors.autoencoder import (
    AutoencoderEditor,
    LatentCoder,
    load_small,
    load_taef2,
    taef2_decoder,
    taef2_encoder,
)
from refundlens.datasets.editors.base import EditRequest
from refundlens.datasets.editors.small_autoencoder import AutoencoderSpec, SmallAutoencoder, load, save

GENERATORS = os.environ.get("REFUNDLENS_GENERATORS")


@pytest.fixture
def request_() -> EditRequest:
    rng = np.random.default_rng(1)
    photo = rng.integers(90, 160, (100, 117, 3), dtype=np.uint8)
    region = np.zeros((100, 117), np.float32)
    region[40:62, 50:75] = 1
    painted = photo.copy()
    painted[region > 0] //= 4
    return EditRequest(photo, painted, region, "hole")


@pytest.fixture
def halving() -> LatentCoder:
    """A stand-in whose answer is known: the latent is the picture over 8, decoding gives back 0.9 of it."""
    return LatentCoder(lambda picture: picture / 8, lambda latent: latent * 8 * 0.9, 8)


def test_whole_regenerates_the_painted_picture(request_: EditRequest, halving: LatentCoder) -> None:
    editor = AutoencoderEditor("x", halving, "whole", latent_noise=0)
    edit = editor.edit(request_, np.random.default_rng(0))
    assert (edit.kind, edit.generator, edit.parameters["mode"]) == ("ai_generated", "x", "whole")
    assert edit.changed.shape == (100, 117) and (edit.changed == 1).all()
    assert edit.pixels.dtype == np.uint8
    np.testing.assert_allclose(edit.pixels, request_.painted * 0.9, atol=0.51)


def test_spliced_changes_only_its_mask_and_keeps_the_painting(
    request_: EditRequest, halving: LatentCoder
) -> None:
    editor = AutoencoderEditor("x", halving, "spliced", latent_noise=0)
    edit = editor.edit(request_, np.random.default_rng(0))
    assert (edit.kind, edit.parameters["mode"]) == ("ai_edited", "spliced")
    np.testing.assert_array_equal(edit.pixels[edit.changed == 0], request_.photo[edit.changed == 0])
    core = (request_.region > 0) & (edit.changed == 1)
    np.testing.assert_allclose(edit.pixels[core], request_.painted[core] * 0.9, atol=0.51)


def test_latent_noise_changes_the_content_and_is_recorded(
    request_: EditRequest, halving: LatentCoder
) -> None:
    editor = AutoencoderEditor("x", halving, "whole", latent_noise=0.5)
    strengths = [
        editor.edit(request_, np.random.default_rng(seed)).parameters["latent_noise"] for seed in range(12)
    ]
    assert min(strengths) == 0 and max(strengths) > 0.1
    noisy = int(np.argmax(strengths))
    first, again = (editor.edit(request_, np.random.default_rng(noisy)).pixels for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - request_.painted * 0.9).mean() > 2


def test_keeping_colours_undoes_a_cast_but_not_the_redrawing() -> None:
    """A stand-in that loses red and all detail: the flat colour comes back, a fine grating does not."""
    grating = np.full((64, 64, 3), (200, 40, 90), np.uint8)
    grating[:, ::2] += 20
    coder = LatentCoder(lambda x: torch.nn.functional.avg_pool2d(x, 8), lambda z: z.repeat_interleave(8, 2)
                        .repeat_interleave(8, 3) * torch.tensor([0.3, 1, 1])[:, None, None], 8)  # fmt: skip
    editor = AutoencoderEditor("x", coder, latent_noise=0, keep_colours=True)
    drawn, _ = editor.regenerate(grating, np.random.default_rng(0), whole=True)
    np.testing.assert_allclose(drawn.mean(axis=(0, 1)), grating.mean(axis=(0, 1)), atol=2)
    assert drawn[20:40, 20:40].std(axis=1).max() < 4


def test_either_gives_both_kinds(request_: EditRequest, halving: LatentCoder) -> None:
    editor = AutoencoderEditor("x", halving, "either")
    kinds = [editor.edit(request_, np.random.default_rng(seed)).kind for seed in range(20)]
    assert set(kinds) == {"ai_edited", "ai_generated"}


def test_nothing_painted_and_no_region_regenerates_somewhere(halving: LatentCoder) -> None:
    photo = np.full((80, 96, 3), 200, np.uint8)
    request = EditRequest(photo, photo, np.zeros((80, 96), np.float32), "other")
    edit = AutoencoderEditor("x", halving, "spliced", latent_noise=0).edit(request, np.random.default_rng(2))
    assert (edit.pixels[edit.changed == 1] == 180).all()
    assert 0 < (edit.changed > 0).mean() < 0.5


def test_sometimes_a_second_region_is_regenerated(request_: EditRequest, halving: LatentCoder) -> None:
    editor = AutoencoderEditor("x", halving, "spliced", latent_noise=0)
    edits = [editor.edit(request_, np.random.default_rng(seed)) for seed in range(30)]
    counts = {len(edit.parameters["regions"]) for edit in edits}
    assert counts == {1, 2}
    for edit in edits:
        np.testing.assert_array_equal(edit.pixels[edit.changed == 0], request_.photo[edit.changed == 0])


def test_bfloat16_is_for_whole_pictures_only() -> None:
    seen: list[torch.dtype] = []
    layer = torch.nn.Conv2d(3, 3, 1)

    def encode(picture: torch.Tensor) -> torch.Tensor:
        latent: torch.Tensor = layer(picture)
        seen.append(latent.dtype)
        return latent

    editor = AutoencoderEditor("x", LatentCoder(encode, lambda latent: latent, 1), bfloat16=True)
    pixels = np.zeros((16, 16, 3), np.uint8)
    for whole in (True, False):
        editor.regenerate(pixels, np.random.default_rng(0), whole)
    assert seen == [torch.bfloat16, torch.float32]


SPECS = [
    AutoencoderSpec("a", 8, 4, "nearest", widths=(4, 8, 8, 8)),
    AutoencoderSpec("b", 8, 16, "shuffle", widths=(4, 8, 8, 8)),
    AutoencoderSpec("c", 4, 4, "transposed", quantised=True, widths=(4, 8, 8)),
    AutoencoderSpec("d", 8, 8, "bilinear", widths=(4, 8, 8, 8)),
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.upsampling)
def test_small_autoencoders_survive_saving(
    spec: AutoencoderSpec, tmp_path: Path, request_: EditRequest
) -> None:
    torch.manual_seed(0)
    network = SmallAutoencoder(spec).eval()
    save(network, tmp_path / "a.pt")
    picture = torch.rand(1, 3, 32, 48)
    with torch.inference_mode():
        latent = network.encode(picture)
        assert latent.shape == (1, spec.channels, 32 // spec.factor, 48 // spec.factor)
        assert network(picture).shape == picture.shape
        torch.testing.assert_close(load(tmp_path / "a.pt")(picture), network(picture))
    coder = load_small(tmp_path / "a.pt")
    assert coder.factor == spec.factor
    edit = AutoencoderEditor("ae-a", coder, "whole").edit(request_, np.random.default_rng(0))
    assert edit.pixels.shape == request_.photo.shape


def test_quantised_latents_take_few_values() -> None:
    network = SmallAutoencoder(SPECS[2])
    seen: list[torch.Tensor] = []
    network.decoder.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    network.decode(torch.randn(1, 4, 16, 16) * 3)
    assert len(torch.unique(seen[0].round(decimals=4))) <= 8
    assert float(seen[0].abs().max()) <= 1.0 + 1e-6


def test_a_spec_must_fit_its_widths() -> None:
    with pytest.raises(ValueError, match="widths"):
        AutoencoderSpec("x", 8, 4, "nearest", widths=(4, 8))


def test_load_refuses_other_files(tmp_path: Path) -> None:
    torch.save({"weights": torch.zeros(1)}, tmp_path / "other.pt")
    with pytest.raises(ValueError, match="not a small autoencoder"):
        load_small(tmp_path / "other.pt")


def test_taef2_reads_the_two_state_dicts(tmp_path: Path) -> None:
    torch.manual_seed(0)
    encoder, decoder = taef2_encoder(8, 4).eval(), taef2_decoder(8, 4).eval()
    for half, network in (("encoder", encoder), ("decoder", decoder)):
        torch.save({k: v.half() for k, v in network.state_dict().items()}, tmp_path / f"taef2_{half}.pth")
    coder = load_taef2(tmp_path)
    picture = torch.rand(1, 3, 32, 40)
    with torch.inference_mode():
        latent = coder.encode(picture)
        assert latent.shape == (1, 4, 4, 5)
        torch.testing.assert_close(coder.decode(latent), decoder(encoder(picture)), atol=5e-3, rtol=5e-3)


def test_taef2_has_the_published_keys() -> None:
    """Positions and shapes of the published files (79 tensors a half), so that they load."""
    encoder, decoder = taef2_encoder().state_dict(), taef2_decoder().state_dict()
    assert len(encoder) == len(decoder) == 79
    assert encoder["12.pool.0.weight"].shape == (256, 64, 1, 1) and encoder["14.weight"].shape == (
        32,
        64,
        3,
        3,
    )
    assert decoder["3.pool.3.weight"].shape == (64, 256, 1, 1) and decoder["19.weight"].shape == (3, 64, 3, 3)
    assert "10.bias" not in encoder and "17.bias" not in decoder


@pytest.mark.skipif(
    GENERATORS is None or not (Path(GENERATORS) / "taef2_encoder.pth").exists(),
    reason="REFUNDLENS_GENERATORS is not set to a folder with the published weights",
)
def test_the_real_taef2_is_faithful_on_a_smooth_picture() -> None:
    """A wrong layer order gives errors above 30 levels; the right one about 5 on photos, less on a gradient."""
    assert GENERATORS is not None
    ramp = np.linspace(60, 200, 128)
    picture = np.stack([np.add.outer(ramp, ramp[::-1]) / 2] * 3, axis=2).astype(np.uint8)
    editor = AutoencoderEditor("taef2", load_taef2(Path(GENERATORS)), "whole", latent_noise=0)
    drawn, _ = editor.regenerate(picture, np.random.default_rng(0), whole=True)
    assert np.abs(drawn.astype(int) - picture).mean() < 5
