"""Takes a mirror of a refund back: one that stands under a wrong shop or buyer, made by mistake or to frame somebody.

In: an administrator, the refund, why. Out: the refund closed and its number free, undecided reports expired, the lines
in the buyer's record compensated, all of it in the audit log. Nothing is deleted.
"""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import JSONResponse
from pydantic import ConfigDict, Field
from sqlalchemy import select
from sqlalchemy.orm import Session

from refundlens.serving.buyers import integrity
from refundlens.serving.http.context import Db
from refundlens.serving.http.problems import responses
from refundlens.serving.identity.access import needs
from refundlens.serving.kit.errors import etag
from refundlens.serving.kit.given import Given
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Actor, Role
from refundlens.serving.refunds import repository, service
from refundlens.serving.refunds.endpoints import RefundId
from refundlens.serving.refunds.repository import Owner
from refundlens.serving.refunds.schemas import RefundOut
from refundlens.serving.settings import Settings
from refundlens.serving.storage.tables import Refund, Report

router = APIRouter(prefix="/v1", tags=["refunds"])

Admin = Annotated[Principal, Depends(needs(Role.ADMIN))]
Account = Annotated[str | None, Query(max_length=120, description="the shop, where several have this number")]
Platform = Annotated[str | None, Query(max_length=40, description="the platform, where several have it")]


class VoidIn(Given):
    """Why the mirror is taken back."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=5_000)


@router.post(
    "/refunds/{refund_id}/void",
    operation_id="void_refund",
    response_model=RefundOut,
    responses=responses(401, 403, 404, 409, 422),
)
def void_refund(
    request: Request,
    database: Db,
    principal: Admin,
    refund_id: RefundId,
    body: VoidIn,
    account: Account = None,
    platform: Platform = None,
) -> JSONResponse:
    """Take a mirror back. The refund closes, undecided reports expire, lines in the buyer's record are compensated, and
    the number is free for whoever it belongs to. Creates nothing; done twice, the second finds nothing."""
    state = request.app.state
    now: datetime = state.clock()
    with database.transaction() as session:
        owner = Owner(account, platform)
        refund = repository.get(session, principal, refund_id, lock=True, owner=owner)
        void(session, state.settings, refund, principal.actor, body.reason, now)
        content = service.view(session, refund)
        headers = {"ETag": etag(refund.version)}
    state.notifier.notify()
    return JSONResponse(content, headers=headers)


def void(
    session: Session, settings: Settings, refund: Refund, actor: Actor, reason: str, now: datetime
) -> None:
    """refund is locked."""
    service.void(session, settings, refund, actor, reason, now)
    reports = session.execute(select(Report).where(Report.refund_id == refund.id).order_by(Report.id))
    for report in reports.scalars().all():
        integrity.reverse_entry(session, report, refund, now, reason, actor)
