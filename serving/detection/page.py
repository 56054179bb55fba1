"""The page for people: sample refunds, a place to drop a photo, and the verdict with its heat map.

In: a form post (works without JavaScript; with it, photos are sent one after the other and only the results' fragments
travel). Out: HTML in English or Chinese. The verdict comes through the same service as the API's. Nothing of it is
stored, neither photo nor result, unless the form asks for the result to be kept.

Turns the outcome for one photo into what the result's template shows.

In: an outcome and the photo's bytes. Out: the detection's JSON, a preview of the photo, its heat map and its
reliability map as data: URLs, because the service does not keep photos.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse

from refundlens.model.names import DEFECTS
from refundlens.model.network.tiles import STRIDE
from refundlens.model.photo.image import Limits
from refundlens.serving.demo.samples import SAMPLES, Sample, find_sample
from refundlens.serving.detection.body import Intake
from refundlens.serving.detection.body import read as read_body
from refundlens.serving.detection.request import DetectRequest
from refundlens.serving.detection.service import INTERNAL, PhotoOutcome
from refundlens.serving.drawing.picture import scaled
from refundlens.serving.drawing.views import result_pictures
from refundlens.serving.http.body import Upload
from refundlens.serving.http.connections import while_connected
from refundlens.serving.http.pages import html, language, remember_language
from refundlens.serving.http.problems import Problem
from refundlens.serving.http.turns import drawn
from refundlens.serving.identity import access
from refundlens.serving.identity.access import start_visit
from refundlens.serving.kit.context import Services
from refundlens.serving.kit.format import percent, percent_in_tenths
from refundlens.serving.kit.language import texts
from refundlens.serving.kit.roles import Role
from refundlens.serving.settings import Settings


@dataclass(frozen=True)
class ErrorView:
    """Why there is no verdict, by its stable code (the page has its own words for it) and in English.

    about_picture: the picture's fault, not the request's. name: the file's, where it has one.
    """

    error: str
    message: str
    about_picture: bool
    name: str | None = None


@dataclass(frozen=True)
class ResultView:
    """A verdict to show. heat_width and heat_height: pixels of the photo that the maps cover (whole cells). doubt:
    where the heat map is not to be trusted, none where the model cannot tell. kept: whether the API has it, too. exact:
    whether its reader gets every digit."""

    name: str | None
    kept: bool
    line: dict[str, Any]
    photo: str
    heat: str
    heat_width: int
    heat_height: int
    doubt: str | None
    exact: bool
    error: None = None

    def share(self, value: float) -> str:
        """A probability as its reader gets it."""
        return percent(value) if self.exact else percent_in_tenths(value)


async def result_view(
    request: Request, outcome: PhotoOutcome, photo: Upload, kept: bool = False, exact: bool = True
) -> ResultView | ErrorView:
    if outcome.body is None or outcome.detection is None:
        error = outcome.error or INTERNAL
        return ErrorView(error["code"], error["message"], about_picture=True, name=photo.name)
    heat, trust = outcome.detection.heatmap, outcome.detection.reliabilitymap
    rows, columns = heat.shape
    preview, overlay, doubt = await drawn(request, lambda: partial(result_pictures, photo.data, heat, trust))
    return ResultView(
        photo.name, kept, outcome.body, preview, overlay, columns * STRIDE, rows * STRIDE, doubt, exact
    )


JUDGES = (Role.ADJUDICATOR, Role.ENGINEER, Role.MERCHANT)
"""Who may have photos judged on the page."""

THUMB_SIDE = 320
"""Longest side in pixels of a sample on the page: twice what a card shows."""

router = APIRouter(include_in_schema=False)


@router.get("/")
async def index(request: Request) -> Response:
    """The quick check. The demo's visitors need no key, all others log in first."""
    settings = Services.of(request).settings
    if not settings.demo and not await access.has_session(request):
        return RedirectResponse("/login?next=/", 303)
    ended = access.COOKIE in request.cookies and not await access.has_session(request)
    response = _page(request, [], ended=ended)
    await start_visit(request, response)
    remember_language(request, response)
    return response


