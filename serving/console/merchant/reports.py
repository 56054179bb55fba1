"""/reports/{id}: the verdict in words, why, how sure; what the merchant may do now; and everything that happened."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Response
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from refundlens.model.network.tiles import STRIDE
from refundlens.serving.console.forms import checked, text_of
from refundlens.serving.console.merchant import format, pictures
from refundlens.serving.console.merchant import repository as lists
from refundlens.serving.console.page import Visit, back_to, fields, page, submit, visits
from refundlens.serving.detection.oracle import coarse
from refundlens.serving.http.idempotency import Created
from refundlens.serving.http.pages import PageRoute
from refundlens.serving.http.turns import drawn
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.language import texts
from refundlens.serving.kit.roles import DETECTOR, Role
from refundlens.serving.reports import refusal, repository, service, view
from refundlens.serving.reports.schemas import AppealIn, RefusalIn
from refundlens.serving.workflow.states import ReportState, Source

NO_NEWS = 204
"""htmx swaps nothing then: what somebody is writing, and where the sliders are, stays."""
SOON, LATER = 2, 10
"""Seconds between looks while the detector is at it, which takes seconds, and while people are."""

router = APIRouter(include_in_schema=False, route_class=PageRoute)
Merchant = Annotated[Visit, Depends(visits(Role.MERCHANT))]
Identifier = Annotated[str, Path(alias="id", max_length=40)]
Do = Callable[[Context], object]


@router.get("/reports/{id}")
async def one(visit: Merchant, identifier: Identifier, seen: int | None = None) -> Response:
    """The page. seen: the version that the asking page shows; where that is still the newest, there is no news."""
    values = await run_in_threadpool(_values, visit, identifier, seen)
    if values is None:
        return Response(status_code=NO_NEWS)
    return page(visit, "merchant/report.html", "refunds", **values)


@router.get("/reports/{id}/state")
def state(visit: Merchant, identifier: Identifier) -> Response:
    """The state in a word, for lists that follow it."""
    with visit.services.database.reading() as session:
        report = repository.find_report(session, visit.principal, identifier)
    return page(visit, "merchant/state.html", "refunds", report=report, tone=format.tone)


@router.post("/reports/{id}/withdraw")
async def withdraw(visit: Merchant, identifier: Identifier) -> Response:
    """Take it back while nothing is decided."""
    form = await fields(visit)
    return await _done(visit, form, identifier, lambda context: service.withdraw(context, identifier, None))


@router.post("/reports/{id}/appeal")
async def appeal(visit: Merchant, identifier: Identifier) -> Response:
    """Object to `not_established`."""
    form = await fields(visit)
    written = text_of(form, "grounds") or texts("refunds", visit.language)["person_default"]
    grounds = checked(AppealIn, grounds=written).grounds
    return await _done(visit, form, identifier, lambda context: service.appeal(context, identifier, grounds))


@router.post("/reports/{id}/refuse")
async def refuse(visit: Merchant, identifier: Identifier) -> Response:
    """Refuse the refund, with the evidence."""
    form = await fields(visit)
    message = checked(RefusalIn, message=text_of(form, "message")).message

    async def once() -> Response:
        picture = await refusal.prepare_refusal(
            visit.services, visit.principal, identifier, message, partial(drawn, visit.request)
        )
        return await _done(
            visit, form, identifier, lambda context: service.refuse(context, identifier, None, picture)
        )

    return await service.drawn_anew(once)


async def _done(visit: Visit, form: FormData, identifier: str, do: Do) -> Response:
    """Do it once, and go back to the page."""

    def once(context: Context) -> Created:
        do(context)
        return Created({"id": identifier}, 200)

    await submit(visit, form, once)
    return back_to(f"/reports/{identifier}")


def _values(visit: Visit, identifier: str, seen: int | None) -> dict[str, Any] | None:
    """What the page's template shows; None where nothing is new."""
    with visit.services.database.reading() as session:
        report = repository.find_report(session, visit.principal, identifier)
        if seen == report.version:
            return None
        whole = repository.report_detail(session, report)
        parts = visit.services
        said = view.report_out(visit.context(session), whole, secret=parts.secret, finder=parts.finder).body()
        photos = lists.photos(session, whole.refund)
    body = coarse(whole.screening.body) if whole.screening else None
    listing = [image for image in photos if image.source == Source.LISTING and image.erased_at is None]
    language = refusal.language_of(whole.refund)
    undecided = report.state in ReportState.undecided()
    return {
        "report": report,
        "whole": whole,
        "said": said,
        "body": body,
        "heat_size": [-(-side // STRIDE) * STRIDE for side in (body["width"], body["height"])]
        if body
        else [],
        "places": pictures.places(body) if body else [],
        "listing": listing,
        "tone": format.tone,
        "refund_due": whole.refund.deadline_at if undecided else None,
        "due": report.due_at if said["due_at"] and not undecided else None,
        "claim_reason": refusal.facts(whole, visit.language).claim_reason,
        "default_message": texts("refusal", language)["message"],
        "events": texts("track", visit.language)["events"],
        "wishes": texts("track", visit.language)["wishes"],
        "over": report.state in ReportState.terminal(),
        "look_again": SOON if report.state == ReportState.SUBMITTED else LATER,
        "by_machine": report.state == ReportState.NOT_ESTABLISHED and report.decided_by == DETECTOR.name,
        "missed": body is not None and body["verdict"] == "authentic" and body.get("miss_bound") is not None,
    }
