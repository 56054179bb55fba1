"""/refunds and /refunds/{refund_id}: what is to be decided, by deadline, and one click to report photos.

One click on any number of photos: each refund's are one claim.

In: photos' ids. Out: reports, and how many photos could not be reported. A refund whose photos are refused (its time is
over, somebody else was faster) keeps the others from nothing.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Depends, Query, Response
from fastapi.concurrency import run_in_threadpool

from refundlens.serving.complaints import service as complaints
from refundlens.serving.complaints.schemas import ComplaintIn, ComplaintKind
from refundlens.serving.console.admin.frame import Admin
from refundlens.serving.console.forms import LINE, attempt, checked, confirmed, text_of
from refundlens.serving.console.merchant import format, repository
from refundlens.serving.console.merchant.format import RefundCard
from refundlens.serving.console.merchant.repository import PARTS, Part
from refundlens.serving.console.page import Visit, back_to, fields, page, submit, visits
from refundlens.serving.demo.samples import Shown
from refundlens.serving.http import paging
from refundlens.serving.http.idempotency import Created
from refundlens.serving.http.pages import PageRoute
from refundlens.serving.http.problems import Problem
from refundlens.serving.identity.tenants import DEMO
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.errors import DomainError, Invalid, NotFound
from refundlens.serving.kit.language import texts
from refundlens.serving.kit.roles import Role
from refundlens.serving.refunds import repository as refunds
from refundlens.serving.refunds.endpoints import Account, PlatformName, RefundId
from refundlens.serving.refunds.repository import Owner
from refundlens.serving.reports import service
from refundlens.serving.reports.schemas import MOST_PHOTOS, ReportIn
from refundlens.serving.storage.tables import Report
from refundlens.serving.workflow.guards import chosen_miss_limit


def report_photos(context: Context, photos: Sequence[str], note: str) -> Created:
    """Raises NotFound for a photo that is not the caller's; then, and where it is about a single claim, the problem
    of that claim, with nothing done."""
    found = repository.refunds_of(context.session, context.principal, photos)
    missing = [photo for photo in photos if photo not in found]
    if missing:
        raise NotFound(f"There is no photo {missing[0]}.")
    claims: dict[str, list[str]] = {}
    for photo in sorted(photos, key=lambda photo: (found[photo].id, photo)):
        claims.setdefault(found[photo].id, []).append(photo)
    for key in claims:  # all before the first report: whoever holds the audit chain waits for no refund
        refunds.lock_by_key(context.session, key)
    made: list[str] = []
    failed = 0
    parts = [
        (found[whole[0]], whole[start : start + MOST_PHOTOS])
        for whole in claims.values()
        for start in range(0, len(whole), MOST_PHOTOS)
    ]
    for refund, part in parts:
        asked = ReportIn(
            refund_id=refund.refund_id,
            account=refund.account,
            platform=refund.platform,
            image=part,
            note=note,
        )
        try:
            with context.session.begin_nested():
                made += [report.id for report in service.submit(context, asked)]
        except DomainError:
            if len(parts) == 1:
                raise
            failed += len(part)
    return Created({"reports": made, "failed": failed})


MOST_SELECTED = 400
"""Photos of one click: a page's worth with room to spare."""

router = APIRouter(include_in_schema=False, route_class=PageRoute)
Merchant = Annotated[Visit, Depends(visits(Role.MERCHANT))]
Count = Annotated[int, Query(ge=0, le=MOST_SELECTED)]


@router.get("/refunds")
async def index(
    visit: Merchant,
    part: Part = "open",
    cursor: paging.Cursor = None,
    find: Annotated[str | None, Query(max_length=64)] = None,
    reported: Count = 0,
    failed: Count = 0,
    nothing: bool = False,
) -> Response:
    """Open refunds, those that are due first first. find: a refund's number, to go to it."""
    wanted = (find or "").replace("\0", "").strip()
    if bool(wanted) and await run_in_threadpool(_there, visit, wanted):
        return back_to(f"/refunds/{quote(wanted, safe='')}")
    cards, following, elsewhere = await run_in_threadpool(_cards, visit, part, cursor)
    begins = part == "open" and cursor is None and visit.principal.tenant == DEMO
    front = await run_in_threadpool(_front, visit) if begins else None
    return page(
        visit,
        "merchant/refunds.html",
        "refunds",
        cards=cards,
        front=front,
        part=part,
        names=PARTS,
        elsewhere=elsewhere,
        following=following,
        later=cursor is not None,
        reported=reported,
        failed=failed,
        nothing=nothing,
        missing=wanted,
        selectable=sum(card.reportable for refund in cards for card in refund.buyers),
        tone=format.tone,
    )


@router.post("/refunds/reports")
async def report(visit: Merchant) -> Response:
    """The button of a photo's card, and the one for all that are selected."""
    form = await fields(visit)
    photos = list(dict.fromkeys(str(value) for value in form.getlist("photo")))
    if not photos:
        return back_to("/refunds?nothing=1")
    if len(photos) > MOST_SELECTED:
        raise Invalid("invalid_request", f"At most {MOST_SELECTED} photos at once.")
    note = text_of(form, "note")
    checked(ReportIn, refund_id="-", image=photos, note=note)
    done = await submit(visit, form, lambda context: report_photos(context, photos, note))
    made = json.loads(bytes(done.body))
    if len(photos) == 1:
        return back_to(f"/reports/{made['reports'][0]}")
    return back_to(f"/refunds?reported={len(made['reports'])}&failed={made['failed']}")


