"""How doubtful a photo is: by what the queue's "most doubtful first" sorts.

In: a detection, and whether the picture is in other claims, too. Out: 0 (certain) to 1. A probability alone is the more
doubtful the nearer it is to one half. Evidence that it does not count (a part copied within the photo, a label of AI, a
broken seal, the same shot as the listing, the picture in other claims) makes it as doubtful as can be, however sure the
pixels look: only a person can weigh the one against the other.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from refundlens.model.detection import Detection, Reason
from refundlens.model.verdict.policy import evidence_of
from refundlens.serving.detection.references import SAME_PLACE

MOST = 1.0
REUSED = "reused"
_RULED = ("declared_ai", "broken_seal", "copied_part")
"""Rows of `model.verdict.policy` that ask for a person where the pixels alone are not called fake."""
_SAID = {"policy.signed_camera": "signed_camera", "policy.unstable": "unstable"} | dict.fromkeys(
    SAME_PLACE, "same_shot"
)
"""Reasons that do, too, and what the queue calls them."""
EVIDENCE = (*_RULED, "signed_camera", "unstable", "same_shot", REUSED)
"""What there may be beside the probability; the queue has a word for each."""


def doubt_of(detection: Detection, reused: bool) -> float:
    """reused: whether the picture is in other claims, too."""
    if reused or _beside([*detection.reasons, *detection.details.reasons]):
        return MOST
    return 1 - abs(2 * detection.probability - 1)


def evidence_told(body: Mapping[str, Any], doubt: float | None) -> list[str]:
    """Which of EVIDENCE made a stored detection as doubtful as it is. That its picture is in other claims is no reason
    of its own there; it is what remains."""
    told = [*body["reasons"], *body.get("details", {}).get("reasons", [])]
    found = _beside([
        Reason(code=one["code"], basis="derived", text="", details=one.get("details", {})) for one in told
    ])  # fmt: skip
    return found or ([REUSED] if doubt == MOST and body["probability"] != 0.5 else [])


def _beside(told: Sequence[Reason]) -> list[str]:
    row = evidence_of(told)
    said = [_SAID[reason.code] for reason in told if reason.code in _SAID]
    return list(dict.fromkeys([*([row] if row in _RULED else []), *said]))
