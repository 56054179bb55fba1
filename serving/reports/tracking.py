"""/track/{token}: the state of one report, as JSON or as a page; a buyer's appeal and photo.

In: a signed token (`serving.reports.links`). Out: what that side may see. The token is all the right there is: it opens
one report, and only what the side may do. Forms need no other protection: nothing here goes by cookies.
"""

import math
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, JSONResponse, RedirectResponse
from fastapi.routing import APIRoute
from pydantic import ValidationError
from sqlalchemy.orm import Session
from starlette.datastructures import UploadFile

from refundlens.model.network.tiles import STRIDE
from refundlens.serving.detection import body as intake
from refundlens.serving.detection.oracle import coarse_map
from refundlens.serving.detection.store import load_map
from refundlens.serving.drawing.picture import scaled
from refundlens.serving.drawing.views import HEAT_COLOUR, map_overlay
from refundlens.serving.http.body import Upload, arriving, expected_bytes, faults, read_json
from refundlens.serving.http.budgets import remember_link
from refundlens.serving.http.pages import PageRoute, language, remember_language, render
from refundlens.serving.http.problems import Problem, responses, wants_page
from refundlens.serving.http.turns import drawn
from refundlens.serving.kit.apart import Drawing
from refundlens.serving.kit.context import Context, Services
from refundlens.serving.kit.errors import Conflict, Forbidden, Gone, NotFound, SentFile, each_file
from refundlens.serving.kit.language import Language, texts
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import BUYER, Actor, Role
from refundlens.serving.refunds import service as refunds
from refundlens.serving.reports import attachments, links, repository, view
from refundlens.serving.reports.links import Link, LinkEnded, Side
from refundlens.serving.reports.schemas import AppealIn, AppealOut, ReportOut
from refundlens.serving.reports.service import file_appeal
from refundlens.serving.reports.wording import in_reader_s_language
from refundlens.serving.storage.files import FileError
from refundlens.serving.storage.tables import Image, Refund, Report
from refundlens.serving.workflow.states import Source

MOST_PHOTOS = 4
"""That an appeal may bring."""
PAGE_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Vary": "Accept, Accept-Language, Cookie",
}


def _status_page(
    shown: dict[str, Any],
    side: Side,
    token: str,
    language: Language,
    heat: dict[str, Any] | None,
    files: Sequence[str],
    most_bytes: int,
) -> str:
    """shown: the report as `serving.reports.view` gives it to this side. heat: how large the photo and its map are, if
    there is a map. files: names of what came with the appeal, photos first. most_bytes: of one request."""
    return render(
        "track.html",
        report=shown,
        side=side,
        token=token,
        t=texts("track", language),
        p=texts("page", language),
        language=language,
        heat=heat,
        most_photos=MOST_PHOTOS,
        most_files=attachments.MOST_FILES,
        most_bytes=most_bytes,
        files=files,
        spoken=partial(in_reader_s_language, language=language),
    )


class LinkRoute(PageRoute):
    """Browsers get a problem as a page, programs as JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        as_page, as_json = super().get_route_handler(), APIRoute.get_route_handler(self)

        async def told(request: Request) -> Response:
            return await (as_page if wants_page(request) else as_json)(request)

        return told


router = APIRouter(prefix="/track", tags=["status links"], route_class=LinkRoute)

Token = Annotated[str, Path(max_length=200, description="from `track_urls` of a report")]
HEADERS = {"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Robots-Tag": "noindex"}
"""The address is the key: it must not travel on, nor stay anywhere."""
SANDBOX = {"Content-Security-Policy": "default-src 'none'; sandbox", "X-Content-Type-Options": "nosniff"}
VIEW_SIDE = 1280
"""Pixels along the longer side of the photo on the page: three times a phone's width."""


@router.get("/{token}", response_model=ReportOut, responses=responses(404, 410))
def track_report(request: Request, token: Token) -> Response:
    """The report as this side sees it: JSON, or a page for browsers."""
    link = _link(request, token)
    with Services.of(request).database.reading() as session:
        whole = _whole(session, link)
        shown = _show(request, session, link, whole).body()
        if not wants_page(request):
            return JSONResponse(shown, headers=HEADERS)
        heat, files = _map_frame(whole), attachments.sent_names(session, whole.appeal) if whole.appeal else ()
    most_bytes = Services.of(request).settings.max_request_bytes
    page = _status_page(shown, link.side, token, language(request), heat, files, most_bytes)
    response = HTMLResponse(page, headers={**HEADERS, **PAGE_HEADERS})
    remember_language(request, response)
    return response


@router.get(
    "/{token}/photo",
    response_class=Response,
    responses={200: {"content": {"image/*": {}}}, **responses(404, 410)},
)
def track_photo(request: Request, token: Token) -> Response:
    """The photo that was reported, byte for byte."""
    content, image = _photo(request, token)
    return Response(content, media_type=image.media_type, headers={**HEADERS, **SANDBOX})


