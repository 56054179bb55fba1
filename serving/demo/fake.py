"""GET /fake: paint a hole, a stain or mould on a photo of one's own, in the browser, and have it judged.

In: the running model. Out: a page whose script paints on a canvas; the painted picture goes to /check like any photo.
How well the detector does is said from the model's own calibration and card, so that it holds for whatever runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from refundlens.model.verdict.calibration import Calibration
from refundlens.serving.demo.samples import SAMPLES
from refundlens.serving.http.pages import html, language, remember_language
from refundlens.serving.identity import access
from refundlens.serving.identity.access import start_visit
from refundlens.serving.kit.context import Services
from refundlens.serving.kit.format import percent
from refundlens.serving.kit.language import texts
from refundlens.serving.registry import card

router = APIRouter(include_in_schema=False)
PAINTED = ("hole", "stain", "mould")
"""What the page's script can paint: the three claims of which most photos are sent."""

FIGURES = {
    "ROC AUC, whole pictures of real generators": "whole",
    "ROC AUC, local edits by real editors": "local",
}
"""Of a card's figures, those that visitors are told, and under which text; the models' pages have all."""


@dataclass(frozen=True)
class Worth:
    """limit: bound on genuine photos called fake. missed: lowest and highest bound, over the conditions, on
    manipulated ones called authentic; none where no misses were counted. fake_from: lowest and highest threshold, over
    the conditions, from which a photo is called fake; none where none is. clear_below: up to which one is cleared."""

    limit: str
    missed: tuple[str, str] | None
    fake_from: tuple[str, str] | None
    clear_below: str


@router.get("/fake")
async def fake_page(request: Request) -> Response:
    """The demo's visitors need no key, all others log in first."""
    parts = Services.of(request)
    if not parts.settings.demo and not await access.has_session(request):
        return RedirectResponse("/login?next=/fake", 303)
    detector = parts.service.detector
    spoken = language(request)
    told = [(FIGURES.get(one.get("name", "")), one["value"]) for one in card.figures(detector.card)]
    response = html(
        request,
        "fake.html",
        c=texts("fake", spoken),
        painted=PAINTED,
        worth=worth_of(detector.calibration) if detector.calibration else None,
        figures=[(name, value) for name, value in told if name],
        model=detector.name,
        samples=[one for one in SAMPLES if not one.edited] if parts.settings.demo else [],
        described=texts("samples", spoken),
    )
    await start_visit(request, response)
    remember_language(request, response)
    return response


def worth_of(calibration: Calibration) -> Worth:
    """What the calibration promises, in words for people."""
    bounds = [one.miss_bound for one in calibration.bins if one.miss_bound is not None]
    found = [one.threshold for one in calibration.bins]
    found += [part.threshold for one in calibration.bins for part in one.parts]
    starts = [one for one in found if one is not None]
    return Worth(percent(calibration.limit), _ends(bounds), _ends(starts), percent(calibration.clear_below))


def _ends(shares: Sequence[float]) -> tuple[str, str] | None:
    return (percent(min(shares)), percent(max(shares))) if shares else None
