"""Controls: each must catch the cheat it was made for, and leave an honest detector alone."""

import io
from typing import Literal

import numpy as np
import pytest
from PIL import Image

from refundlens.datasets.editors.base import Edit, EditRequest
from refundlens.datasets.row import Row
from refundlens.model.detection import Conditions
from refundlens.model.names import Verdict
from refundlens.training.evaluation.controls import (
    HARMLESS,
    RANDOM_AREA,
    conditions_alone,
    format_swap,
    harmless_copies,
    random_mask,
    random_mask_edits,
    verdict_stability,
)
from refundlens.training.evaluation.slices import Scored

Pictures = list[np.ndarray]


def opened(data: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(data)) as picture:
        return np.asarray(picture.convert("RGB"))


def red(data: bytes) -> float:
    """An honest scorer of this test's edits, which add red."""
    pixels = opened(data).astype(float)
    return float(np.clip((pixels[..., 0] - pixels[..., 1]).mean() / 255 + 0.5, 0, 1))


def is_png(data: bytes) -> float:
    return float(data.startswith(b"\x89PNG"))


class Reddener:
    """An editor whose trace is red."""

    name = "reddener"

    def edit(self, request: EditRequest, rng: np.random.Generator) -> Edit:
        pixels = request.painted.astype(np.float32)
        pixels[..., 0] += 120 * request.region
        return Edit(np.clip(pixels, 0, 255).astype(np.uint8), request.region, "ai_edited", self.name)


@pytest.fixture
def photos() -> Pictures:
    """Six smooth grey pictures of 96 x 128 pixels, alike in every channel."""
    rng = np.random.default_rng(5)
    small = [Image.fromarray(rng.integers(60, 190, (6, 8), dtype=np.uint8)) for _ in range(6)]
    return [np.repeat(np.asarray(one.resize((128, 96)))[..., None], 3, axis=2) for one in small]


@pytest.fixture
def edits(photos: Pictures) -> Pictures:
    region = np.zeros((96, 128), np.float32)
    region[20:60, 30:80] = 1
    rng = np.random.default_rng(0)
    return [Reddener().edit(EditRequest(one, one, region, "hole"), rng).pixels for one in photos]


def test_format_swap_catches_a_reader_of_formats(photos: Pictures, edits: Pictures) -> None:
    honest = format_swap(photos, edits, red)
    assert honest.passed is True and honest.values["auc_authentic_png_edited_jpeg"] == 1.0
    cheat = format_swap(photos, edits, is_png)
    assert cheat.passed is False
    assert cheat.values["auc_authentic_jpeg_edited_png"] == 1.0
    assert cheat.values["auc_authentic_png_edited_jpeg"] == 0.0
    assert cheat.values["all_png_to_all_jpeg"] == 0.0 and cheat.values["largest_move"] == 1.0
    assert format_swap(photos, [], red).passed is None


def test_random_regions_tell_traces_from_looks(photos: Pictures) -> None:
    traces = random_mask_edits(photos, Reddener(), red, np.random.default_rng(1))
    assert traces.values["auc"] == 1.0 and traces.values["mean_rise"] > 0
    looks = random_mask_edits(photos, Reddener(), lambda data: 0.4, np.random.default_rng(1))
    assert looks.values["auc"] == 0.5 and looks.values["mean_rise"] == 0.0
    assert "reddener" in traces.name


def test_random_masks_have_the_size_of_defects() -> None:
    rng = np.random.default_rng(2)
    for _ in range(50):
        mask = random_mask(240, 320, rng)
        assert mask.shape == (240, 320) and mask.dtype == np.float32
        assert 0 < mask.mean() <= RANDOM_AREA[1] * 1.05
        assert mask.min() >= 0 and mask.max() <= 1


def test_harmless_copies_catch_who_calls_small_pictures_fake(photos: Pictures) -> None:
    def judge(data: bytes) -> tuple[float, Verdict]:
        small = opened(data).shape[1] < 92  # a resized copy is 90 wide, a cropped one 94
        return (0.9, "fake") if small else (0.1, "authentic")

    control = harmless_copies(photos, judge, np.random.default_rng(3))
    assert control.values["resize_turned_fake"] == control.values["resize_auc"] == 1.0
    for name in ("crop", "recompress", *HARMLESS):
        assert control.values[f"{name}_turned_fake"] == 0.0
        assert control.values[f"{name}_auc"] == 0.5


def test_harmless_copies_differ_from_their_originals(photos: Pictures) -> None:
    seen: list[bytes] = []

    def judge(data: bytes) -> tuple[float, Verdict]:
        seen.append(data)
        return 0.5, "inconclusive"

    harmless_copies(photos[:1], judge, np.random.default_rng(3))
    assert len(set(seen)) == len(seen) == 4 + len(HARMLESS)


def test_stability_counts_what_turns(photos: Pictures) -> None:
    def by_table(data: bytes) -> tuple[float, Verdict]:
        with Image.open(io.BytesIO(data)) as picture:
            coarse = picture.quantization[0][0] > 3  # the first step at quality 90 is 3, at 85 it is 5
        return (0.9, "fake") if coarse else (0.1, "authentic")

    turning = verdict_stability(photos, by_table).values
    assert turning == {"same": 0.0, "to_inconclusive": 0.0, "to_fake": 1.0, "opposite": 1.0}
    steady = verdict_stability(photos, lambda data: (0.5, "inconclusive")).values
    assert steady == {"same": 1.0, "to_inconclusive": 0.0, "to_fake": 0.0, "opposite": 0.0}


def read_as(label: Literal[0, 1], long_side: int, quality: int | None) -> Scored:
    row = Row(
        file_name="a.png",
        label=label,
        kind="ai_edited" if label else "authentic",
        split="test",
        source="a",
        group="a",
        licence="CC0-1.0",
        delivery={"name": "png", "steps": []},
        width=9,
        height=9,
        phash="0",
    )
    conditions = Conditions(long_side=long_side, jpeg_quality=quality, quantisations=1, sharpness=0.5)
    return Scored(row, 0.5, "inconclusive", {}, None, None, conditions)


def test_circumstances_alone_give_an_unfair_benchmark_away() -> None:
    fair = [read_as(label, side, 80) for label in (0, 1) for side in (600, 800, 1280)]
    assert conditions_alone(fair).values["furthest_from_half"] == 0.0
    unfair = [read_as(0, 1280, 80), read_as(0, 1280, 90), read_as(1, 1280, None), read_as(1, 1280, None)]
    values = conditions_alone(unfair).values
    assert values["auc_jpeg_quality"] == 1.0 and values["furthest_from_half"] == 0.5
    assert values["auc_long_side"] == 0.5