@router.get("/{token}/view.jpg", include_in_schema=False)
async def track_view(request: Request, token: Token) -> Response:
    """The photo that was reported as every browser can show it, at most `VIEW_SIDE` pixels wide and high."""
    _link(request, token)

    def collect() -> Drawing[bytes]:
        content, _ = _photo(request, token)
        return partial(scaled, content, VIEW_SIDE)

    content = await drawn(request, collect)
    return Response(content, media_type="image/jpeg", headers={**HEADERS, **SANDBOX})


@router.get("/{token}/heat.png", include_in_schema=False)
async def track_heat(request: Request, token: Token) -> Response:
    """The heat map in red: a cell a pixel, as opaque as it is probable."""
    link = _link(request, token)

    def collect() -> Drawing[bytes]:
        with Services.of(request).database.reading() as session:
            whole = _whole(session, link)
        if whole.screening is None or whole.screening.heatmap is None or whole.image.erased_at is not None:
            raise NotFound("There is no heat map of this photo.")
        found = load_map(Services.of(request).files, whole.screening.heatmap)
        return partial(map_overlay, coarse_map(found), HEAT_COLOUR)

    return Response(await drawn(request, collect), media_type="image/png", headers={**HEADERS, **SANDBOX})


@router.post(
    "/{token}/appeal",
    status_code=201,
    response_model=AppealOut,
    responses=responses(400, 404, 409, 410, 413, 422),
)
async def track_appeal(request: Request, token: Token) -> Response:
    """The buyer's objection to `established`: JSON `{"grounds": …}`, or the page's form, which may bring photos
    (`image`) and other files (`file`: PDF, text or video), four of each at most."""
    link = _buyer(request, token)
    parts = Services.of(request)
    size = expected_bytes(request, parts.settings)
    with parts.service.admission.place(request, math.inf, size, photos=0):
        objection = await _objection(request)
        made = await run_in_threadpool(_file, request, link, objection)
    parts.notifier.notify()
    return _done(request, token, JSONResponse(made, 201, HEADERS))


def _file(request: Request, link: Link, objection: "_Objection") -> dict[str, Any]:
    """The appeal, its photos and its files, in one transaction."""
    parts = Services.of(request)
    kept = each_file([*_works(parts, "image", objection.photos), *_works(parts, "file", objection.files)])
    prepared = [one for one in kept if isinstance(one, refunds.PreparedPhoto)]
    others = [one for one in kept if isinstance(one, attachments.Attachment)]
    with parts.database.transaction() as session:
        report, refund = repository.lock_pair(session, _whole(session, link).report)
        filed = file_appeal(_context(request, session, link, report), report, refund, objection.grounds)
        attachments.keep_attachments(session, filed, report, others, parts.clock())
        if prepared:
            refunds.add_photos(session, refund, prepared, BUYER, parts.clock())
        return AppealOut.of(filed).body()


@router.post(
    "/{token}/photos",
    status_code=201,
    response_model=ReportOut,
    responses=responses(400, 404, 408, 409, 410, 413, 415, 422),
)
async def track_send_photo(request: Request, token: Token) -> Response:
    """The photo that the buyer was asked for: multipart field `image`, a raw image body, or JSON with base64."""
    link = _buyer(request, token)
    parts = Services.of(request)
    await run_in_threadpool(_must_be_awaited, request, link)  # before anything is read, or kept
    size = expected_bytes(request, parts.settings)
    with parts.service.admission.place(request, math.inf, size, photos=0):
        body = await intake.read(request, parts.settings)
        made = await run_in_threadpool(_keep_photos, request, link, body)
    parts.notifier.notify()
    return _done(request, token, JSONResponse(made, 201, HEADERS))


def _photo(request: Request, token: str) -> tuple[bytes, Image]:
    """Raises Gone."""
    link = _link(request, token)
    with Services.of(request).database.reading() as session:
        image = _whole(session, link).image
    if image.erased_at is not None:
        raise Gone("photo_erased", "This photo was erased.")
    try:
        content = Services.of(request).files.get(image.sha256)
    except FileError as error:
        raise Gone("photo_missing", "This photo is not kept any more.") from error
    return content, image


