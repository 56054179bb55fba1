"""What the small trainings share: batches depend only on seed and step, crops fit any photo, holding out is stable."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from refundlens.training.editors import train as small_networks
from refundlens.training.editors.train import (
    Drawn,
    Run,
    batch,
    list_photos,
    random_crops,
    reconstruction_loss,
    split,
    train,
)


def test_batches_depend_on_seed_and_step_only(small_photos: list[Path]) -> None:
    first, again = batch(small_photos, 1, 7), batch(small_photos, 1, 7)
    assert first.shape == (4, 3, 32, 32) and float(first.min()) >= 0 and float(first.max()) <= 1
    assert torch.equal(first, again)
    assert not torch.equal(first, batch(small_photos, 1, 8))
    assert not torch.equal(first, batch(small_photos, 2, 7))


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


def test_folders_and_files_are_listed(small_photos: list[Path]) -> None:
    assert list_photos([small_photos[0].parent]) == small_photos
    assert list_photos(small_photos[2:4]) == small_photos[2:4]


def test_the_loss_is_zero_for_the_picture_itself_and_grows_with_a_cast() -> None:
    real = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    assert float(reconstruction_loss(real, real)) == 0
    assert 0 < float(reconstruction_loss(real + 0.01, real)) < float(reconstruction_loss(real + 0.1, real))


def test_the_judge_joins_half_way_and_only_when_it_has_weight(tmp_path: Path) -> None:
    def judge_after(steps_done: int, weight: float) -> torch.Tensor:
        torch.manual_seed(0)
        network = nn.Conv2d(3, 3, 1)
        run = Run.start(network)
        before = run.judge[0].weight.detach().clone()
        real = torch.rand(1, 3, 16, 16)

        def draw(step: int) -> Drawn:
            if step >= steps_done:
                raise KeyboardInterrupt
            pictures = network(real)
            return Drawn(pictures, real, reconstruction_loss(pictures, real))

        with pytest.raises(KeyboardInterrupt):
            train(run, draw, tmp_path / "none.checkpoint", 10, weight)
        return (run.judge[0].weight.detach() - before).abs().max()

    assert float(judge_after(5, 0.02)) == 0
    assert float(judge_after(6, 0.02)) > 0
    assert float(judge_after(9, 0.0)) == 0


def test_checkpoints_are_written_every_so_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_networks, "CHECKPOINT_EVERY", 4)
    network = nn.Conv2d(3, 3, 1)
    real = torch.rand(1, 3, 16, 16)
    train(
        Run.start(network),
        lambda step: Drawn(network(real), real, reconstruction_loss(network(real), real)),
        tmp_path / "net.checkpoint",
        6,
        0.0,
    )
    run = Run.start(nn.Conv2d(3, 3, 1))
    run.restore(tmp_path / "net.checkpoint")
    assert run.step == 4 and [path.name for path in tmp_path.iterdir()] == ["net.checkpoint"]
