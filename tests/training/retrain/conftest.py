"""The smallest loop that is whole: a collection, a snapshot, crops, a tiny network's weights and bundle as champion."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import cv2
import numpy as np
import pytest

from refundlens.datasets.collect import collect, read_list
from refundlens.datasets.collection import INDEX
from refundlens.datasets.crops import fresh
from refundlens.datasets.crops.store import SIDE, Pair, Record, write_shard
from refundlens.datasets.snapshot.make import make_snapshot
from refundlens.model import bundle
from refundlens.model.network.network import NetworkConfig
from refundlens.training.config import DataConfig, TrainConfig, save
from refundlens.training.export import with_metadata, write_bundle
from refundlens.training.gate import gate
from refundlens.training.loop import FINAL, train
from refundlens.training.retrain.plan import RetrainPlan
from tests.datasets.collections import photo, snapshot
from tests.datasets.snapshot.feedback import Feedback, jpeg
from tests.support.tiny import tiny_calibration


@dataclass
class Loop:
    plan: RetrainPlan
    feedback: Feedback
    store: Path


@pytest.fixture(scope="session")
def loop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Loop]:
    patch = pytest.MonkeyPatch()
    patch.setattr(fresh, "PAIRS", 12)
    patch.setattr(gate, "time_ratio", lambda first, second: (10.0, 1.0))
    yield _make(tmp_path_factory)
    patch.undo()


def _add_for_calibration(collection: Path) -> None:
    """Enough photos of a sender that counts accusations, and pictures of a generator that counts misses."""
    names = (collection / INDEX).read_text(encoding="utf-8").splitlines()[0].split(",")
    with (collection / INDEX).open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, names, restval="")
        for index in range(96):
            made, name = index >= 80, f"more{index}.jpg"
            (collection / name).write_bytes(jpeg(photo(900 + index, 240, 260)))
            facts = {"class": "ai_generated", "kind": "generated", "generator": "Kolors"} if made else {
                "class": "authentic", "kind": "real_scene"}  # fmt: skip
            repository = "some/gallery" if made else "Anduin2017/HowToCook"
            writer.writerow({"file": name, "split": "train", "repo": repository, "group": name, **facts})


def _make(tmp_path_factory: pytest.TempPathFactory) -> Loop:
    folder = tmp_path_factory.mktemp("loop")
    source = snapshot(folder / "public")
    rows = read_list(source.list)
    collect(rows, source.snapshots, folder / "collection", source.masks)
    for row in rows[:2]:  # authentic photos that are measured on
        row["split"] = "validation"
    collect(rows, source.snapshots, folder / "collection", source.masks)
    _add_for_calibration(folder / "collection")
    feedback = Feedback(folder / "labels")
    for index in range(16):
        feedback.add(700 + index, "authentic", f"acct{index % 3}", content=jpeg(photo(700 + index)))
        soft = cv2.GaussianBlur(photo(800 + index), (0, 0), 1.5)
        feedback.add(
            800 + index, "ai_generated" if index % 4 else "fake", f"acct{index % 3}",
            content=jpeg(np.asarray(soft, np.uint8)), generator="Newcomer 1",
        )  # fmt: skip
    made = make_snapshot([feedback.write()], folder / "store", datetime(2026, 11, 28, tzinfo=UTC))
    crops = folder / "old"
    rng = np.random.default_rng(0)
    pairs = []
    for index in range(8):
        crop = rng.integers(60, 200, (2, SIDE, SIDE, 3)).astype(np.uint8)
        maps = np.zeros((2, SIDE // 8, SIDE // 8), np.uint8)
        maps[0] = 255
        pairs.append(Pair(crop, maps, Record(f"whole:{index}", "x", True, True, None)))
    write_shard(crops, 0, pairs)
    (crops / "dataset.json").write_text('{"version": "old", "generators": ["Elder 1"]}')
    network = NetworkConfig(backbone="test_efficientnet", pretrained=False, width=8, noise=4)
    config = TrainConfig(
        network=network, data=DataConfig(small=64, grow=1.0, replay=0.5), steps=3, pairs=4, warmup=1,
        validate_every=3, save_every=2, threads=1,
    )  # fmt: skip
    save(config, folder / "config.yaml")
    train(crops, folder / "champion", config)
    write_bundle(folder / "champion", folder / "raw.onnx", "tiny", "1", {})
    facts = {bundle.CALIBRATION: tiny_calibration().to_json()}
    with_metadata(folder / "raw.onnx", folder / "champion.onnx", facts)
    plan = RetrainPlan(
        made.folder, folder / "work", folder / "champion" / FINAL, folder / "champion.onnx",
        folder / "collection", crops, "tiny", "2", config=folder / "config.yaml", shards=1, deliveries=1,
        limit=0.4, trusted=8, suite_photos=8, rounds=20, accepted=("wrong_labels", "poisoned_series"),
    )  # fmt: skip
    return Loop(plan, feedback, folder / "store")
