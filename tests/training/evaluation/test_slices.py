"""Slices: who is compared to whom, and what is counted."""

import math
from typing import Any

import numpy as np
import pytest

from refundlens.datasets.row import Row
from refundlens.model.detection import Conditions
from refundlens.model.verdict.bounds import upper_bound
from refundlens.training.evaluation.metrics import PixelCounts, roc_auc
from refundlens.training.evaluation.slices import LEAST_CROSSED, Measured, Scored, measure, slices, table


def scored(
    source: str,
    probability: float,
    *,
    kind: str = "authentic",
    delivery: str = "png",
    verdict: str = "inconclusive",
    pixel: PixelCounts | None = None,
    long_side: int = 640,
    quality: int | None = None,
    **row: Any,
) -> Scored:
    """A scored row with as little said as possible."""
    return Scored(
        row=Row.model_validate(
            {
                "file_name": f"{source}-{kind}-{delivery}.png",
                "label": int(kind != "authentic"),
                "kind": kind,
                "split": "test",
                "source": source,
                "group": source,
                "licence": "CC0-1.0",
                "delivery": {"name": delivery, "steps": []},
                "width": 640,
                "height": 480,
                "phash": "0",
                **row,
            }
        ),
        probability=probability,
        verdict=verdict,
        kind={"authentic": 1 - probability, kind if kind != "authentic" else "ai_edited": probability},
        pixel=pixel,
        defect_pixel=None,
        conditions=Conditions(long_side=long_side, jpeg_quality=quality, quantisations=1, sharpness=0.5),
    )


def figures(rows: list[Scored], dimension: str, value: str, trained: set[str] | None = None) -> Measured:
    (part,) = [s for s in slices(rows, trained) if (s.dimension, s.value) == (dimension, value)]
    return measure(part, rounds=20)


@pytest.fixture
def rows() -> list[Scored]:
    """Four photos; q60 makes every probability larger, whatever the class."""
    clean = [scored(f"p{i}", 0.1 + 0.1 * i, real_defect="hole" if i == 0 else None) for i in range(4)]
    sent = [scored(f"p{i}", 0.6 + 0.1 * i, delivery="q60", quality=60) for i in range(4)]
    fakes = [
        scored(f"p{i}", 0.55 + 0.1 * i, kind="ai_edited", generator="taef2", defect="hole") for i in range(4)
    ]
    return [*clean, *sent, *fakes]


def test_a_generator_is_compared_to_authentic_rows_of_its_own_delivery(rows: list[Scored]) -> None:
    part = next(s for s in slices(rows) if s.dimension == "generator")
    assert {one.row.delivery["name"] for one in part.against} == {"png"}
    assert all(one.row.label == 0 for one in part.against) and len(part.against) == 4
    assert figures(rows, "generator", "taef2").auc == 1.0
    overall = roc_auc([one.row.label for one in rows], [one.probability for one in rows])
    assert figures(rows, "overall", "all").auc == pytest.approx(overall)
    assert overall < 1.0


def test_an_authentic_slice_is_compared_to_the_fakes(rows: list[Scored]) -> None:
    real = figures(rows, "real defect", "hole")
    assert (real.rows, real.compared_rows, real.auc) == (1, 4, 1.0)
    assert figures(rows, "source", "plain photo").rows == 7


def test_a_delivery_without_fakes_has_no_auc(rows: list[Scored]) -> None:
    sent = figures(rows, "delivery", "q60")
    assert math.isnan(sent.auc) and math.isnan(sent.tpr_at_1)
    assert sent.rows == 4 and sent.compared_rows == 0


def test_accusations_are_counted_a_photo_not_a_variant() -> None:
    variants = [scored("a", 0.9, verdict="fake", delivery=f"d{i}") for i in range(5)]
    others = [scored(name, 0.1, verdict="authentic") for name in "bcdefghij"]
    fakes = [scored("k", 0.9, kind="photoshopped", verdict="fake")]
    overall = figures([*variants, *others, *fakes], "overall", "all")
    assert (overall.photos, overall.authentic_photos, overall.accused_photos) == (11, 10, 1)
    assert overall.accusation_bound == upper_bound(1, 10)
    assert overall.called_fake == pytest.approx(6 / 15)
    assert math.isnan(figures([*variants, *others, *fakes], "kind", "photoshopped").accusation_bound)


