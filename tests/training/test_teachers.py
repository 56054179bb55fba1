"""Networks that another one learns from."""

import json
from pathlib import Path

import pytest
import torch

from refundlens.training.config import LossConfig, TrainConfig
from refundlens.training.loop import FINAL, METRICS, Resumed, train
from refundlens.training.teachers import open_committee, open_network

pytestmark = pytest.mark.slow


def _told(run: Path) -> list[float]:
    """How far from its teachers a run was, line by line."""
    lines = (json.loads(line) for line in (run / METRICS).read_text(encoding="utf-8").splitlines())
    return [line["loss"]["teachers"] for line in lines if "loss" in line]


def test_a_committee_says_the_mean(run: Path) -> None:
    tiles = torch.randint(0, 255, (2, 64, 64, 3), dtype=torch.uint8)
    alone = open_network(run / FINAL)
    committee = open_committee([run / FINAL, run / FINAL])
    assert committee is not None and open_committee([]) is None
    for said, wanted in zip(committee(tiles), alone(tiles), strict=True):
        torch.testing.assert_close(said, wanted)
    with torch.no_grad():
        committee.members[1].kind_head.bias += 4.0  # type: ignore[operator]
    torch.testing.assert_close(committee(tiles)[0], alone(tiles)[0] + 2.0)


def test_who_starts_from_the_teacher_says_what_it_says(
    dataset: Path, run: Path, config: TrainConfig, tmp_path: Path
) -> None:
    still = config.model_copy(
        update={"steps": 20, "validate_every": 1000, "learning_rate": 0.0, "frozen_norms": True}
    )
    train(dataset, tmp_path / "near", still, init=run, teachers=[run / FINAL])
    train(dataset, tmp_path / "far", still.model_copy(update={"seed": 5}), teachers=[run / FINAL])
    near, far = (_told(tmp_path / name)[0] for name in ("near", "far"))
    assert near < far / 3


def test_a_run_goes_on_with_its_teachers_alone(
    dataset: Path, run: Path, config: TrainConfig, tmp_path: Path
) -> None:
    train(dataset, tmp_path / "taught", config, teachers=[run / FINAL])
    with pytest.raises(Resumed, match="begun with 1 teachers, not 0"):
        train(dataset, tmp_path / "taught", config)


def test_without_labels_and_teachers_there_is_nothing_to_learn(
    dataset: Path, config: TrainConfig, tmp_path: Path
) -> None:
    silent = config.model_copy(update={"loss": LossConfig(labels=0.0)})
    with pytest.raises(ValueError, match="--teacher"):
        train(dataset, tmp_path / "silent", silent)


def test_a_file_without_a_network_is_named(tmp_path: Path) -> None:
    torch.save({"state": {}}, tmp_path / "empty.pt")
    (tmp_path / "text.pt").write_text("no weights", encoding="utf-8")
    (tmp_path / "nothing.pt").write_bytes(b"")
    for name in ("empty.pt", "text.pt", "nothing.pt", "missing.pt"):
        with pytest.raises(ValueError, match=rf"{name} holds no network"):
            open_network(tmp_path / name)
