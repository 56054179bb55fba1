"""A family is left out of training, and measured."""

import json
from pathlib import Path

import numpy as np
import pytest

from refundlens.datasets.collect import collect, read_list
from refundlens.datasets.collection import family_of, read_index
from refundlens.datasets.crops.store import Pair, Record, write_shard
from refundlens.datasets.row import PatternError
from refundlens.model.network.network import NetworkConfig
from refundlens.training.config import ConfigError, DataConfig, TrainConfig
from refundlens.training.evaluation import folds
from tests.datasets.collections import snapshot

pytestmark = pytest.mark.slow
SIDE = 64


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    source = snapshot(tmp_path)
    collect(read_list(source.list), source.snapshots, tmp_path / "out", source.masks)
    return tmp_path / "out"


@pytest.fixture
def config() -> TrainConfig:
    network = NetworkConfig(backbone="test_efficientnet", pretrained=False, width=8, noise=4)
    return TrainConfig(
        network=network, data=DataConfig(small=64), steps=2, pairs=4, warmup=1, validate_every=3, threads=1
    )


def crops(folder: Path, makers: list[str]) -> Path:
    rng = np.random.default_rng(0)
    pairs = [
        Pair(
            rng.integers(0, 255, (2, SIDE, SIDE, 3)).astype(np.uint8),
            np.full((2, SIDE // 8, SIDE // 8), 255, np.uint8),
            Record(f"whole:{maker}", "x", True, False, None),
        )
        for maker in makers
    ]
    write_shard(folder, 0, pairs)
    return folder


def test_a_fold_trains_without_its_family_and_is_measured_on_it(
    collection: Path, config: TrainConfig, tmp_path: Path
) -> None:
    generators = sorted({entry.generator for entry in read_index(collection) if entry.generated})
    family = family_of(generators[0])
    others = [name for name in ("DALL-E 2", "Qwen-Image") if family_of(name) != family]
    made = crops(tmp_path / "crops", [*generators, *others])
    lines = folds.run_folds(made, collection, tmp_path / "folds", config, [family], split="train")
    theirs = [e for e in read_index(collection) if e.generated and e.family == family]
    figures = lines[0]["figures"]
    assert sum(figures[key]["pictures"] for key in ("whole", "local") if key in figures) == len(theirs)
    assert json.loads((tmp_path / "folds" / folds.RESULT).read_text()) == lines
    # what is there is not trained again: with no crops left it would fail
    assert folds.run_folds(tmp_path / "nowhere", collection, tmp_path / "folds", config, [family]) == lines
    assert folds.folds_table(lines).splitlines()[2].startswith(f"| {family} |")


def test_a_family_that_nobody_knows_is_refused(collection: Path, config: TrainConfig, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no family"):
        folds.run_folds(tmp_path, collection, tmp_path, config, ["fluxx"])


def test_a_family_that_no_pair_shows_is_refused(
    collection: Path, config: TrainConfig, tmp_path: Path
) -> None:
    made = crops(tmp_path / "crops", ["DALL-E 2"])
    with pytest.raises(PatternError, match="names no pair"):
        folds.run_folds(made, collection, tmp_path / "folds", config, ["gan"])
