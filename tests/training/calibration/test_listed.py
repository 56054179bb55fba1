"""Collected pictures for calibration: who takes part, what counts for what, and that kept scores are not made again."""

import csv
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from refundlens.datasets.collection import INDEX
from refundlens.model.detection import ModelName
from refundlens.model.network.pooling import FEATURES
from refundlens.training.calibration.listed import Chosen, Listed, choose, score_listed
from refundlens.training.calibration.scoring import Sample, ScoreFile

COLUMNS = (
    "file", "split", "class", "kind", "pair", "mask", "generator", "repo", "group", "licence", "note", "jpeg_quality",
)  # fmt: skip
CALIBRATION, TRAIN = "Anduin2017/HowToCook", "magento/magento2-sample-data"
"""Repositories of those splits."""


class Brightness:
    """Its features are the picture's mean, and it counts what it looks at."""

    name = ModelName(name="bright", version="1", sha256="0" * 64)

    def __init__(self) -> None:
        self.looks = 0

    def score(self, pixels: NDArray[np.uint8]) -> Any:
        self.looks += 1
        return SimpleNamespace(features=np.full(len(FEATURES), pixels.mean()))


@pytest.fixture
def collected(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    rows: list[dict[str, str]] = []

    def add(name: str, label: str, repository: str, side: int = 700, **more: str) -> None:
        noise = rng.integers(0, 255, (side * 3 // 4, side, 3)).astype(np.uint8)
        Image.fromarray(noise).save(tmp_path / f"{name}.jpg", quality=90)
        row = dict.fromkeys(COLUMNS, "") | {"file": f"{name}.jpg", "split": "train", "class": label}
        rows.append(row | {"repo": repository, "group": f"{repository}:{name}"} | more)

    for index in range(6):
        add(f"photo{index}", "authentic", CALIBRATION)
        add(f"other{index}", "authentic", TRAIN)
    add("retouched", "authentic", CALIBRATION, note="EDITOR-EXIF:Adobe Photoshop CS6")
    add("held", "authentic", CALIBRATION, split="validation")
    add("tiny", "authentic", CALIBRATION, side=120)
    add("given", "input", CALIBRATION)
    for index in range(12):
        add(f"unseen{index}", "ai_generated", TRAIN, generator="DALL-E 2")
        add(f"seen{index}", "ai_edited", TRAIN, generator="LaMa (big-lama)")
    add("forged", "photoshopped", CALIBRATION)
    with (tmp_path / INDEX).open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return tmp_path


def names(pictures: list[Listed]) -> set[str]:
    return {one.name.removesuffix(".jpg") for one in pictures}


def test_authentic_photos_take_part_by_repository_and_fakes_by_editor(collected: Path) -> None:
    usual = names(choose([collected], Chosen()))
    assert usual == {f"photo{i}" for i in range(6)} | {"tiny"} | {f"unseen{i}" for i in range(12)}
    every = names(choose([collected], Chosen(splits=("train", "calibration"), unseen=True)))
    assert every - usual == {f"other{i}" for i in range(6)} | {f"seen{i}" for i in range(12)} | {"forged"}


def test_a_short_choice_is_part_of_a_longer_one_and_takes_from_all(collected: Path) -> None:
    few, more = (
        choose([collected], Chosen(count, ("train", "calibration"), unseen=True)) for count in (4, 9)
    )
    assert names(few) < names(more)
    assert [one.label for one in few] == [0, 0, 0, 0, 1, 1, 1, 1]
    assert {one.entry.repository for one in few[:4]} == {CALIBRATION, TRAIN}
    assert {one.editor for one in few[4:]} == {"DALL-E 2", "LaMa (big-lama)", f"unnamed, {CALIBRATION}"}


def test_each_picture_fits_or_counts_and_always_the_same(collected: Path) -> None:
    pictures = choose([collected], Chosen(splits=("train", "calibration"), unseen=True))
    fakes = [one.fits for one in pictures if one.label]
    assert 0 < sum(fakes) < len(fakes)
    again = choose([collected], Chosen(splits=("train", "calibration"), unseen=True))
    assert [one.fits for one in pictures] == [one.fits for one in again]


@pytest.mark.slow
def test_kept_scores_are_not_made_again_and_deliveries_only_shrink(collected: Path, tmp_path: Path) -> None:
    pictures = choose([collected], Chosen())
    detector: Any = Brightness()
    kept = ScoreFile(tmp_path / "scores.jsonl", detector)
    first = score_listed(detector, pictures, 3, kept)
    looks = detector.looks
    assert looks >= sum(len(found) for found in first) > 0
    again = score_listed(detector, pictures, 3, ScoreFile(tmp_path / "scores.jsonl", detector))
    assert detector.looks == looks
    flat: list[tuple[Sample, Sample]] = [
        pair for ones, others in zip(first, again, strict=True) for pair in zip(ones, others, strict=True)
    ]
    for one, other in flat:
        assert np.array_equal(one.features, other.features)
        assert (one.conditions, one.format, one.editor) == (other.conditions, other.format, other.editor)
        assert one.conditions.long_side <= 700
    by_name = dict(zip([one.name for one in pictures], first, strict=True))
    assert by_name["tiny.jpg"] == [] and len(by_name["photo0.jpg"]) == 3
    unseen = by_name["unseen0.jpg"][0]
    assert (unseen.label, unseen.kind, unseen.editor) == (1, "ai_generated", "DALL-E 2")
