"""/statistics: what became of a shop's reports, in numbers and in drawings.

In: a period. Out: a page whose drawings are SVG made here, each with its numbers beside it in a table. Coordinates are
plain numbers; colours are the style sheet's.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Response

from refundlens.serving.console.merchant.history import zone_of
from refundlens.serving.console.page import Visit, page, visits
from refundlens.serving.http.pages import PageRoute
from refundlens.serving.kit.format import span
from refundlens.serving.kit.language import texts
from refundlens.serving.kit.roles import Role
from refundlens.serving.reports.statistics import MOST, Tally, statistics

PERIODS: Mapping[str, int] = {"30": 30, "90": 90, "365": 365}
"""Days looked back."""
WIDTH, TALL = 600.0, 160.0
"""Of the drawing of weeks, in its own units."""
GAP = 0.2
"""Share of a week's place that is left free."""
FEWEST = 8
"""Weeks that there is room for, so that a single one is no wall."""
PARTS = ("caught", "cleared", "pending", "over")
"""From the bottom of a column up."""

router = APIRouter(include_in_schema=False, route_class=PageRoute)
Merchant = Annotated[Visit, Depends(visits(Role.MERCHANT))]


@dataclass(frozen=True)
class WeekPart:
    """A rectangle. name: its class, one of PARTS."""

    name: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class WeekColumn:
    """A week. middle: of its place, for its label; none where there is no room for one."""

    monday: date
    tally: Tally
    blocks: Sequence[WeekPart]
    middle: float | None


def columns(weeks: Mapping[date, Tally]) -> list[WeekColumn]:
    """Stacked columns, the fullest week as tall as the drawing, the newest at its right edge."""
    most = max((tally.reported for tally in weeks.values()), default=0) or 1
    places = max(len(weeks), FEWEST)
    place = WIDTH / places
    every = -(-len(weeks) * 56 // int(WIDTH)) or 1  # a label takes some fifty units
    found = []
    for number, (monday, tally) in enumerate(weeks.items(), places - len(weeks)):
        top, blocks = TALL, []
        for name in PARTS:
            height = getattr(tally, name) * TALL / most
            top -= height
            if height:
                blocks.append(WeekPart(name, (number + GAP / 2) * place, top, (1 - GAP) * place, height))
        middle = (number + 0.5) * place if number % every == 0 else None
        found.append(WeekColumn(monday, tally, blocks, middle))
    return found


@router.get("/statistics")
def statistics_page(visit: Merchant, days: str = "90", zone: str = "") -> Response:
    """Of the last 30, 90 or 365 days."""
    days = days if days in PERIODS else "90"
    until: datetime = visit.services.clock()
    since = until - timedelta(days=PERIODS[days])
    with visit.services.database.reading() as session:
        found = statistics(session, visit.principal, since, until + timedelta(milliseconds=1), zone_of(zone))
    words, refunds = texts("statistics", visit.language), texts("refunds", visit.language)

    def said(length: timedelta | None) -> str:
        if length is None:
            return "–"
        if length < timedelta(minutes=1):
            return str(words["seconds"]).format(seconds=max(1, round(length.total_seconds())))
        return span(length, texts("frame", visit.language)["time"])

    return page(
        visit,
        "merchant/statistics.html",
        "statistics",
        found=found,
        columns=columns(found.weeks),
        width=WIDTH,
        tall=TALL,
        parts=PARTS,
        periods=list(PERIODS),
        days=days,
        zone=zone if zone_of(zone) is not UTC else "",
        slowest=max(found.speeds.values(), default=0) or 1,
        most_of_product=max((one.tally.reported for one in found.products.lines), default=0) or 1,
        begins=since.astimezone(zone_of(zone)).date(),
        many_shops=visit.principal.role is not Role.MERCHANT,
        most_claims=max((one.reported for one in found.claims.values()), default=0) or 1,
        said=said,
        most=MOST,
        r=refunds,
    )
