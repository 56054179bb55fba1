"""The model card: complete, readable by model hubs, and saying what the report says."""

from typing import Any, cast

import pytest
import yaml

from refundlens.model.verdict.calibration import Bin, Calibration
from refundlens.training.evaluation.card import (
    CardContext,
    recalibrated,
    table,
    with_real_editors,
    write_card,
)
from refundlens.training.evaluation.real_editors import RealEditorsReport


def measured(dimension: str, value: str, auc: float | None, photos: int = 50) -> dict[str, Any]:
    return {"dimension": dimension, "value": value, "auc": auc, "tpr_at_1": 0.4, "photos": photos, "rows": 90}


def covered(long_side: tuple[int, int], quality: tuple[int, int], **more: Any) -> Bin:
    return Bin(long_side=long_side, jpeg_quality=quality, sharpness=(0.0, 1.0), **more)


@pytest.fixture
def context() -> CardContext:
    headline = [
        {
            "name": "ROC AUC, all pictures",
            "value": 0.91234,
            "low": 0.9,
            "high": 0.92,
            "photos": 300,
            "rows": 900,
        },
        {
            "name": "authentic photos called fake",
            "value": 0.01,
            "accused": 3,
            "bound": 0.026,
            "photos": 300,
            "rows": 300,
        },
        {"name": "pixel F1 of spliced AI edits", "value": None, "photos": 1, "rows": 1},
    ]
    slices = [
        measured("generator", "taef2", 0.95),
        measured("generator", "lama", 0.61),
        measured("delivery", "q60_768", 0.70),
        measured("delivery", "rare", 0.20, photos=5),
        measured("delivery", "png", None),
    ]
    return CardContext(
        name="refundlens-s",
        version="1.0.0",
        licence="Apache-2.0",
        base="timm/tf_efficientnet_lite0.in1k",
        dataset_version="abc123",
        photos=[
            {
                "name": "garments",
                "amount": "1250 photos",
                "use": "training",
                "licence": "CC0-1.0",
                "attribution": "A|B",
            }
        ],
        generators=[
            {
                "name": "taef2",
                "amount": "1 network",
                "use": "edits",
                "licence": "MIT",
                "attribution": "its author",
            }
        ],
        trained_generators=["taef2"],
        phone_line="Here, mild upscaling of a whole photo counts as a phone's own.",
        training={"epochs": 12, "crop": 224},
        report={"headline": headline, "slices": slices},
        report_command="refundlens evaluate RUN DATA",
        figures=[{"name": "time a photo", "value": "210 ms", "command": "refundlens bench"}],
        calibration=Calibration(
            features=("a",),
            mean=(0.0,),
            scale=(1.0,),
            weights=(1.0,),
            offset=0.0,
            clear_below=0.2,
            limit=0.01,
            confidence=0.95,
            bins=(
                covered((0, 721), (60, 80), photos=400, accused=1, threshold=0.91, bound=0.0118),
                covered((1281, 10**9), (80, 101), photos=20),
                covered((0, 721), (101, 102), photos=400, threshold=0.93, bound=0.0075),
            ),
        ),
        calibration_command="refundlens calibrate RUN DATA",
        limits=["Pictures under 240 px cannot be judged."],
        cpu_minutes=412.4,
        hardware="2 cores",
    )


def test_model_hubs_can_read_the_front_matter(context: CardContext) -> None:
    _, front, body = write_card(context).split("---\n", 2)
    fields = yaml.safe_load(front)
    assert fields["license"] == "apache-2.0" and fields["base_model"] == "timm/tf_efficientnet_lite0.in1k"
    (result,) = fields["model-index"][0]["results"]
    assert result["metrics"] == [{"type": "roc_auc", "name": "ROC AUC, all pictures", "value": 0.9123}]
    assert result["dataset"]["revision"] == "abc123"
    assert body.lstrip().startswith("# refundlens-s 1.0.0")


def test_the_card_says_what_the_run_says(context: CardContext) -> None:
    card = write_card(context)
    for expected in (
        "0.912 | 0.900 to 0.920 | 300 / 900",
        "at most 2.6 %",
        "| taef2 | yes | 0.950 |",
        "| lama | **no** | 0.610 |",
        "refundlens evaluate RUN DATA",
        "| time a photo | 210 ms | `refundlens bench` |",
        "| 0 to 720 px, JPEG 60 to 79 | 400 | 1 | 0.9100 | 1.2 % |",
        "| 0 to 720 px, not JPEG | 400 | 0 | 0.9300 | 0.8 % |",
        "up to a probability of 0.200",
        "| 1281 px and more, JPEG 80 to 100 | 20 | 0 | no verdict `fake` | – |",
        "Never the only ground to accuse a person",
        "mild upscaling of a whole photo",
        "412 CPU minutes on 2 cores",
        "Pictures under 240 px",
        "A\\|B",
    ):
        assert expected in card
    weakest = card[card.index("### Weakest") : card.index("## Calibration")]
    assert weakest.index("lama") < weakest.index("q60_768") < weakest.index("taef2")
    assert "rare" not in weakest and "png" not in weakest


