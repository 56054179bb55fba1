"""What the photos of one claim show together: the same thing, and a marked spot in one of them or in others, too.

In: each photo's bytes and, where it was judged, its detection. Out: reasons for each photo that has something to say.
They inform a person and change no verdict: `model.compare.views` tells what cannot be said.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import TYPE_CHECKING

from refundlens.model.detection import Detection, Reason
from refundlens.model.photo.image import ImageError
from refundlens.model.verdict.texts import Language, reason_text
from refundlens.serving.drawing.picture import pixels_of

if TYPE_CHECKING:
    from refundlens.model.compare.views import Seen, View

MOST_PHOTOS = 6
"""Photos of a claim that are held against each other: two seconds of one processor."""
MOST_SPOTS = 3
"""Spots of a photo that are looked for in the others: as many as its answer tells of first."""
_SIDE = 800
"""Pixels along the longer side, all that is looked at."""


def seen_in_others(
    judged: Mapping[str, Detection], files: Mapping[str, bytes], language: Language
) -> dict[str, list[Reason]]:
    """Reasons by photo. judged: detections of photos of one claim; files: bytes of these and of its other photos."""
    if len(files) < 2 or not judged:
        return {}
    from refundlens.model.compare.views import look, match, view_of  # OpenCV is loaded where it is needed

    views: dict[str, View] = {}
    for name, data in islice(files.items(), MOST_PHOTOS):
        with suppress(ImageError):  # what cannot be opened is said of that photo itself
            views[name] = view_of(pixels_of(data, _SIDE))
    said: dict[str, list[Reason]] = {}
    for name, detection in judged.items():
        if name not in views:
            continue
        matches = {other: match(views[name], view) for other, view in views.items() if other != name}
        alike = [other for other, found in matches.items() if found.same_thing]
        spots = _spots(detection, views[name])
        seen = [[look(views[name], views[other], matches[other], box) for other in alike] for box in spots]
        reasons = [*_reasons(len(alike), seen, language)]
        if reasons:
            said[name] = reasons
    return said


def _spots(detection: Detection, view: "View") -> list[tuple[int, int, int, int]]:
    """What is marked on a photo, likeliest first, in pixels of what its view was made of."""
    marked = [one.box for one in (detection.regions or detection.defects)][:MOST_SPOTS]
    scale = view.pixels.shape[1] / view.scale / detection.width
    return [
        (round(x0 * scale), round(y0 * scale), round(x1 * scale), round(y1 * scale))
        for x0, y0, x1, y1 in marked
    ]


def _reasons(alike: int, seen: Sequence[Sequence["Seen"]], language: Language) -> list[Reason]:
    found: dict[str, int] = {"claim.same_thing": alike}
    for kind in ("one", "both"):
        found[f"claim.spot_in_{kind}"] = max((_count(spot, kind) for spot in seen), default=0)
    return [
        Reason(
            code=code,
            basis="derived",
            text=reason_text(code, language, count=count),
            details={"count": count},
        )
        for code, count in found.items()
        if count
    ]


def _count(spot: Sequence["Seen"], kind: str) -> int:
    return sum(one.kind == kind for one in spot)
