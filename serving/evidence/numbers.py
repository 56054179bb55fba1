"""Judges the photo again with the model that judged it, and compares every number.

In: a pack's document, the photo, a detector of the same bundle. Out: findings. Times are not compared.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

from refundlens.model.detect import Detector, run_steps
from refundlens.model.detection import Conditions, Detection
from refundlens.model.names import DEFECTS, Defect
from refundlens.model.photo.image import ImageError, read_photo
from refundlens.serving.evidence import pack
from refundlens.serving.evidence.pack import facts
from refundlens.serving.evidence.verify import Finding, content_of

SAME = 1e-4
"""Largest difference of two runs on the same bytes: the contract's."""
COMPARED = (
    "sha256", "width", "height", "verdict", "probability", "kind", "defects", "regions", "conditions",
    "false_accusation_bound", "miss_bound", "miss_bound_of", "suspect", "suspect_bound", "stability", "reliability",
)  # fmt: skip
"""All members of a detection that are the detector's own finding; reasons follow by their codes."""
_TOLD = 3
"""Differences that are named; the rest are counted."""
Difference = tuple[str, Any, Any]


def judge_again(document: dict[str, Any], photo: bytes | None, detector: Detector | None) -> list[Finding]:
    """detector: none where there is none to load. Findings are `open` where something is missing. Where other numbers
    come out under another version of the program, both versions are named: a model's file holds the network, not all
    that looks at a photo. An issuer could name any version, so that it counts as failed until that one has judged."""
    wanted = document["model"]["sha256"]
    if detector is None or detector.name.sha256 != wanted:
        here = "there is none here" if detector is None else f"the one here is {detector.name.sha256}"
        return [
            Finding("numbers", "open", f"needs the model of SHA-256 {wanted}; {here}. Name it with --model")
        ]
    found = [_calibration(document, detector)]
    if photo is None:
        return [*found, Finding("numbers", "open", "needs the photo that was judged; name it with --photo")]
    try:
        return [*found, *_compare(document, photo, detector)]
    except ImageError as error:
        return [*found, Finding("numbers", "failed", f"the photo cannot be judged here: {error.message}")]


def _calibration(document: dict[str, Any], detector: Detector) -> Finding:
    told = document["model"]["calibration"]
    if told is None or detector.calibration is None:
        return Finding("calibration", "open", "the pack tells nothing of it")
    here = facts(detector.calibration, Conditions.model_validate(document["detection"]["conditions"]))
    different = list(_differences("", told, here))
    if different:
        return Finding("calibration", "failed", f"the model's file says otherwise: {_tell(different)}")
    return Finding("calibration", "ok", "as the model's file says")


def _compare(document: dict[str, Any], photo: bytes, detector: Detector) -> list[Finding]:
    told = document["detection"]
    asked = document["asked"]
    claims = [_defect(asked["claim"])] if asked["claim_known"] else [None, *DEFECTS]
    judged = _judge(photo, detector, claims)
    tried = [(list(_changes(told, one)), one) for one in judged]
    different, again = min(tried, key=lambda one: len(one[0]))
    other = _other_program(document)
    found = [_numbers(different, other)]
    said = document["heatmap"]
    if said is not None:
        cells = pack.decode(content_of(said["base64"]))
        near = cells.shape == again.heatmap.shape and _farthest(cells, again.heatmap) <= SAME + 1 / pack.STEPS
        detail = "the same map again" if near else f"another map comes out of the same photo and model{other}"
        found.append(Finding("heatmap numbers", "ok" if near else "failed", detail))
    return found


def _other_program(document: dict[str, Any]) -> str:
    """What to do where another version of the program judged; empty where this one did."""
    told, here = document["issuer"]["software"]["refundlens"], pack.program_version()
    if told == here:
        return ""
    return f". Version {told} of refundlens judged, this is {here}: verify with that one"


def _judge(photo: bytes, detector: Detector, claims: list[Defect | None]) -> list[Detection]:
    """Judged for each claim by one inference: what is claimed moves a threshold for showing defects, nothing else."""
    opened = read_photo(photo)
    return run_steps(
        [detector.steps(opened, claim) for claim in claims],
        lambda pictures: [detector.score(pictures[0])] * len(pictures),
    )


def _changes(told: dict[str, Any], again: Detection) -> Iterator[Difference]:
    here = again.public()
    for name in COMPARED:
        yield from _differences(name, told.get(name), here[name])
    codes = _codes(told)
    # comparing with reference pictures adds some that are not the photo's own
    for reason in [*here["reasons"], *here["details"]["reasons"]]:
        if reason["code"] not in codes:
            yield "reasons", None, reason["code"]


def _codes(told: dict[str, Any]) -> set[str]:
    return {reason["code"] for reason in [*told["reasons"], *told.get("details", {}).get("reasons", [])]}


def _differences(where: str, told: Any, here: Any) -> Iterator[Difference]:
    """Numbers within SAME are equal, everything else must be the same."""
    if isinstance(told, dict) and isinstance(here, dict):
        for name in sorted(told.keys() | here.keys()):
            yield from _differences(f"{where}.{name}".strip("."), told.get(name), here.get(name))
    elif isinstance(told, list) and isinstance(here, list) and len(told) == len(here):
        for index, (one, other) in enumerate(zip(told, here, strict=True)):
            yield from _differences(f"{where}[{index}]", one, other)
    elif _number(told) and _number(here):
        if abs(told - here) > SAME:
            yield where, told, here
    elif told != here:
        yield where, told, here


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _farthest(told: Any, here: Any) -> float:
    return float(np.abs(told - here).max(initial=0.0))


def _numbers(different: list[Difference], other: str) -> Finding:
    if different:
        detail = f"the detector says otherwise: {_tell(different)}{other}"
        return Finding("numbers", "failed", detail)
    return Finding("numbers", "ok", f"judged again with the same model: every number within {SAME}")


def _tell(different: list[Difference]) -> str:
    named = "; ".join(f"{where}: {told} in the pack, {here} here" for where, told, here in different[:_TOLD])
    more = len(different) - _TOLD
    return f"{named}; and {more} more" if more > 0 else named


def _defect(claim: str | None) -> Defect | None:
    return next((defect for defect in DEFECTS if defect == claim), None)
