"""Buyers' records in the browser: found by reference, line by line, taken back with a reason, erased for good.

In: a reference, posted, so that no log has it; then the keyed hash. Out: `serving.buyers` does it, and audits it.
"""

import json
from dataclasses import asdict

from fastapi import APIRouter, Response
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import select
from sqlalchemy.orm import Session

from refundlens.serving.buyers import erasure, service
from refundlens.serving.console.admin.frame import Admin, sheet
from refundlens.serving.console.forms import LINE, attempt, confirmed, text_of
from refundlens.serving.console.page import Visit, back_to, fields, submit
from refundlens.serving.http.idempotency import Created
from refundlens.serving.http.pages import PageRoute
from refundlens.serving.http.problems import Problem, problem_of
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.errors import Conflict, Invalid, NotFound
from refundlens.serving.storage.tables import Refund

router = APIRouter(prefix="/admin/buyers", include_in_schema=False, route_class=PageRoute)

MARK = 8
"""Characters of the hash that are typed before a buyer is erased: nobody types them by a slip."""


@router.get("")
def buyers_page(visit: Admin) -> Response:
    return sheet(visit, "buyers", erased=None)


@router.post("/find")
async def find(visit: Admin) -> Response:
    """By the platform's reference, by the hash we show, or by the number of a refund."""
    form = await fields(visit)
    return await run_in_threadpool(_find, visit, text_of(form, "reference", LINE))


@router.get("/{buyer}")
def buyer_page(visit: Admin, buyer: str) -> Response:
    """What is held of a buyer. Raises NotFound."""
    return _draw(visit, buyer)


@router.post("/{buyer}/lines/{line}/reverse")
async def reverse(visit: Admin, buyer: str, line: str) -> Response:
    """Take a final line back by one that compensates it."""
    form = await fields(visit)

    def do(context: Context) -> Created:
        confirmed(form)
        reason = text_of(form, "reason", LINE)
        if not reason:
            raise Invalid("reason_missing", "reason: say why the line is taken back")
        return Created(service.reverse(context, buyer, line, reason).body())

    _, failed = await attempt(submit(visit, form, do))
    if failed:
        return await run_in_threadpool(_draw, visit, buyer, failed)
    return back_to(f"/admin/buyers/{buyer}")


@router.post("/{buyer}/erase")
async def erase(visit: Admin, buyer: str) -> Response:
    """Erase a buyer: words, photos, the name itself."""
    form = await fields(visit)

    def do(context: Context) -> Created:
        confirmed(form)
        if text_of(form, "mark").lower() != buyer[:MARK]:
            raise Invalid("mark_differs", f"mark: type {buyer[:MARK]}")
        caller, files = context.principal, visit.services.files
        try:
            done = erasure.erase(context.session, files, caller.tenant, buyer, caller.actor, context.now)
        except erasure.StillOpen as error:
            raise Conflict("buyer_not_over", str(error)) from error
        return Created(asdict(done), 200)

    answer, failed = await attempt(submit(visit, form, do))
    if answer is None:
        return await run_in_threadpool(_draw, visit, buyer, failed)
    return await run_in_threadpool(sheet, visit, "buyers", erased=json.loads(bytes(answer.body)))


def _find(visit: Visit, reference: str) -> Response:
    tenant = visit.principal.tenant
    with visit.services.database.reading() as session:
        meant = _meant(session, visit, reference)
        found = [buyer for buyer in meant if erasure.find_traces(session, tenant, buyer).refunds]
    if len(found) == 1:
        return back_to(f"/admin/buyers/{found[0]}")
    failed = problem_of(Invalid("buyer_unknown", "No refund of this buyer, and none of this number."))
    if found:
        detail = "Refunds of several buyers have this number. Look by the platform's reference of the buyer instead."
        failed = problem_of(Conflict("ambiguous_refund", detail))
    return sheet(visit, "buyers", failed, erased=None, sought=True)


def _meant(session: Session, visit: Visit, reference: str) -> list[str]:
    """Keyed hashes that a reference may stand for."""
    if not reference:
        return []
    tenant = visit.principal.tenant
    of_refund = select(Refund.buyer).where(Refund.tenant_id == tenant, Refund.refund_id == reference)
    by_reference = service.keyed(visit.services.secret, tenant, reference)
    return list(dict.fromkeys([by_reference, *session.execute(of_refund).scalars()]))


def _draw(visit: Visit, buyer: str, failed: Problem | None = None) -> Response:
    with visit.reading() as context:
        found = erasure.find_traces(context.session, visit.principal.tenant, buyer)
        if not found.refunds:
            raise NotFound("No refund of this buyer is kept here.")
        record = service.integrity_json(context, buyer)
    taken_back = {line["reverses"] for line in record["entries"] if line["reverses"]}
    return sheet(
        visit,
        "buyers",
        failed,
        "buyer",
        buyer=buyer,
        record=record,
        traces=found,
        taken_back=taken_back,
        mark=buyer[:MARK],
    )