def test_an_incomplete_card_is_refused(context: CardContext) -> None:
    short = {key: value for key, value in context.items() if key not in ("limits", "calibration")}
    with pytest.raises(ValueError, match="lacks: calibration, limits"):
        write_card(cast(CardContext, short))


def test_a_run_without_evaluation_says_so(context: CardContext) -> None:
    card = write_card({**context, "report": {"headline": [], "slices": []}})
    assert "Nothing was measured yet" in card and "refundlens evaluate" not in card
    assert "Weakest slices" not in card and "| generator |" not in card


def real_editors(auc: float) -> RealEditorsReport:
    figure = {"value": auc, "low": 0.6, "high": 0.9, "pictures": 12}
    return RealEditorsReport(
        figures={"whole pictures against unrelated photos, AUC": figure},
        context={"model": {"sha256": "abc"}, "command": "refundlens evaluate one.onnx pictures"},
    )


def test_figures_of_real_editors_stand_beside_those_of_the_dataset(context: CardContext) -> None:
    once = with_real_editors(write_card(context), real_editors(0.71))
    card = with_real_editors(once, real_editors(0.81))
    assert "0.810 (0.600 to 0.900) | 12 |" in card and "0.710" not in card
    assert "refundlens evaluate one.onnx pictures" in card and "0.912 | 0.900 to 0.920 | 300 / 900" in card
    assert card.count("## Calibration\n") == card.count("### On pictures of real editors\n") == 1
    metrics = yaml.safe_load(card.split("---\n")[1])["model-index"][0]["results"][0]["metrics"]
    assert [one["value"] for one in metrics] == [0.9123, 0.81]
    assert card.split("## Calibration")[1] == write_card(context).split("## Calibration")[1]


def test_new_thresholds_are_said_to_be_younger_than_the_figures_until_they_are_measured(
    context: CardContext,
) -> None:
    nothing = write_card({**context, "report": {"headline": [], "slices": []}})
    assert "earlier ones" not in recalibrated(
        nothing, context["calibration"], "refundlens calibrate one.onnx"
    )
    measured = with_real_editors(nothing, real_editors(0.7))
    assert "Nothing was measured" not in measured and "0.700 (0.600" in measured
    younger = recalibrated(measured, context["calibration"], "refundlens calibrate one.onnx")
    assert "counts of verdicts are those of earlier ones" in younger
    assert "\n# refundlens-s 1.0.0\n" in younger
    named = recalibrated(measured, context["calibration"], "refundlens calibrate one.onnx", "1.0.1")
    assert "\n# refundlens-s 1.0.1\n" in named and "1.0.0" not in named
    again = with_real_editors(younger, real_editors(0.8))
    assert "earlier ones" not in again and "refundlens calibrate one.onnx" in again


def test_tables_are_even() -> None:
    lines = table(("a", "b"), [(1, "x | y"), (2, None)]).splitlines()
    assert lines[1] == "| --- | --- |" and lines[2] == "| 1 | x \\| y |" and len(lines) == 4


def test_a_borrowed_bound_says_whose_photos_it_counts(context: CardContext) -> None:
    borrowed = covered(
        (640, 1000), (60, 80), photos=80, threshold=0.9, bound=0.01, counted_on=((640, 1000), (30, 101))
    )
    context["calibration"] = context["calibration"].model_copy(update={"bins": (borrowed,)})
    assert "(counted on 640 to 999 px, JPEG 30 to 100)" in write_card(context)


def test_a_card_lists_where_suspects_begin_if_they_were_counted(context: CardContext) -> None:
    assert "suspect" not in write_card(context)
    known = context["calibration"]
    lower = tuple(one.model_copy(update={"threshold": 0.7123, "bound": 0.016}) for one in known.bins)
    context["calibration"] = known.model_copy(update={"suspect": lower})
    card = write_card(context)
    assert "| suspect from |" in card and "| 0.7123 |" in card and "with a bound of 1.6 %" in card