def _map_frame(whole: repository.ReportDetail) -> dict[str, Any] | None:
    """Width and height in pixels of the photo as displayed and of its heat map, which ends with a whole cell; and the
    boxes of its regions, whose numbers the reasons name."""
    if whole.screening is None or whole.screening.heatmap is None or whole.image.erased_at is not None:
        return None
    width, height = whole.screening.body["width"], whole.screening.body["height"]
    across, down = (-(-side // STRIDE) * STRIDE for side in (width, height))
    return {"width": width, "height": height, "across": across, "down": down,
            "boxes": [region["box"] for region in whole.screening.body["regions"]]}  # fmt: skip


def _works(parts: Services, field: str, sent: Sequence[Upload]) -> list[tuple[SentFile, Callable[[], Any]]]:
    """Where each file came, and how it is opened and stored: photos and other files."""

    def keep(one: Upload) -> refunds.PreparedPhoto | attachments.Attachment:
        if field == "image":
            return refunds.prepare_one(parts.files, Source.CHAT, one.name, one.data, "")
        return attachments.prepare_attachment(parts.files, one.name, one.data)

    return [
        (SentFile(field, number, (one.name or "")[-attachments.LONGEST_NAME :]), partial(keep, one))
        for number, one in enumerate(sent, 1)
    ]


def _must_be_awaited(request: Request, link: Link) -> None:
    """Raises Conflict where nobody waits for a photo."""
    with Services.of(request).database.reading() as session:
        if not repository.photo_awaited(session, _whole(session, link).report):
            raise Conflict("no_photo_requested", "Nobody is waiting for a photo here.")


def _keep_photos(request: Request, link: Link, body: intake.Intake) -> dict[str, Any]:
    parts = Services.of(request)
    prepared = each_file(_works(parts, "image", body.images))
    with parts.database.transaction() as session:
        report, refund = repository.lock_pair(session, _whole(session, link).report)
        if not repository.photo_awaited(session, report):
            raise Conflict("no_photo_requested", "Nobody is waiting for a photo here.")
        refunds.add_photos(session, refund, prepared, BUYER, parts.clock())
        return _show(request, session, link, _whole(session, link)).body()


def _link(request: Request, token: str) -> Link:
    parts = Services.of(request)
    try:
        link = links.read(parts.secret, token, parts.clock())
    except LinkEnded as ended:
        raise _with_number(parts, ended) from None
    remember_link(request, link.report_id)
    return link


def _with_number(parts: Services, ended: LinkEnded) -> LinkEnded:
    """The same, with what its reader can ask the platform with. Raises NotFound."""
    with parts.database.reading() as session:
        refund = session.get_one(Refund, _whole(session, ended.link).report.refund_id)
        return LinkEnded(ended.link, ended.ended, refund.refund_id)


def _buyer(request: Request, token: str) -> Link:
    link = _link(request, token)
    if link.side != "buyer":
        raise Forbidden("This link is the merchant's; merchants act with their key.")
    return link


def _whole(session: Session, link: Link) -> repository.ReportDetail:
    report = repository.by_key(session, link.report_id)
    if report is None:
        raise NotFound("This report is not here any more.")
    return repository.report_detail(session, report)


def _show(request: Request, session: Session, link: Link, whole: repository.ReportDetail) -> ReportOut:
    context = _context(request, session, link, whole.report)
    shown = view.report_out(context, whole, secret=Services.of(request).secret)
    if link.side == "merchant":
        shown.allowed_actions = []  # a merchant acts with a key, not with a link
    return shown


def _context(request: Request, session: Session, link: Link, report: Report) -> Context:
    """For the side whose link it is."""
    parts = Services.of(request)
    who = BUYER if link.side == "buyer" else Actor(Role.MERCHANT, report.account)
    side = Principal(report.tenant_id, "", who.role, who.name, report.account)
    return Context(session, parts.settings, parts.clock(), side, language(request))


@dataclass(frozen=True)
class _Objection:
    grounds: str
    photos: Sequence[Upload] = ()
    files: Sequence[Upload] = ()


async def _objection(request: Request) -> _Objection:
    """Raises Problem 408, 413, 422."""
    if intake.media_type(request) not in ("application/x-www-form-urlencoded", "multipart/form-data"):
        return _Objection((await read_json(request, Services.of(request).settings, AppealIn)).grounds)
    async with (
        arriving(request, Services.of(request).settings),
        request.form(max_fields=4, max_files=MOST_PHOTOS + attachments.MOST_FILES) as form,
    ):
        photos, files = [await _uploads(form.getlist(name)) for name in ("image", "file")]
        given: Any = {"grounds": str(form.get("grounds", "")).replace("\r\n", "\n")}
    for name, sent, most in (("image", photos, MOST_PHOTOS), ("file", files, attachments.MOST_FILES)):
        if len(sent) > most:
            raise Problem(422, "too_many_attachments", f"{name}: at most {most} with an appeal")
    try:
        return _Objection(AppealIn.model_validate(given).grounds, photos, files)
    except ValidationError as error:
        raise Problem(422, "invalid_request", faults(error)) from error


async def _uploads(parts: Sequence[object]) -> list[Upload]:
    """Files of a form's field; browsers send one without a name where none was chosen."""
    return [
        Upload(one.filename, await one.read())
        for one in parts
        if isinstance(one, UploadFile) and one.filename
    ]


def _done(request: Request, token: str, answer: JSONResponse) -> Response:
    """Browsers go back to the page."""
    if wants_page(request):
        return RedirectResponse(f"/track/{token}", 303, HEADERS)
    return answer
