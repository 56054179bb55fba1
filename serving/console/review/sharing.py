"""Work that several adjudicators share: the next free case, leaving one to another, views and decisions of one's own.

In: a judge. Out: redirects, and /queue/mine. `QueueView`s come from the address of the queue and go along with every
form (field `view`), so that who works through one narrowed queue stays in it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlencode

from fastapi import APIRouter, Depends, Response
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import select
from sqlalchemy.orm import Session

from refundlens.model.names import DEFECTS, VERDICTS
from refundlens.serving.console.page import Visit, back_to, fields, page, submit, visits
from refundlens.serving.console.review import blind_review
from refundlens.serving.http import paging
from refundlens.serving.http.idempotency import Created
from refundlens.serving.http.pages import PageRoute
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.errors import Conflict, Invalid
from refundlens.serving.kit.ids import make_id
from refundlens.serving.kit.language import known, texts
from refundlens.serving.kit.money import hundredths
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.reports import assignment, review_queue
from refundlens.serving.reports import repository as reports
from refundlens.serving.reports.review_queue import QueueOrder, QueueView
from refundlens.serving.storage.tables import Decision, Report, SavedView

WITHIN = {"2h": timedelta(hours=2), "24h": timedelta(hours=24)}
"""Deadline filters: the platform's last two warnings."""
NAMES = ("due", "shop", "claim", "verdict", "language", "least", "most", "second", "sort")
MOST_VIEWS = 20
ROWS = 50
TRIES = 20
"""Cases that others take between the look and the hand; then somebody tells the judge to look again."""

router = APIRouter(include_in_schema=False, route_class=PageRoute)
Judge = Annotated[Visit, Depends(visits(Role.ADJUDICATOR))]


@dataclass(frozen=True)
class QueueQuery:
    """view: as it is understood. given: what of the address holds."""

    view: QueueView
    given: Mapping[str, str]

    @property
    def query(self) -> str:
        return urlencode(self.given)


def read(query: Mapping[str, str], now: datetime, hides: bool = False) -> QueueQuery:
    """What an address narrows the queue to; nonsense narrows nothing. hides: whether the model's opinion is hidden
    here, which verdict and doubt would tell."""
    given = {name: query.get(name, "").replace("\0", "").strip()[:120] for name in NAMES}
    if hides:
        given |= {"verdict": "", "sort": "" if given["sort"] == QueueOrder.DOUBT else given["sort"]}
    least, most = hundredths(given["least"]), hundredths(given["most"])
    view = QueueView(
        order=QueueOrder(given["sort"]) if given["sort"] in set(QueueOrder) else QueueOrder.DUE,
        due_before=now + WITHIN[given["due"]] if given["due"] in WITHIN else None,
        account=given["shop"] or None,
        claim=next((one for one in DEFECTS if one == given["claim"]), None),
        verdict=next((one for one in VERDICTS if one == given["verdict"]), None),
        language=known(given["language"]),
        least=least,
        most=most,
        second=given["second"] == "1",
    )
    holds = {
        "due": view.due_before, "shop": view.account, "claim": view.claim, "verdict": view.verdict,
        "language": view.language, "least": least is not None, "most": most is not None, "second": view.second,
        "sort": view.order is not QueueOrder.DUE,
    }  # fmt: skip
    return QueueQuery(view, {name: value for name, value in given.items() if holds[name]})


def read_form(text: str, now: datetime) -> QueueQuery:
    """The same from a form's field `view`."""
    return read(dict(parse_qsl(text[:600])), now)


@router.get("/queue/next")
def next_case(visit: Judge, after: str = "", held: str = "") -> Response:
    """The first free case of the view, in this judge's hands; the queue, where there is none."""
    with visit.services.database.reading() as session:
        hides = blind_review.hidden_here(session, visit.principal.tenant)
    asked = read(visit.request.query_params, visit.services.clock(), hides)
    taken = take_next(visit, asked, after)
    more = {**asked.given, **({"held": held} if held else {})}
    return back_to(
        f"/queue/{taken}?{urlencode(more)}" if taken else f"/queue?{urlencode({**more, 'nothing': '1'})}"
    )


def take_next(visit: Visit, asked: QueueQuery, after: str = "") -> str | None:
    """Its id."""
    now = visit.services.clock()
    with visit.services.database.transaction() as session:
        behind = session.get(Report, after) if after else None
        if behind is not None and behind.tenant_id != visit.principal.tenant:
            behind = None
        for _ in range(TRIES):
            found = review_queue.first_free(session, visit.principal, asked.view, now, behind)
            if found is None:
                return None
            try:
                if assignment.take_case(session, visit.principal, found, now) is not None:
                    return found.id
            except Conflict:
                behind = found
    return None


@router.post("/queue/{report_id}/give-back")
async def give_back(visit: Judge, report_id: str) -> Response:
    """Leave a case, and go to the queue."""
    form = await fields(visit)

    def do(context: Context) -> Created:
        assignment.give_back(context.session, context.principal, report_id)
        return Created({"report": report_id}, 200)

    await submit(visit, form, do)
    return back_to(f"/queue?{read_form(str(form.get('view', '')), visit.services.clock()).query}")


