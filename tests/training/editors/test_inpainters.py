"""Small inpainters learn to fill holes, resume to the same weights, and their holes depend only on seed and step."""

from pathlib import Path

import numpy as np
import pytest
import torch

from refundlens.datasets.editors.small_inpainter import InpainterSpec, SmallInpainter, load
from refundlens.training.editors import inpainters, train
from refundlens.training.editors.inpainters import (
    SPECS,
    holes,
    inpainting_loss,
    psnr,
    random_hole,
    train_inpainter,
)
from refundlens.training.editors.train import batch

pytestmark = pytest.mark.slow

TINY = (
    InpainterSpec("g", "gated", (8, 16)),
    InpainterSpec("f", "fourier", (8, 16)),
    InpainterSpec("n", "noise", (8, 16, 16)),
)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("spec", TINY, ids=lambda spec: spec.design)
def test_training_fills_holes_better_than_at_the_start(
    spec: InpainterSpec, small_photos: list[Path], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    before = psnr(SmallInpainter(spec).eval(), small_photos)
    path = train_inpainter(spec, small_photos, tmp_path, steps=80)
    network = load(path)
    after = psnr(network, small_photos)
    assert path == tmp_path / f"inpaint-{spec.name}.pt" and network.spec == spec
    assert after[0] > before[0] + 0.5 and after[1] > before[1] + 1
    assert [left.name for left in tmp_path.iterdir()] == [path.name]


def test_a_killed_run_resumes_to_the_same_weights(
    small_photos: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train, "CHECKPOINT_EVERY", 3)
    spec = TINY[2]
    straight = load(train_inpainter(spec, small_photos, tmp_path / "straight", steps=8, seed=3)).state_dict()

    def killed(photos: list[Path], seed: int, step: int) -> torch.Tensor:
        if step == 7:
            raise KeyboardInterrupt
        return batch(photos, seed, step)

    with monkeypatch.context() as patch:
        patch.setattr(inpainters, "batch", killed)
        with pytest.raises(KeyboardInterrupt):
            train_inpainter(spec, small_photos, tmp_path / "killed", steps=8, seed=3)
    assert (tmp_path / "killed" / "inpaint-n.checkpoint").exists()
    resumed = load(train_inpainter(spec, small_photos, tmp_path / "killed", steps=8, seed=3)).state_dict()
    for name, values in straight.items():
        torch.testing.assert_close(resumed[name], values, rtol=0, atol=0)


def test_a_finished_file_is_not_trained_again(small_photos: list[Path], tmp_path: Path) -> None:
    path = train_inpainter(TINY[0], small_photos, tmp_path, steps=2)
    written = path.read_bytes()
    train_inpainter(TINY[0], small_photos, tmp_path, steps=50)
    assert path.read_bytes() == written


def test_without_photos_there_is_nothing_to_train_on(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no photos"):
        train_inpainter(TINY[0], [], tmp_path, steps=1)


def test_holes_depend_on_seed_and_step_only_and_leave_something_to_see() -> None:
    first = holes(4, 64, 1, 7)
    assert first.shape == (4, 1, 64, 64) and set(first.unique().tolist()) == {0.0, 1.0}
    assert torch.equal(first, holes(4, 64, 1, 7)) and not torch.equal(first, holes(4, 64, 1, 8))
    shares = [float(random_hole(64, np.random.default_rng(seed)).mean()) for seed in range(60)]
    assert max(shares) < 0.8 and 0.05 < np.mean(shares) < 0.35


def test_errors_in_the_hole_cost_more() -> None:
    real = torch.zeros(1, 3, 16, 16)
    hole = torch.zeros(1, 1, 16, 16)
    hole[..., :8] = 1
    inside, outside = real + 0.2 * hole, real + 0.2 * (1 - hole)
    assert float(inpainting_loss(inside, real, hole)) > 3 * float(inpainting_loss(outside, real, hole)) > 0


def test_the_specs_cover_the_designs_and_stay_small() -> None:
    assert len({spec.name for spec in SPECS}) == len(SPECS)
    assert {spec.design for spec in SPECS} == {"gated", "fourier", "noise"}
    for spec in SPECS:
        size = sum(values.numel() for values in SmallInpainter(spec).parameters())
        assert 0.5e6 < size < 1.5e6, spec.name
