"""Two processes that talk by gloo take the same steps as one that splits its batch in two."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from refundlens.datasets.crops.store import Pair, Record, write_shard
from refundlens.model.network.network import NetworkConfig
from refundlens.training import loop
from refundlens.training.config import DataConfig, TrainConfig, save
from refundlens.training.distributed import Team
from tests.support.ports import free_port

pytestmark = pytest.mark.slow
STEPS = 8


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    pairs = []
    for index in range(16):
        both = rng.integers(60, 200, (2, 64, 64, 3)).astype(np.uint8)
        both[1, 16:48] = 128
        maps = np.zeros((2, 8, 8), np.uint8)
        maps[0, 2:6] = 255
        pairs.append(Pair(both, maps, Record(f"paired:{index}", "x", True, True, None)))
    write_shard(tmp_path / "crops", 0, pairs)
    return tmp_path / "crops"


def _curve(run: Path) -> list[float]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [line["loss"]["total"] for line in lines if "loss" in line]


def test_the_loss_curve_is_one_process_s(
    crops: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = NetworkConfig(backbone="test_efficientnet", pretrained=False, width=8, noise=4, dropout=0.0)
    config = TrainConfig(
        network=network, data=DataConfig(small=64), steps=STEPS, pairs=4, warmup=2, threads=1, save_every=STEPS,
        validate_every=STEPS,
    )  # fmt: skip
    monkeypatch.setattr(loop, "LOG_EVERY", 1)
    loop.train(crops, tmp_path / "one", config.model_copy(update={"accumulate": 2}))
    save(config, tmp_path / "two.yaml")
    program = (
        "import sys; from pathlib import Path; from refundlens.training import config, loop; loop.LOG_EVERY = 1; "
        "loop.train(Path(sys.argv[1]), Path(sys.argv[2]), config.load(Path(sys.argv[3])))"
    )
    port = free_port()
    shared = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", program, str(crops), str(tmp_path / "two"), str(tmp_path / "two.yaml")]
    children = [
        subprocess.Popen(command, env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)})
        for rank in range(2)
    ]
    assert [child.wait(300) for child in children] == [0, 0]
    alone, together = _curve(tmp_path / "one"), _curve(tmp_path / "two")
    assert len(alone) == len(together) == STEPS
    assert np.allclose(alone, together, atol=2e-3), (alone, together)
    assert alone[0] != alone[-1]
    assert (tmp_path / "two" / loop.FINAL).is_file()


def test_parts_are_whole_twins_and_make_the_batch() -> None:
    batch = {"kind": torch.arange(12), "aligned": torch.arange(6)}
    parts = [Team(rank, 3).part(batch) for rank in range(3)]
    for key in batch:
        assert torch.equal(torch.cat([part[key] for part in parts]), batch[key])
    with pytest.raises(ValueError, match="6 pairs a step cannot be shared by 4"):
        Team(0, 4).part(batch)