@router.post("/queue/{report_id}/second-opinion")
async def ask_second(visit: Judge, report_id: str) -> Response:
    """Leave a case to another judge, saying why, and go on to the next."""
    form = await fields(visit)
    words = str(form.get("words", "")).strip()[:2_000]
    if not words:
        raise Invalid("invalid_request", texts("sharing", visit.language)["say_why"])

    def do(context: Context) -> Created:
        report = reports.find_report(context.session, context.principal, report_id)
        assignment.ask_second(context.session, context.principal, report, words, context.now)
        return Created({"report": report_id}, 201)

    await submit(visit, form, do)
    return back_to(f"/queue/next?{read_form(str(form.get('view', '')), visit.services.clock()).query}")


@router.post("/queue/views")
async def save_view(visit: Judge) -> Response:
    """Keep the view under a name, in place of the one that has it."""
    form = await fields(visit)
    name = str(form.get("name", "")).strip()[:80]
    asked = read_form(str(form.get("view", "")), visit.services.clock())
    if not name:
        raise Invalid("invalid_request", texts("sharing", visit.language)["name_missing"])

    def do(context: Context) -> Created:
        known = views(context.session, context.principal)
        row = next((one for one in known if one.name == name), None)
        if row is None:
            if len(known) >= MOST_VIEWS:
                detail = texts("sharing", visit.language)["too_many"].format(count=MOST_VIEWS)
                raise Conflict("too_many_views", detail)
            now = context.now
            row = SavedView(
                id=make_id("viw", now), tenant_id=context.principal.tenant, judge=context.principal.subject,
                name=name, query="", created_at=now,
            )  # fmt: skip
            context.session.add(row)
        row.query = asked.query
        context.session.flush()
        return Created({"view": row.id}, 201)

    await submit(visit, form, do)
    return back_to(f"/queue?{asked.query}")


@router.post("/queue/views/{view_id}/delete")
async def forget_view(visit: Judge, view_id: str) -> Response:
    """Of this judge's own."""
    form = await fields(visit)

    def do(context: Context) -> Created:
        for row in views(context.session, context.principal):
            if row.id == view_id:
                context.session.delete(row)
        return Created({"view": view_id}, 200)

    await submit(visit, form, do)
    return back_to("/queue")


@router.get("/queue/mine")
async def mine(visit: Judge, cursor: paging.Cursor = None) -> Response:
    """What this judge decided, the newest first."""
    return await run_in_threadpool(_mine, visit, cursor)


def _mine(visit: Visit, cursor: str | None) -> Response:
    last = str(paging.decode(cursor, (str,))[0]) if cursor else None
    with visit.services.database.reading() as session:
        found = decisions(session, visit.principal, last)
        shown = found[:ROWS]
        rows = select(Report).where(Report.id.in_([one.report_id for one in shown]))
        by_id = {row.id: row for row in session.execute(rows).scalars()} if shown else {}
        wholes = reports.report_details(session, [by_id[one.report_id] for one in shown])
    more = (
        f"/queue/mine?{urlencode({'cursor': paging.encode([shown[-1].id])})}" if len(found) > ROWS else None
    )
    return page(
        visit, "review/mine.html", "queue", s=texts("sharing", visit.language), more=more, first=not cursor,
        rows=list(zip(shown, wholes, strict=True)),
    )  # fmt: skip


def decisions(session: Session, principal: Principal, before: str | None) -> Sequence[Decision]:
    """This judge's own, the newest first. before: a decision's id. Up to ROWS + 1."""
    query = select(Decision).where(
        Decision.tenant_id == principal.tenant, Decision.decided_by == principal.subject
    )
    if before is not None:
        query = query.where(Decision.id < before)
    return session.execute(query.order_by(Decision.id.desc()).limit(ROWS + 1)).scalars().all()


def views(session: Session, principal: Principal) -> list[SavedView]:
    """This judge's own, by name."""
    query = select(SavedView).where(
        SavedView.tenant_id == principal.tenant, SavedView.judge == principal.subject
    )
    return list(session.execute(query.order_by(SavedView.name)).scalars())


def cursor_keys(report: Report, order: QueueOrder) -> list[Any]:
    """`review_queue.queue_keys` as a cursor holds them."""
    return [
        paging.exact(one) if isinstance(one, datetime) else one
        for one in review_queue.queue_keys(report, order)
    ]


def after_cursor(cursor: str, order: QueueOrder) -> list[Any] | None:
    """Raises Problem 400."""
    if not cursor:
        return None
    if order is QueueOrder.DUE:
        when, rank, last = paging.decode(cursor, (str, int, str))
        return [paging.moment(when), rank, last]
    return paging.decode(cursor, (float if order is QueueOrder.DOUBT else int, str))
