"""Small autoencoders learn, and a killed training resumes to the same weights."""

from pathlib import Path

import pytest
import torch

from refundlens.datasets.editors.small_autoencoder import AutoencoderSpec, SmallAutoencoder, load
from refundlens.training.editors import autoencoders, train
from refundlens.training.editors.autoencoders import SPECS, psnr, train_autoencoder
from refundlens.training.editors.train import batch

pytestmark = pytest.mark.slow

TINY = AutoencoderSpec("tiny", 4, 4, "nearest", adversarial=True, widths=(4, 8, 8))


@pytest.mark.filterwarnings("error")
def test_training_reconstructs_better_than_at_the_start(small_photos: list[Path], tmp_path: Path) -> None:
    spec = AutoencoderSpec("learner", 4, 8, "nearest", widths=(8, 24, 32))
    torch.manual_seed(0)
    before = psnr(SmallAutoencoder(spec).eval(), small_photos)
    path = train_autoencoder(spec, small_photos, tmp_path / "out", steps=60)
    assert path == tmp_path / "out" / "learner.pt"
    network = load(path)
    assert network.spec == spec
    assert psnr(network, small_photos) > before + 5
    assert not list((tmp_path / "out").glob("*.checkpoint")) and not list(
        (tmp_path / "out").glob("*.partial")
    )


def test_a_killed_run_resumes_to_the_same_weights(
    small_photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "CHECKPOINT_EVERY", 5)
    straight = load(
        train_autoencoder(TINY, small_photos, tmp_path / "straight", steps=14, seed=3)
    ).state_dict()

    def killed(network_photos: list[Path], seed: int, step: int) -> torch.Tensor:
        if step == 12:
            raise KeyboardInterrupt
        return batch(network_photos, seed, step)

    with monkeypatch.context() as patch:
        patch.setattr(autoencoders, "batch", killed)
        with pytest.raises(KeyboardInterrupt):
            train_autoencoder(TINY, small_photos, tmp_path / "killed", steps=14, seed=3)
    assert (tmp_path / "killed" / "tiny.checkpoint").exists()
    resumed = load(train_autoencoder(TINY, small_photos, tmp_path / "killed", steps=14, seed=3)).state_dict()
    for name, values in straight.items():
        torch.testing.assert_close(resumed[name], values, rtol=0, atol=0)


def test_a_finished_file_is_not_trained_again(small_photos: list[Path], tmp_path: Path) -> None:
    path = train_autoencoder(TINY, small_photos, tmp_path, steps=2)
    written = path.read_bytes()
    train_autoencoder(TINY, small_photos, tmp_path, steps=50)
    assert path.read_bytes() == written


def test_without_photos_or_with_a_broken_one(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no photos"):
        train_autoencoder(TINY, [], tmp_path, steps=1)
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"broken\.jpg"):
        train_autoencoder(TINY, [tmp_path / "broken.jpg"], tmp_path, steps=1)


def test_the_specs_cover_the_bottlenecks_and_decoders() -> None:
    assert len({spec.name for spec in SPECS}) == len(SPECS)
    assert {spec.upsampling for spec in SPECS} == {"nearest", "bilinear", "transposed", "shuffle"}
    assert {4, 8, 16} <= {spec.channels for spec in SPECS} and any(spec.quantised for spec in SPECS)
    assert {spec.adversarial for spec in SPECS} == {True, False}
    for spec in SPECS:
        size = sum(values.numel() for values in SmallAutoencoder(spec).parameters())
        assert 0.4e6 < size < 1.5e6, spec.name
