"""Small autoencoders learn, resume to the same weights, and their batches depend only on seed and step."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from datasets.editors.small_autoencoder import AutoencoderSpec, SmallAutoencoder, load
from training import autoencoders
from training.autoencoders import SPECS, batch, psnr, random_crops, split, train_autoencoder

TINY = AutoencoderSpec("tiny", 4, 4, "nearest", adversarial=True, widths=(4, 8, 8))


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Six smooth coloured pictures; crops small, so that steps are quick."""
    monkeypatch.setattr(autoencoders, "CROP", 32)
    rng = np.random.default_rng(0)
    paths = []
    for index in range(6):
        coarse = rng.integers(0, 256, (4, 5, 3), dtype=np.uint8)
        paths.append(tmp_path / f"{index}.jpg")
        cv2.imwrite(str(paths[-1]), cv2.resize(coarse, (90, 70), interpolation=cv2.INTER_CUBIC))
    return paths


@pytest.mark.filterwarnings("error")
def test_training_reconstructs_better_than_at_the_start(photos: list[Path], tmp_path: Path) -> None:
    spec = AutoencoderSpec("learner", 4, 8, "nearest", widths=(8, 24, 32))
    torch.manual_seed(0)
    before = psnr(SmallAutoencoder(spec).eval(), photos)
    path = train_autoencoder(spec, photos, tmp_path / "out", steps=60)
    assert path == tmp_path / "out" / "learner.pt"
    network = load(path)
    assert network.spec == spec
    assert psnr(network, photos) > before + 5
    assert not list((tmp_path / "out").glob("*.checkpoint")) and not list(
        (tmp_path / "out").glob("*.partial")
    )


def test_a_killed_run_resumes_to_the_same_weights(
    photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(autoencoders, "CHECKPOINT_EVERY", 5)
    straight = load(train_autoencoder(TINY, photos, tmp_path / "straight", steps=14, seed=3)).state_dict()

    def killed(network_photos: list[Path], seed: int, step: int) -> torch.Tensor:
        if step == 12:
            raise KeyboardInterrupt
        return batch(network_photos, seed, step)

    with monkeypatch.context() as patch:
        patch.setattr(autoencoders, "batch", killed)
        with pytest.raises(KeyboardInterrupt):
            train_autoencoder(TINY, photos, tmp_path / "killed", steps=14, seed=3)
    assert (tmp_path / "killed" / "tiny.checkpoint").exists()
    resumed = load(train_autoencoder(TINY, photos, tmp_path / "killed", steps=14, seed=3)).state_dict()
    for name, values in straight.items():
        torch.testing.assert_close(resumed[name], values, rtol=0, atol=0)


def test_a_finished_file_is_not_trained_again(photos: list[Path], tmp_path: Path) -> None:
    path = train_autoencoder(TINY, photos, tmp_path, steps=2)
    written = path.read_bytes()
    train_autoencoder(TINY, photos, tmp_path, steps=50)
    assert path.read_bytes() == written


def test_batches_depend_on_seed_and_step_only(photos: list[Path]) -> None:
    first, again = batch(photos, 1, 7), batch(photos, 1, 7)
    assert first.shape == (4, 3, 32, 32) and float(first.min()) >= 0 and float(first.max()) <= 1
    assert torch.equal(first, again)
    assert not torch.equal(first, batch(photos, 1, 8)) and not torch.equal(first, batch(photos, 2, 7))


@pytest.mark.parametrize("shape", [(300, 200), (128, 128), (60, 400)])
def test_crops_of_photos_of_any_shape(shape: tuple[int, int]) -> None:
    photo = np.zeros((*shape, 3), np.uint8)
    for seed in range(5):
        assert random_crops(photo, 3, np.random.default_rng(seed)).shape == (3, 128, 128, 3)


def test_held_out_photos_do_not_depend_on_the_others() -> None:
    paths = [Path(f"{index}.jpg") for index in range(400)]
    training, held_out = split(paths)
    assert 4 <= len(held_out) <= 40 and sorted(training + held_out) == sorted(paths)
    assert split(paths[100:])[1] == [path for path in held_out if path in paths[100:]]


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
