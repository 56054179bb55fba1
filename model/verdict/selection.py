"""Which reasons a person is told first: at most three that matter for the verdict; all others are details.

In: every reason of a photo and its verdict. Out: (reasons, details). The order is a table of codes for each verdict; a
code that is not in it never comes first, however few there are.
"""

from collections.abc import Sequence

from refundlens.model.detection import Details, Detection, Reason
from refundlens.model.names import Verdict

MOST = 3
"""Reasons told first: what fits a phone's screen and a platform's proof picture."""

_AI_SAID = (
    "metadata.c2pa_source", "metadata.aigc_label", "metadata.digital_source_type", "metadata.generator_parameters",
    "metadata.generative_edit", "metadata.generator_name", "metadata.ai_system", "file.visible_mark",
    "file.written_mark",
)  # fmt: skip
_TRACES = (
    "pixel.copied_part", "pixel.local_regeneration", "pixel.whole_regeneration", "pixel.classical_edit",
    "pixel.defect_is_fake", "pixel.small_defect_is_fake",
)  # fmt: skip
_POLICY = (
    "policy.signed_ai", "policy.signed_camera", "policy.declared_ai", "policy.broken_seal", "policy.copied_part",
    "policy.too_small", "policy.unsupported_condition", "policy.unstable", "policy.inconclusive_band",
)  # fmt: skip
_REUSE = ("reuse.in_claims", "reuse.in_claims_elsewhere")
_OF_THE_CLAIM = (
    "claim.taken_long_before",
    "claim.cameras_differ",
    "claim.times_apart",
    "claim.spot_in_one",
    "claim.earlier_spot_in_one",
)
_OF_THE_FILE = (
    "metadata.c2pa_invalid", "metadata.c2pa_trusted", "file.screenshot", "metadata.thumbnail_mismatch",
)  # fmt: skip
MATTERS: dict[Verdict, tuple[str, ...]] = {
    "fake": (*_POLICY, *_REUSE, *_TRACES, *_AI_SAID, *_OF_THE_FILE),
    "inconclusive": (
        *_POLICY, *_REUSE, *_AI_SAID, *_TRACES, *_OF_THE_FILE, *_OF_THE_CLAIM, "metadata.camera_agrees",
        "pixel.no_trace",
    ),
    "authentic": (
        *_POLICY, *_REUSE, "pixel.copied_part", "pixel.no_trace", *_AI_SAID, *_OF_THE_FILE, "metadata.camera_agrees",
        "metadata.camera", "metadata.editing_software",
    ),
}  # fmt: skip
"""Codes in the order in which they are told, by verdict."""


def select(reasons: Sequence[Reason], verdict: Verdict) -> tuple[list[Reason], list[Reason]]:
    """(the reasons told first, the details): each reason in one of them; details keep their order.

    Of one code only the first is told first. Comparisons with reference photos always come first: somebody asked.
    """
    order = {code: place for place, code in enumerate(MATTERS[verdict])}
    asked = [reason for reason in reasons if reason.code.startswith("reference.")]
    found: dict[str, Reason] = {}
    for reason in reasons:
        if reason.code in order and _speaks(reason, verdict):
            found.setdefault(reason.code, reason)
    ranked = [*asked, *sorted(found.values(), key=lambda reason: order[reason.code])]
    first = ranked[:MOST]
    return first, [reason for reason in reasons if not any(reason is one for one in first)]


def with_reasons(detection: Detection, added: Sequence[Reason]) -> Detection:
    """The same detection with more to say, told in the order of all its reasons. It changes no verdict."""
    told, rest = select([*added, *detection.reasons, *detection.details.reasons], detection.verdict)
    return detection.model_copy(update={"reasons": told, "details": Details(reasons=rest)})


def _speaks(reason: Reason, verdict: Verdict) -> bool:
    """A source type that is neither AI's nor a camera's is a detail; a camera's is no reason against a photo."""
    source = reason.details.get("class")
    if source is None:
        return True
    return source in ("generated", "edited") or (source == "camera" and verdict != "fake")
