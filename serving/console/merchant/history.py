"""/history: everything that was reported, found by any part of a number, by buyer, product and words; as CSV, too.

In: the query of the address, so that a list can be kept as a bookmark and passed on. Out: a page, or a file for a
spreadsheet. What is nonsense in the query narrows nothing: whoever mistypes an amount sees too much, never nothing.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from decimal import Decimal
from typing import Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.orm import Session

from refundlens.model.names import VERDICTS
from refundlens.serving.console.forms import unread
from refundlens.serving.console.merchant import format
from refundlens.serving.console.page import Visit, page, visits
from refundlens.serving.http import paging
from refundlens.serving.http.pages import PageRoute
from refundlens.serving.kit.format import in_tenths
from refundlens.serving.kit.language import texts
from refundlens.serving.kit.money import decimals, hundredths
from refundlens.serving.kit.roles import Role
from refundlens.serving.refunds import search
from refundlens.serving.reports import history, repository
from refundlens.serving.reports.history import HistoryOrder, Narrowed
from refundlens.serving.reports.repository import ReportDetail
from refundlens.serving.workflow.states import ReportState

ROWS = 50
MOST_ROWS = 10_000
"""Of a file: some two megabytes, and what spreadsheets open at once."""
GROUPS: Mapping[str, Sequence[ReportState]] = {
    "undecided": (ReportState.SUBMITTED, ReportState.NEEDS_REVIEW),
    "established": (ReportState.ESTABLISHED, ReportState.FINAL_ESTABLISHED),
    "not_established": (ReportState.NOT_ESTABLISHED, ReportState.FINAL_NOT_ESTABLISHED),
    "appealed": (ReportState.APPEALED,),
    "over": (ReportState.WITHDRAWN, ReportState.EXPIRED),
}
"""States as people ask for them."""
COLUMNS = ("reported_at", "refund", "shop", "buyer", "amount", "currency", "claim", "claim_text", "state", "verdict",
           "probability", "decided_at", "note", "report", "product_id", "product_title")  # fmt: skip
FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so is run by spreadsheets; who wrote it may be a buyer (OWASP, CSV injection)."""

router = APIRouter(include_in_schema=False, route_class=PageRoute)
Merchant = Annotated[Visit, Depends(visits(Role.MERCHANT))]


@dataclass(frozen=True)
class HistoryQuery:
    """The query as it is understood. given: what of it holds, for links and for the form. days: the zone that its days
    are of."""

    words: str
    narrowed: Narrowed
    order: HistoryOrder
    days: tzinfo
    given: Mapping[str, str]


@router.get("/history")
def history_page(visit: Merchant, cursor: paging.Cursor = None) -> Response:
    """The newest first, or as asked."""
    asked = read(visit.request)
    after = paging.decode(cursor, history.kinds(asked.order)) if cursor else None
    with visit.services.database.reading() as session:
        narrowed, more = _searched(session, visit, asked)
        found = history.reported(session, visit.principal, narrowed, asked.order, after, ROWS)
        wholes = repository.report_details(session, found[:ROWS])
    following = None
    if len(found) > ROWS:
        last = paging.encode(history.history_keys(found[ROWS - 1], asked.order))
        following = f"/history?{urlencode({**asked.given, 'cursor': last})}"
    return page(
        visit,
        "merchant/history.html",
        "history",
        rows=wholes,
        given=asked.given,
        unread=unread(visit.request.query_params, asked.given),
        groups=list(GROUPS),
        verdicts=VERDICTS,
        orders=list(HistoryOrder),
        following=following,
        later=cursor is not None,
        query=urlencode(asked.given),
        more=more,
        most=search.MOST,
        r=texts("refunds", visit.language),
        tone=format.tone,
    )


@router.get("/history.csv")
def history_file(visit: Merchant) -> Response:
    """The same list as a file."""
    asked = read(visit.request)
    with visit.services.database.reading() as session:
        narrowed, _ = _searched(session, visit, asked)
        content = "".join(_lines(session, visit, narrowed, asked))
    name = f"refundlens-{visit.services.clock().astimezone(asked.days):%Y%m%d-%H%M}.csv"
    return Response(
        content.encode("utf-8-sig"),  # with the mark by which Excel knows UTF-8
        media_type="text/csv; charset=utf-8",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        },
    )


