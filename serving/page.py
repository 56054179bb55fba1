"""The page for people: sample refunds, a place to drop a photo, and the verdict with its heat map.

In: a form post (works without JavaScript; with it, photos are sent one after the other and only the results' fragments
travel). Out: HTML in English or Chinese. The verdict comes through the same service as the API's. Nothing of it is
stored, neither photo nor result, unless the form asks for the result to be kept.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache, partial
from pathlib import Path

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse

from model.names import DEFECTS
from serving import intake
from serving.demo import SampleFolder, find
from serving.hangups import while_connected
from serving.identity import access
from serving.identity.cookies import start_visit
from serving.intake import Intake, Upload
from serving.problems import Problem
from serving.rates import Rates
from serving.rendering import html, language, remember_language
from serving.result_view import ErrorView, ResultView, show
from serving.samples import SAMPLES, Sample
from serving.scaling import scaled
from serving.service import DetectionService
from serving.settings import Settings
from serving.workflow.states import Role

JUDGES = (Role.ADJUDICATOR, Role.ENGINEER, Role.MERCHANT)
"""Who may have photos judged on the page."""

THUMB_SIDE = 320
"""Longest side in pixels of a sample on the page: twice what a card shows."""

router = APIRouter(include_in_schema=False)


@router.get("/")
async def index(request: Request) -> Response:
    """The quick check. The demo's visitors need no key, all others log in first."""
    settings: Settings = request.app.state.settings
    if not settings.demo and not await access.has_session(request):
        return RedirectResponse("/login?next=/", 303)
    response = _page(request, [])
    await start_visit(request, response)
    remember_language(request, response)
    return response


@router.post("/check")
async def check(request: Request, keep: bool = False) -> Response:
    """Judge the photos of the form. keep: whether to store the results, so that they can be fetched from the API."""
    settings: Settings = request.app.state.settings
    try:
        size = intake.expected_bytes(request, settings)
        return await _judged(request, partial(intake.read, request, settings), size, keep)
    except Problem as problem:
        return _page(request, [ErrorView(problem.code, problem.detail, about_picture=False)], problem.status)


@router.post("/samples/{slug}/check")
async def check_sample(request: Request, slug: str) -> Response:
    """Judge a sample's picture: its bytes go to the detector like any upload."""

    async def drawn() -> Intake:
        sample, path = await run_in_threadpool(_sample, request, slug)
        return Intake([Upload(path.name, await run_in_threadpool(path.read_bytes))], sample.defect)

    try:
        return await _judged(request, drawn, 0, keep=False)
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


@lru_cache(maxsize=2 * len(SAMPLES))
def _thumb(path: Path) -> bytes:
    """Once for each sample: anybody may ask."""
    return scaled(path.read_bytes(), THUMB_SIDE)


async def _judged(request: Request, read: Callable[[], Awaitable[Intake]], size: int, keep: bool) -> Response:
    """The verdicts on the photos that `read` gives; it is asked for once there is room for its `size` in bytes."""
    caller = await access.from_cookie(request, *JUDGES)
    service: DetectionService = request.app.state.service
    rates: Rates = request.app.state.rates
    rates.enter(caller.owner)
    patience = request.app.state.settings.deadline_ms / 1000
    expires = time.monotonic() + patience
    with service.admission.place(patience, size):
        body = await read()
        rates.pay(caller.owner, len(body.images) - 1)

        async def look() -> list[ResultView | ErrorView]:
            outcomes = await service.judge(body, caller.owner, language(request), expires, keep=keep)
            pairs = zip(outcomes, body.images, strict=True)
            return [
                await service.on_worker(partial(show, outcome, photo.data, photo.name, keep))
                for outcome, photo in pairs
            ]

        views = await while_connected(request, look())
    judged = any(isinstance(view, ResultView) for view in views)
    return _page(request, views, 200 if judged else 422)


def _page(request: Request, results: Sequence[ResultView | ErrorView], status: int = 200) -> HTMLResponse:
    """The whole page, or only the results where the page's script asks for that."""
    return html(
        request,
        "results.html" if "x-fragment" in request.headers else "page.html",
        status,
        results=results,
        samples=SAMPLES if request.app.state.settings.demo else (),
        defects=DEFECTS,
        model=request.app.state.service.detector.name,
    )


def _sample(request: Request, slug: str) -> tuple[Sample, Path]:
    samples: SampleFolder = request.app.state.samples
    found = find(slug) if request.app.state.settings.demo else None
    if found is None:
        raise Problem(404, "not_found", f"There is no sample {slug}.")
    return found, samples.file(found)
