"""What was measured of a version and how it was trained, kept beside it: for pages that compare versions.

In: `report.json` of `refundlens evaluate`, or the `.jsonl` log of `refundlens train`. Out: the part of it that is
shown, as JSON values among the version's facts. A report of another model is refused.
"""

import json
import math
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field, ValidationError
from sqlalchemy.orm import Session

from refundlens.serving.events import audit
from refundlens.serving.events.audit import Fact
from refundlens.serving.kit.errors import Invalid
from refundlens.serving.kit.principal import Principal
from refundlens.serving.registry import service
from refundlens.serving.storage.tables import ModelVersion

EVALUATION, TRAINING = "evaluation", "training"
MOST_SLICES, MOST_POINTS, MOST_STEPS = 500, 400, 200


class Slice(BaseModel):
    """A slice's figures; none where they have no meaning. Names as `training.evaluation.slices.Measured`."""

    dimension: str = Field(max_length=60)
    value: str = Field(max_length=120)
    photos: int
    rows: int
    auc: float | None = None
    auc_low: float | None = None
    auc_high: float | None = None
    tpr_at_1: float | None = None
    ece_balanced: float | None = None
    pixel_f1: float | None = None
    called_fake: float | None = None
    called_inconclusive: float | None = None
    called_authentic: float | None = None
    authentic_photos: int = 0
    accused_photos: int = 0
    accusation_bound: float | None = None


class Curves(BaseModel):
    """roc: [false positive rate, true positive rate]. reliability: [said, share that was fake, pictures]."""

    roc: list[tuple[float, float]] = Field(default_factory=list, max_length=MOST_POINTS)
    reliability: list[tuple[float, float, int]] = Field(default_factory=list, max_length=MOST_POINTS)


class Evaluation(BaseModel):
    """What is kept of a report. measured_on: what its context says of the pictures."""

    slices: list[Slice] = Field(min_length=1, max_length=MOST_SLICES)
    curves: Curves | None = None
    measured_on: str = Field(default="", max_length=300)


def attach(
    session: Session, by: Principal, version: str, name: str, content: bytes, now: datetime
) -> ModelVersion:
    """Keep a file beside a version; one of the same kind takes its place. name: of the file, which says what it is.
    Raises Forbidden, NotFound, Invalid."""
    service.check_operator(by)
    row = service.find(session, version)
    kind = TRAINING if name.endswith(".jsonl") else EVALUATION
    read = _training(content) if kind == TRAINING else _evaluation(content, row)
    row.facts = {**row.facts, kind: read}
    row.revision += 1
    row.changed_at = now
    session.flush()
    audit.append(session, by.tenant, now, by.actor, Fact("model.described", row.id, data={"kind": kind}))
    return row


def evaluation_of(row: ModelVersion) -> Evaluation | None:
    found = row.facts.get(EVALUATION)
    return None if found is None else Evaluation.model_validate(found)


def training_of(row: ModelVersion) -> Sequence[dict[str, float]]:
    """The log's steps: `step`, `loss`, and what was measured then."""
    steps: Sequence[dict[str, float]] = row.facts.get(TRAINING, [])
    return steps


def _evaluation(content: bytes, row: ModelVersion) -> dict[str, Any]:
    try:
        said = json.loads(content)
        context = said.get("context") or {}
        measured = (context.get("model") or {}).get("sha256")
        found = Evaluation.model_validate({**said, "measured_on": _words(context)})
    except (ValidationError, ValueError, AttributeError, TypeError) as error:
        raise Invalid("no_report", "This is no report.json of `refundlens evaluate`.") from error
    if measured is not None and measured != row.sha256:
        raise Invalid("another_s_report", f"This report is of another model, SHA-256 {str(measured)[:12]}….")
    return found.model_dump()


def _words(context: dict[str, Any]) -> str:
    return ", ".join(str(context[name]) for name in ("title", "dataset", "split") if context.get(name))[:300]


def _training(content: bytes) -> list[dict[str, float]]:
    try:
        lines = [json.loads(line) for line in content.splitlines() if line.strip()]
        steps = [_step(line) for line in lines]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise Invalid(
            "no_log", "This is no log of `refundlens train`: a JSON object a line, with `step`."
        ) from error
    if not steps:
        raise Invalid("no_log", "The log is empty.")
    stride = math.ceil(len(steps) / MOST_STEPS)
    # what was measured is rare, and stays; of the losses, as many as a drawing shows
    return [one for place, one in enumerate(steps) if place % stride == 0 or "loss" not in one]


def _step(line: dict[str, Any]) -> dict[str, float]:
    flat = {name: value for name, value in line.items() if isinstance(value, int | float)}
    loss = line.get("loss")
    total = loss.get("total") if isinstance(loss, dict) else loss
    found = {**flat, **({"loss": float(total)} if total is not None else {})}
    found["step"] = int(line["step"])
    return {name: value for name, value in list(found.items())[:30] if math.isfinite(value)}