def read(request: Request) -> HistoryQuery:
    """What the address asks."""
    query = request.query_params
    words = query.get("q", "").replace("\0", "").strip()[:200]
    group, verdict = query.get("state", ""), query.get("verdict", "")
    sort, zone = query.get("sort", ""), query.get("zone", "")
    days = zone_of(zone)
    since, until = (_day(query.get(name, "")) for name in ("since", "until"))
    product = query.get("product", "").replace("\0", "").strip()[: search.MOST_KEY]
    least, most = (hundredths(query.get(name, "")) for name in ("least", "most"))
    narrowed = Narrowed(
        states=GROUPS.get(group, ()),
        verdict=next((one for one in VERDICTS if one == verdict), None),
        since=None if since is None else datetime.combine(since, time(), days),
        until=None if until is None else datetime.combine(until + timedelta(days=1), time(), days),
        least=least,
        most=most,
        product=search.product_key(product),
    )
    order = HistoryOrder(sort) if sort in set(HistoryOrder) else HistoryOrder.NEWEST
    understood = {
        "q": words,
        "state": group if group in GROUPS else "",
        "verdict": narrowed.verdict or "",
        "since": "" if since is None else since.isoformat(),
        "until": "" if until is None else until.isoformat(),
        "least": "" if least is None else query.get("least", "").strip(),
        "most": "" if most is None else query.get("most", "").strip(),
        "product": product,
        "sort": "" if order is HistoryOrder.NEWEST else order.value,
        "zone": zone if days is not UTC else "",
    }
    return HistoryQuery(
        words, narrowed, order, days, {name: value for name, value in understood.items() if value}
    )


def _searched(session: Session, visit: Visit, asked: HistoryQuery) -> tuple[Narrowed, bool]:
    """With what the search found, and whether there is more than it gives."""
    if not asked.words:
        return asked.narrowed, False
    found = search.find_reports(session, visit.services.secret, visit.principal, asked.words)
    with_ids = Narrowed(**{**vars(asked.narrowed), "ids": found.ids})
    return with_ids, found.more


def _lines(session: Session, visit: Visit, narrowed: Narrowed, asked: HistoryQuery) -> Iterator[str]:
    words, refunds = texts("history", visit.language), texts("refunds", visit.language)
    yield _line([words["columns"][name] for name in COLUMNS])
    for rows in history.every_page(session, visit.principal, narrowed, asked.order, MOST_ROWS):
        for whole in repository.report_details(session, rows):
            yield _line(_cells(whole, words, refunds, asked.days))


def _cells(
    whole: ReportDetail, words: Mapping[str, Any], refunds: Mapping[str, Any], days: tzinfo
) -> list[str]:
    report, refund, screening = whole.report, whole.refund, whole.screening
    return [
        _local(report.created_at, days),
        refund.refund_id,
        report.account,
        f"buyer:{refund.buyer[:8]}",
        str(Decimal(refund.amount_minor).scaleb(-decimals(refund.currency))),
        refund.currency,
        refunds["claims"].get(refund.claim_type or "", ""),
        refund.claim_text,
        refunds["states"][report.state],
        words["verdicts"][report.verdict] if report.verdict else "",
        f"{in_tenths(screening.probability):.1f}" if screening else "",
        _local(report.decided_at, days),
        report.note,
        report.id,
        refund.product_id or "",
        refund.product_title or "",
    ]


def _line(cells: Sequence[str]) -> str:
    file = io.StringIO()
    csv.writer(file).writerow([f"'{cell}" if cell.startswith(FORMULA) else cell for cell in cells])
    return file.getvalue()


def _local(moment: datetime | None, days: tzinfo) -> str:
    return "" if moment is None else moment.astimezone(days).strftime("%Y-%m-%d %H:%M:%S %z")


def zone_of(name: str) -> tzinfo:
    """IANA's name, as browsers say it; UTC for none and for nonsense."""
    try:
        return ZoneInfo(name) if name and len(name) < 64 else UTC
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text.strip())
    except ValueError:
        return None
    return found if 2000 <= found.year < 2200 else None