def test_generators_never_trained_on_stand_apart(rows: list[Scored]) -> None:
    both = [*rows, scored("p0", 0.3, kind="ai_edited", generator="new")]
    values = {s.value for s in slices(both, {"taef2"}) if s.dimension == "generator seen"}
    assert values == {"ai_edited, seen in training", "ai_edited, never seen in training"}
    assert not [s for s in slices(both) if s.dimension == "generator seen"]


def test_pixel_f1_leaves_out_what_has_nothing_to_find() -> None:
    rows = [
        scored("a", 0.9, kind="ai_edited", pixel=PixelCounts(50, 0, 50)),
        scored("b", 0.9, kind="ai_edited", pixel=PixelCounts(1000, 0, 0)),
        scored("c", 0.1, pixel=PixelCounts(0, 400, 0)),
        scored("d", 0.9, kind="ai_generated"),
    ]
    overall = figures(rows, "overall", "all")
    assert overall.pixel_f1 == pytest.approx((2 / 3 + 1) / 2)
    assert overall.pixel_f1_pooled == pytest.approx(2100 / 2150)
    assert math.isnan(figures(rows, "kind", "authentic").pixel_f1)


def test_conditions_and_operations_make_slices() -> None:
    rows = [
        scored("a", 0.1, long_side=720, quality=75, benign=[{"operation": "crop"}, {"operation": "denoise"}]),
        scored("b", 0.1, long_side=721, quality=76),
        scored("c", 0.1, long_side=4000, quality=95, content="fabric"),
    ]
    found = {(s.dimension, s.value): len(s.rows) for s in slices(rows)}
    for key in [("size", "up to 720 px"), ("size", "up to 1280 px"), ("size", "over 1280 px")]:
        assert found[key] == 1
    for key in [
        ("compression", "JPEG up to 75"),
        ("compression", "JPEG up to 90"),
        ("compression", "JPEG over 90"),
    ]:
        assert found[key] == 1
    assert found["benign operation", "crop"] == found["benign operation", "denoise"] == 1
    assert found["content", "fabric"] == found["source", "benign processing"] == 1


def test_intervals_hold_the_figure_and_repeat() -> None:
    rng = np.random.default_rng(0)
    rows = [scored(f"p{i}", float(np.clip(rng.normal(0.4, 0.2), 0, 1))) for i in range(40)]
    rows += [
        scored(f"p{i}", float(np.clip(rng.normal(0.6, 0.2), 0, 1)), kind="ai_edited", generator="g")
        for i in range(40)
    ]
    first, second = table(slices(rows), rounds=50), table(slices(rows), rounds=50)
    overall = first[0]
    assert overall.dimension == "overall"
    assert overall.auc_low < overall.auc < overall.auc_high
    assert overall.auc_high - overall.auc_low > 0.05
    assert overall.tpr_at_1 <= overall.tpr_at_3_7 <= overall.tpr_at_5
    assert repr(first) == repr(second)


def test_crossed_dimensions_need_enough_photos() -> None:
    rows = [
        scored(
            f"p{i}",
            0.5,
            kind="ai_edited",
            generator="often" if i else "once",
            defect="hole",
            group=f"shop:{i}",
        )
        for i in range(LEAST_CROSSED + 1)
    ]
    plain, crossed = ({(one.dimension, one.value) for one in slices(rows, crossed=c)} for c in (False, True))
    assert crossed - plain == {
        ("kind and defect", "ai_edited, hole"),
        ("kind and collection", "ai_edited, shop"),
        ("generator and delivery", "often, png"),
        ("defect and delivery", "hole, png"),
        ("collection and delivery", "shop, png"),
    }
    assert ("collection", "shop") in plain and ("generator", "once") in plain


def test_balanced_figures_do_not_depend_on_the_share_of_fakes() -> None:
    rows = [scored(f"p{i}", 0.2, verdict="authentic") for i in range(4)]
    rows += [scored(f"p{i}", 0.8, kind="ai_edited", verdict="fake") for i in range(4)]
    once, thrice = figures(rows, "overall", "all"), figures([*rows, *rows[4:], *rows[4:]], "overall", "all")
    assert once.ece_balanced == pytest.approx(thrice.ece_balanced) == pytest.approx(0.2)
    assert once.balanced_accuracy == thrice.balanced_accuracy == 1.0
