"""How what a file says about itself and what its pixels say become one verdict: one table, and no other rule.

In: the verdict of the network and the reasons that the file and its pixels gave. Out: a `Ruling`. Metadata never
raises a probability, and alone it never makes `fake`: anyone can write it. The one exception is a valid signature of a
signer on this installation's trust list who says that an AI model made the picture.

| the file says                                      | code          | pixels fake  | undecided    | authentic    |
| -------------------------------------------------- | ------------- | ------------ | ------------ | ------------ |
| signed by a trusted signer: made by an AI model    | signed_ai     | fake         | fake         | fake         |
| anything that names AI, but could be forged        | declared_ai   | fake         | inconclusive | inconclusive |
| credentials that do not hold (changed after)       | broken_seal   | fake         | inconclusive | inconclusive |
| signed by a trusted signer: taken by a camera      | signed_camera | inconclusive | inconclusive | authentic    |
| (of the pixels:) a part of them is there twice     | copied_part   | fake         | inconclusive | inconclusive |
| nothing of these (editors, cameras, previews ...)  | nothing       | fake         | inconclusive | authentic    |

The first row that fits counts. "AI" in `declared_ai` includes "a photo edited with AI", whoever signed it: phones write
that for erasing a passer-by, too, so a person looks. So does a generator's mark in a corner, which anyone can paint. An
editor's name, a history, a camera's name and a preview change nothing: cropping leaves the same traces as forging, and
names are easily written. Goods have parts that look alike, so that a part which is there twice makes no `fake`, either.

>>> rule("authentic", []).verdict
'authentic'
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from refundlens.model.detection import Reason
from refundlens.model.names import Verdict

Evidence = Literal["signed_ai", "declared_ai", "broken_seal", "signed_camera", "copied_part", "nothing"]

TABLE: dict[Evidence, dict[Verdict, Verdict]] = {
    "signed_ai": {"fake": "fake", "inconclusive": "fake", "authentic": "fake"},
    "declared_ai": {"fake": "fake", "inconclusive": "inconclusive", "authentic": "inconclusive"},
    "broken_seal": {"fake": "fake", "inconclusive": "inconclusive", "authentic": "inconclusive"},
    "signed_camera": {"fake": "inconclusive", "inconclusive": "inconclusive", "authentic": "authentic"},
    "copied_part": {"fake": "fake", "inconclusive": "inconclusive", "authentic": "inconclusive"},
    "nothing": {"fake": "fake", "inconclusive": "inconclusive", "authentic": "authentic"},
}
"""What the file says -> verdict of the pixels -> verdict."""
_DECLARES_AI = frozenset({
    "metadata.aigc_label", "metadata.generator_parameters", "metadata.generator_name", "metadata.generative_edit",
    "metadata.ai_system", "metadata.ai_prompt", "file.visible_mark", "file.written_mark",
})  # fmt: skip
_AI_SOURCES = ("generated", "edited")


@dataclass(frozen=True)
class Ruling:
    """verdict: of pixels and file together. evidence: the row of the table that counted. changed: whether the file
    changed the pixels' verdict, so that the answer says why (`policy.<evidence>`)."""

    verdict: Verdict
    evidence: Evidence
    changed: bool


def evidence_of(reasons: Sequence[Reason]) -> Evidence:
    """The first row of the table that fits what the file says."""
    found = {_row(reason) for reason in reasons}
    return next(row for row in TABLE if row in found or row == "nothing")


def _row(reason: Reason) -> Evidence:
    source = reason.details.get("class")
    if reason.code == "metadata.c2pa_source":
        return (
            "signed_ai" if source == "generated" else "declared_ai" if source == "edited" else _camera(source)
        )
    if reason.code == "metadata.digital_source_type" and source in _AI_SOURCES:
        return "declared_ai"
    if reason.code == "metadata.c2pa_invalid":
        return "broken_seal"
    if reason.code == "pixel.copied_part":
        return "copied_part"
    return "declared_ai" if reason.code in _DECLARES_AI else "nothing"


def _camera(source: object) -> Evidence:
    return "signed_camera" if source == "camera" else "nothing"


def rule(pixels: Verdict, reasons: Sequence[Reason]) -> Ruling:
    """The verdict of a photo. pixels: what its pixels alone would be called. reasons: what the file says, and of a part
    that is there twice."""
    evidence = evidence_of(reasons)
    verdict = TABLE[evidence][pixels]
    return Ruling(verdict, evidence, verdict != pixels)