@router.post("/check")
async def check(request: Request, keep: bool = False) -> Response:
    """Judge the photos of the form. keep: whether to store the results, so that they can be fetched from the API."""
    try:
        return await _judged(request, read_body, keep)
    except Problem as problem:
        return _page(request, [ErrorView(problem.code, problem.detail, about_picture=False)], problem.status)


@router.post("/samples/{slug}/check")
async def check_sample(request: Request, slug: str) -> Response:
    """Judge a sample's picture: its bytes go to the detector like any upload."""

    async def drawn(request: Request, settings: Settings) -> Intake:
        sample, path = await run_in_threadpool(_sample, request, slug)
        return Intake([Upload(path.name, await run_in_threadpool(path.read_bytes))], sample.defect)

    try:
        return await _judged(request, drawn, keep=False)
    except Problem as problem:
        return _page(request, [ErrorView(problem.code, problem.detail, about_picture=False)], problem.status)


@router.get("/samples/{slug}.jpg")
def sample_picture(request: Request, slug: str) -> FileResponse:
    return FileResponse(_sample(request, slug)[1], headers={"Cache-Control": "public, max-age=3600"})


@router.get("/samples/{slug}/thumb.jpg")
def sample_thumb(request: Request, slug: str) -> Response:
    """The same for the page's cards, which would have a megabyte of pictures otherwise."""
    content = _thumb(_sample(request, slug)[1])
    return Response(content, media_type="image/jpeg", headers={"Cache-Control": "public, max-age=3600"})


@lru_cache(maxsize=64)
def _thumb(path: Path) -> bytes:
    """Once for each sample: anybody may ask."""
    return scaled(path.read_bytes(), THUMB_SIDE)


async def _judged(
    request: Request, read: Callable[[Request, Settings], Awaitable[Intake]], keep: bool
) -> Response:
    """The verdicts on the photos that `read` gives, always judged anew: the page shows maps that no answer holds."""
    caller = await access.from_cookie(request, *JUDGES)
    service = Services.of(request).service
    admitted = DetectRequest.admit(request, caller.owner, read, language(request), "off", keep)
    async with admitted as asked:

        async def look() -> list[ResultView | ErrorView]:
            outcomes = await service.judge(asked)
            pairs = zip(outcomes, asked.body.images, strict=True)
            return [await result_view(request, outcome, photo, keep, asked.exact) for outcome, photo in pairs]

        views = await while_connected(request, look())
    judged = any(isinstance(view, ResultView) for view in views)
    return _page(request, views, 200 if judged else 422)


def _page(
    request: Request, results: Sequence[ResultView | ErrorView], status: int = 200, ended: bool = False
) -> HTMLResponse:
    """The whole page, or only the results where the page's script asks for that."""
    return html(
        request,
        "results.html" if "x-fragment" in request.headers else "page.html",
        status,
        results=results,
        ended=ended,
        described=texts("samples", language(request)),
        samples=_samples(Services.of(request)),
        defects=DEFECTS,
        megabytes=Limits().max_bytes // 2**20,
        megapixels=Limits().max_pixels // 10**6,
        model=Services.of(request).service.detector.name,
    )


def _samples(parts: Services) -> Sequence[Sample]:
    """What the demo begins with (`serving.jobs.front`) before the others."""
    if not parts.settings.demo:
        return ()
    first = [find_sample(one.name) for one in parts.samples.front]
    return [*(one for one in first if one is not None), *SAMPLES]


def _sample(request: Request, slug: str) -> tuple[Sample, Path]:
    parts = Services.of(request)
    found = find_sample(slug) if parts.settings.demo else None
    if found is None:
        raise Problem(404, "not_found", f"There is no sample {slug}.")
    return found, parts.samples.file(found)
