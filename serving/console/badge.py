"""/badge: the number beside a name in the navigation: what is waiting, and will not wait long.

In: who visits. Out: a piece of a page, which htmx asks for once a page is there and every minute; nothing for nobody's
work. A merchant's are open refunds that the platform decides within a day; an adjudicator's are reports that need a
person.
"""

from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import Select, func, select

from refundlens.serving.console.page import Elsewhere, Visit, page, visits
from refundlens.serving.http.pages import PageRoute
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.storage.tables import Refund, Report
from refundlens.serving.workflow.states import RefundStatus, ReportState

SOON = timedelta(hours=24)
"""The first of the three warnings."""
MOST = 99
"""More are shown as `99+`; nobody counts further."""

router = APIRouter(include_in_schema=False, route_class=PageRoute)


async def _visitor(request: Request) -> Visit | None:
    """None where nobody is logged in (any more): asking for a number must not take anybody to the login."""
    try:
        return await visits(Role.MERCHANT, Role.ADJUDICATOR)(request)
    except Elsewhere:
        return None


@router.get("/badge")
def badge(visit: Annotated[Visit | None, Depends(_visitor)]) -> Response:
    """The number."""
    if visit is None:
        return Response(status_code=204)
    judge = visit.principal.role is Role.ADJUDICATOR
    waiting = _reports(visit.principal) if judge else _refunds(visit.principal, visit.services.clock())
    with visit.services.database.reading() as session:
        count = session.execute(
            select(func.count()).select_from(waiting.limit(MOST + 1).subquery())
        ).scalar_one()
    return page(visit, "badge.html", "frame", count=count, most=MOST, judge=judge)


def _reports(principal: Principal) -> Select[Any]:
    return select(Report.id).where(
        Report.tenant_id == principal.tenant,
        Report.state == ReportState.NEEDS_REVIEW.value,
        Report.live.is_not(None),
    )


def _refunds(principal: Principal, now: datetime) -> Select[Any]:
    query = select(Refund.id).where(
        Refund.tenant_id == principal.tenant,
        Refund.status == RefundStatus.OPEN.value,
        Refund.deadline_at > now,
        Refund.deadline_at <= now + SOON,
    )
    return query.where(Refund.account == principal.account) if principal.role is Role.MERCHANT else query
