"""The audit log in the browser: what happened, newest first, of one object or from one day back; its check; all of it.

In: filters. Out: rows by the chain's own number, which grows with time, so that a day is found by halving and no list
is read to its end. The check recomputes every row; the end that it shows is worth keeping elsewhere (`Anchor`).
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

from fastapi import APIRouter, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from sqlalchemy import select
from sqlalchemy.orm import Session

from refundlens.serving.console.admin.frame import Admin, sheet
from refundlens.serving.console.forms import text_of
from refundlens.serving.console.page import Visit, fields
from refundlens.serving.events.audit import canonical
from refundlens.serving.events.verify import Anchor, Verified, records, verify
from refundlens.serving.http.pages import PageRoute
from refundlens.serving.http.problems import Problem, problem_of
from refundlens.serving.kit.errors import Invalid
from refundlens.serving.kit.language import texts
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.tables import AuditEvent, Chain, Refund, Report

router = APIRouter(prefix="/admin/audit", include_in_schema=False, route_class=PageRoute)

ROWS = 50
"""Of a page."""
HASH_LENGTH = 64
MOST_NAMED = 100
"""Refunds of one number that are looked at, and reports of them."""


@router.get("")
def audit_page(
    visit: Admin, about: str = "", day: str = "", before: int | None = None, voided: str = ""
) -> Response:
    """about: the id of an object, or the number of refunds, those that were voided included. day: the last one shown,
    in UTC. before: the number of the last row given. voided: the number of a refund that was just voided."""
    try:
        return _draw(visit, about.strip(), day, before, voided=voided[:64])
    except Invalid:  # a day that is none: the list says so, and is not narrowed by it
        return _draw(visit, about.strip(), "", before, unread=day[:60])


@router.post("/check")
async def check(visit: Admin) -> Response:
    """Recompute every row of the chain, against an end that was kept elsewhere where one is given."""
    form = await fields(visit)
    try:
        anchor = _anchor(text_of(form, "anchor", 100))
    except Invalid as error:
        return await run_in_threadpool(_draw, visit, "", "", None, problem_of(error))
    return await run_in_threadpool(_check, visit, anchor)


@router.get("/audit.jsonl")
def export(visit: Admin) -> Response:
    """Every row as JSON Lines, as `refundlens audit export` writes them."""
    name = f"audit-{visit.services.clock():%Y%m%d}.jsonl"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return StreamingResponse(
        _lines(visit.services.database, visit.principal.tenant),
        headers=headers,
        media_type="application/jsonl",
    )


def _lines(database: Database, tenant: str) -> Iterator[str]:
    with database.reading() as session:
        for row in records(session, tenant):
            yield f'{canonical(row)[:-1]},"hash":"{row.hash}"}}\n'


def _check(visit: Visit, anchor: Anchor | None) -> Response:
    with visit.services.database.reading() as session:
        found = verify(session, visit.principal.tenant, anchor)
    return _draw(visit, "", "", None, None, found)


def _draw(
    visit: Visit,
    about: str,
    day: str,
    before: int | None,
    failed: Problem | None = None,
    verified: Verified | None = None,
    voided: str = "",
    unread: str = "",
) -> Response:
    tenant = visit.principal.tenant
    with visit.services.database.reading() as session:
        head = session.get(Chain, tenant)
        last = _last_of(session, tenant, day, head.length if head else 0) if day else None
        asked = select(AuditEvent).where(AuditEvent.tenant_id == tenant)
        if about:
            asked = asked.where(AuditEvent.object_id.in_([about, *_of_refund(session, tenant, about)]))
        if last is not None:
            asked = asked.where(AuditEvent.seq <= last)
        if before is not None:
            asked = asked.where(AuditEvent.seq < before)
        rows = session.execute(asked.order_by(AuditEvent.seq.desc()).limit(ROWS + 1)).scalars().all()
    kept = {name: value for name, value in (("about", about), ("day", day)) if value}
    more = f"/admin/audit?{urlencode({**kept, 'before': rows[ROWS - 1].seq})}" if len(rows) > ROWS else None
    return sheet(
        visit,
        "audit",
        failed,
        rows=rows[:ROWS],
        events=texts("queue", visit.language)["events"],
        states=_states(visit),
        length=head.length if head else 0,
        about=about,
        day=day,
        first=before is None,
        more=more,
        verified=verified,
        voided=voided,
        unread=unread,
    )


def _of_refund(session: Session, tenant: str, number: str) -> list[str]:
    """Ids of the refunds of a number and of their reports, the newest; of several shops, too."""
    numbered = Refund.tenant_id == tenant, Refund.refund_id == number
    refunds = session.execute(select(Refund.id).where(*numbered).order_by(Refund.id.desc()).limit(MOST_NAMED))
    found = list(refunds.scalars())
    reports = (
        select(Report.id).where(Report.refund_id.in_(found)).order_by(Report.id.desc()).limit(MOST_NAMED)
    )
    return [*found, *session.execute(reports).scalars()]


def _states(visit: Visit) -> dict[str, str]:
    """Words of all that a row may go from and to: reports, models, endpoints."""
    spoken = visit.language
    return {
        **texts("admin_audit", spoken)["states"],
        **texts("models", spoken)["stages"],
        **texts("refunds", spoken)["states"],
    }


def _last_of(session: Session, tenant: str, day: str, length: int) -> int:
    """The number of the last row of a day. Raises Invalid for what is no day."""
    try:
        end = datetime.combine(date.fromisoformat(day), time(), UTC) + timedelta(days=1)
    except (ValueError, OverflowError) as error:
        raise Invalid("invalid_request", "day: write it as 2026-11-28") from error
    low, high = 0, length  # rows up to `low` are of that day or before, those after `high` are later
    while low < high:
        middle = (low + high + 1) // 2
        at = session.execute(
            select(AuditEvent.at).where(AuditEvent.tenant_id == tenant, AuditEvent.seq == middle)
        ).scalar_one_or_none()
        if at is None or at < end:
            low = middle
        else:
            high = middle - 1
    return low


def _anchor(text: str) -> Anchor | None:
    """Raises Invalid."""
    if not text:
        return None
    number, _, digest = text.partition(":")
    if not number.isdecimal() or len(number) > 18 or len(digest) != HASH_LENGTH:
        raise Invalid("anchor_malformed", "anchor: ROW:HASH, as an earlier check showed it")
    return Anchor(int(number), digest)