@router.get("/refunds/{refund_id}")
async def one(
    visit: Merchant,
    refund_id: RefundId,
    complained: bool = False,
    account: Account = None,
    platform: PlatformName = None,
) -> Response:
    """A refund with its photos, each with its button; where several have this number, which one is meant."""
    owner = Owner(account, platform)
    return await run_in_threadpool(_draw_one, visit, refund_id, owner, complained=complained)


@router.post("/refunds/{refund_id}/complaints")
async def complain(visit: Merchant, refund_id: RefundId) -> Response:
    """Something else is wrong with the refund than a photo."""
    form = await fields(visit)
    owner = {name: text_of(form, name) for name in ("account", "platform")}
    asked = checked(
        ComplaintIn, refund_id=refund_id, kind=text_of(form, "kind"), text=text_of(form, "text"), **owner
    )
    await submit(visit, form, lambda context: Created(complaints.file(context, asked).body()))
    return back_to(f"/refunds/{refund_id}?{urlencode(owner | {'complained': 1})}#complaints")


@router.post("/refunds/{refund_id}/void")
async def void(visit: Admin, refund_id: RefundId) -> Response:
    """Take back a record under a wrong shop or buyer; it leads to the audit log's line about it."""
    form = await fields(visit)
    owner = Owner(text_of(form, "account"), text_of(form, "platform"))

    def do(context: Context) -> Created:
        confirmed(form)
        reason = text_of(form, "reason", LINE)
        if not reason:
            raise Invalid("reason_missing", "reason: say why the record is taken back")
        return Created({"id": service.void_mirror(context, refund_id, owner, reason).id}, 200)

    answer, failed = await attempt(submit(visit, form, do))
    if answer is None:
        return await run_in_threadpool(_draw_one, visit, refund_id, owner, failed, text_of(form, "reason"))
    about = {"about": json.loads(bytes(answer.body))["id"], "voided": refund_id}
    return back_to(f"/admin/audit?{urlencode(about)}")


def _cards(visit: Visit, part: Part, cursor: str | None) -> tuple[list[RefundCard], str | None, list[Part]]:
    """(cards, cursor of the next page, and where no refund is open, the parts that have some)."""
    now: datetime = visit.services.clock()
    with visit.services.database.reading() as session:
        found = repository.listed(session, visit.principal, part, cursor, now)
        others = PARTS if part == "open" and not found.refunds else ()
        elsewhere = [
            other for other in others
            if repository.listed(session, visit.principal, other, None, now).refunds
        ]  # fmt: skip
        photos = refunds.photos(session, found.refunds)
        named = {name for those in photos.values() for _, name in those if name is not None}
        reports = repository.reports(session, named)
    show = partial(format.refund_card, reports=reports, now=now)
    return [show(refund, photos[refund.id]) for refund in found.refunds], found.next_cursor, elsewhere


@dataclass(frozen=True)
class Front:
    """What the demo begins with, each with the report of its photo, once somebody made it. limit: miss bound up to
    which the shop needs no person; usual: the installation's own."""

    shown: Sequence[tuple[Shown, Report | None]]
    limit: str
    usual: str


def _front(visit: Visit) -> Front:
    shown, settings = visit.services.samples.front, visit.services.settings
    with visit.services.database.reading() as session:
        newest = repository.newest_reports(session, visit.principal, [one.image_id for one in shown])
        limit = chosen_miss_limit(session, settings, visit.principal.tenant)
    pairs = [(one, newest.get(one.image_id)) for one in shown]
    return Front(pairs, f"{limit:.0%}", f"{settings.miss_limit:.0%}")


def _there(visit: Visit, refund_id: str) -> bool:
    """Whether somebody who looks for this number has a refund to go to."""
    with visit.services.database.reading() as session:
        return bool(refunds.same_number(session, visit.principal, refund_id))


def _draw_one(
    visit: Visit,
    refund_id: str,
    owner: Owner,
    failed: Problem | None = None,
    reason: str = "",
    complained: bool = False,
) -> Response:
    """reason: what was typed when nothing was voided; it is not lost."""
    values = _one(visit, refund_id, owner)
    if "choices" in values:
        return page(visit, "merchant/which.html", "refunds", number=refund_id, **values)
    return page(
        visit,
        "merchant/refund.html",
        "refunds",
        failed.status if failed else 200,
        complained=complained,
        kinds=list(ComplaintKind),
        tone=format.tone,
        failed=failed,
        reason=reason,
        a=texts("admin", visit.language),
        **values,
    )


def _one(visit: Visit, refund_id: str, owner: Owner) -> dict[str, Any]:
    """What the refund's page shows; of several, the choices. Raises NotFound."""
    with visit.services.database.reading() as session:
        found = [row for row in refunds.same_number(session, visit.principal, refund_id) if owner.fits(row)]
        if len(found) > 1:
            return {"choices": found}
        refund = found[0] if found else refunds.get(session, visit.principal, refund_id, owner=owner)
        photos = refunds.photos(session, [refund])[refund.id]
        reports = repository.reports(session, {name for _, name in photos if name is not None})
        filed = [
            complaints.complaint_out((row, refund.refund_id), visit.principal).body()
            for row in repository.complaints(session, refund)
        ]
    card = format.refund_card(refund, photos, reports, visit.services.clock())
    return {"card": card, "complaints": filed}
