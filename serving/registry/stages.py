"""What a version can be.

What keeps a version from being promoted. In: a row of the registry. Out: what is missing, each with a code.
"""

from dataclasses import dataclass
from enum import StrEnum

from refundlens.serving.registry.card import NOT_FOR_SERVING
from refundlens.serving.storage.tables import ModelVersion


class Stage(StrEnum):
    CANDIDATE = "candidate"
    """Known, and never yet the champion."""
    SHADOW = "shadow"
    """Shown a share of the photos, to compare; one at most."""
    CHAMPION = "champion"
    """It judges; one at most."""
    RETIRED = "retired"
    """Was the champion."""


@dataclass(frozen=True)
class Missing:
    code: str
    text: str


def promotion_blockers(row: ModelVersion) -> list[Missing]:
    """Empty for a version that may judge. An uncalibrated one never comes this far: the registry does not take it."""
    found = []
    conditions = row.facts["calibration"]["conditions"]
    if not any(one["threshold"] is not None for one in conditions):
        text = "its calibration has no threshold in any condition, so it never says fake: calibrate it on more photos"
        found.append(Missing("thresholds", text))
    if not row.card.strip():
        text = (
            "it has no card, so nobody knows what it was measured on: run `refundlens evaluate` and export it"
        )
        found.append(Missing("card", text))
    if NOT_FOR_SERVING in row.facts["tags"]:
        text = f"its card says that it is not calibrated for serving (the tag {NOT_FOR_SERVING})"
        found.append(Missing("not_for_serving", text))
    gate = row.facts.get("gate")
    if gate is None:
        text = (
            "it never stood at the gate, so nobody knows what it loses against a champion: `refundlens retrain` makes "
            "candidates that did"
        )
        found.append(Missing("ungated", text))
    elif not gate["passed"]:
        text = f"it failed the gate against {gate['champion']}: {', '.join(gate['failed'])}"
        found.append(Missing("gate", text))
    return found
