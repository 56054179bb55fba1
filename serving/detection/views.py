"""What the photos of one claim show together: the same thing, and a marked spot in one of them or in others, too.

In: each photo's bytes and what was marked on those that were judged. Out: reasons for each photo judged now that has
something to say, also of spots that were marked on photos judged before: a buyer was asked for another angle.
They inform a person and change no verdict: `model.compare.views` tells what cannot be said.
"""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from refundlens.model.detection import Box, Detection, Reason
from refundlens.model.photo.image import ImageError
from refundlens.model.verdict.texts import Language, reason_text
from refundlens.serving.drawing.picture import pixels_of

if TYPE_CHECKING:
    from refundlens.model.compare.views import Matches, View

_log = logging.getLogger(__name__)

MOST_PHOTOS = 6
"""Photos of a claim that are held against each other: two seconds of one processor."""
MOST_SPOTS = 3
"""Spots of a photo that are looked for in the others: as many as its answer tells of first."""
_SIDE = 800
"""Pixels along the longer side, all that is looked at."""


@dataclass(frozen=True)
class Marked:
    """What is marked on a photo, likeliest first. width: of the photo in pixels, which the boxes are in."""

    width: int
    boxes: tuple[Box, ...]


def marked_by(detection: Detection) -> Marked:
    return Marked(detection.width, tuple(one.box for one in (detection.regions or detection.defects)))


def marked_in(body: Mapping[str, Any]) -> Marked:
    """The same of a stored detection."""
    found = body["regions"] or body["defects"]
    return Marked(
        int(body["width"]), tuple((x0, y0, x1, y1) for x0, y0, x1, y1 in (one["box"] for one in found))
    )


def told_together(photos: Iterable[tuple[bytes, Detection]], language: Language) -> dict[str, list[Reason]]:
    """Reasons by SHA-256 of photos of one claim that were judged together; the first MOST_PHOTOS are looked at.

    Never raises: a comparison that fails costs nobody the verdict.
    """
    photos = [*photos]
    judged = {found.sha256: marked_by(found) for _, found in photos}
    files = {found.sha256: data for data, found in photos}
    try:
        return seen_in_others(judged, {}, dict(islice(files.items(), MOST_PHOTOS)), language)
    except Exception:
        _log.exception("%d photos of one claim could not be compared", len(files))
        return {}


def seen_in_others(
    judged: Mapping[str, Marked], before: Mapping[str, Marked], files: Mapping[str, bytes], language: Language
) -> dict[str, list[Reason]]:
    """Reasons by photo judged now. judged, before: photos of one claim, judged now and earlier. files: bytes of these
    and of its other photos, MOST_PHOTOS at most."""
    if len(files) < 2 or not judged:
        return {}
    from refundlens.model.compare.views import match, view_of  # OpenCV is loaded where it is needed

    views: dict[str, View] = {}
    for name, data in files.items():
        with suppress(ImageError):  # what cannot be opened is said of that photo itself
            views[name] = view_of(pixels_of(data, _SIDE))
    said: dict[str, list[Reason]] = {}
    for name in judged.keys() & views.keys():
        matches = {other: match(views[name], views[other]) for other in views if other != name}
        others = {other: there for other, there in matches.items() if there.same_thing}
        found = Counter({"claim.same_thing": len(others)})
        seen = [_seen(judged[name], views[name], views[other], there) for other, there in others.items()]
        earlier = [
            _seen(before[other], views[other], views[name], match(views[other], views[name]))
            for other in others
            if other in before
        ]
        for kind in ("one", "both"):
            found[f"claim.spot_in_{kind}"] = sum(kind in kinds for kinds in seen)
            found[f"claim.earlier_spot_in_{kind}"] = sum(kind in kinds for kinds in earlier)
        if reasons := [_reason(code, count, language) for code, count in found.items() if count]:
            said[name] = reasons
    return said


def _seen(marked: Marked, here: "View", there: "View", matches: "Matches") -> set[str]:
    """What is said of a photo's spots from another photo."""
    from refundlens.model.compare.views import look

    scale = here.pixels.shape[1] / here.scale / marked.width
    spots = ([round(side * scale) for side in box] for box in marked.boxes[:MOST_SPOTS])
    return {look(here, there, matches, (x0, y0, x1, y1)).kind for x0, y0, x1, y1 in spots}


def _reason(code: str, count: int, language: Language) -> Reason:
    text = reason_text(code, language, count=count)
    return Reason(code=code, basis="derived", text=text, details={"count": count})
