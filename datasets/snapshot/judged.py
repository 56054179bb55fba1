"""One judged photo of a snapshot, with who said so and how far that is to be believed."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

Truth = Literal["authentic", "ai_generated", "ai_edited", "photoshopped", "fake"]
"""As people say it; "fake": manipulated, and nobody said how."""
TRUTHS: tuple[Truth, ...] = get_args(Truth)
Part = Literal["train", "test"]
Source = Literal["decision", "appeal_upheld", "appeal_overturned", "engineer"]
SOURCES: tuple[Source, ...] = get_args(Source)
"""Whose word may train: people's. A verdict that no person looked at is none of these."""
CONFIDENCE: dict[str, float] = {
    "decision": 0.85,
    "appeal_upheld": 0.95,
    "engineer": 0.95,
    "appeal_overturned": 0.97,
}
"""How probable it is that the photo is what was said: not measured here, an order to go by. One judge may err in a
seventh of hard cases; two who agree, or an engineer who looked into it, seldom do."""
DISPUTED = 0.5
"""The same where others of no less weight said the opposite: nothing is known then."""
DOUBTED = 0.1
"""Taken off where a weaker label said the opposite, unless an appeal has settled just that."""
TEST_SHARE = 30
"""Percent of the groups that training never sees, so that the gain on a snapshot's own pictures can be measured."""


@dataclass(frozen=True)
class JudgedPhoto:
    """A photo. file: below the store. label: 0 authentic, 1 manipulated. said_by: accounts that made its labels,
    hashed, the believed one first. opposed_by: those who said the opposite. group: photos of one sender or of one
    scene, never in two parts. generator: who made it, "" where nobody knows. keep_until: RFC 3339, "" without an end.
    model_version, model_probability: of the detector that had judged it: for counting, never to learn from."""

    sha256: str
    file: str
    part: Part
    truth: Truth
    label: int
    confidence: float
    source: Source
    said_by: tuple[str, ...]
    opposed_by: tuple[str, ...]
    created_at: str
    group: str
    generator: str
    claim_type: str
    image_source: str
    width: int
    height: int
    phash: str
    keep_until: str
    model_version: str
    model_probability: float | None


def confidence_of(source: str, weight: float, opposed: Sequence[dict[str, Any]]) -> float:
    """How far the believed label is to be believed. opposed: labels that said the opposite, as the export has them."""
    known = CONFIDENCE[source]
    if source == "appeal_overturned":  # it knew the one it overturned
        opposed = [one for one in opposed if one["source"] != "decision"]
    if not opposed:
        return known
    return DISPUTED if max(float(one["weight"]) for one in opposed) >= weight else round(known - DOUBTED, 2)


def part_of(group: str) -> Part:
    """By the group's hash: the same in every snapshot."""
    drawn = int(hashlib.sha256(f"part:{group}".encode()).hexdigest(), 16) % 100
    return "test" if drawn < TEST_SHARE else "train"
