"""The demo's refund that was found fake: reported, screened and decided like any other, and renewed when it is used up.

In: an application in demo mode whose worker runs. Out: one refund of the demo's shop with an established report. What
establishes it is measured, not given: the photo is laid over the listing's picture by the screening, and only where
that finds a defect added does the example's adjudicator, a program that says so, decide. Where it finds none, the
case waits for a person.
"""

import asyncio
import logging
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from refundlens.serving.demo.refunds import RENEWED_EVERY, STALE, last_refund, mirror_sample, successor
from refundlens.serving.demo.samples import FOUND, both_languages
from refundlens.serving.identity.keys import PREFIX, visitor
from refundlens.serving.kit.context import Context, Services
from refundlens.serving.kit.errors import DomainError
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.reports import service
from refundlens.serving.reports.schemas import DecisionIn, ReportIn
from refundlens.serving.storage.tables import DetectionRecord, Image, Refund, Refusal, Report
from refundlens.serving.workflow.states import RefundStatus, ReportState, Source

NUMBER = "DEMO-FAKE"
TIME = timedelta(days=3)
"""Until its deadline: as long as a verdict may be appealed."""
SOON = 2.0
"""Seconds between looks while it is screened."""
FINDING = "reference.defect_added"
JUDGE_ID = f"{PREFIX}demo-example"
_SHOWN = (ReportState.ESTABLISHED, ReportState.APPEALED, ReportState.FINAL_ESTABLISHED)
_log = logging.getLogger(__name__)


async def keep_example(parts: Services) -> None:
    """Look again and again, until cancelled. A database that is away is asked the next time."""
    while True:
        waits = False
        try:
            waits = parts.ready and await asyncio.to_thread(renew_example, parts)
        except (OSError, SQLAlchemyError, DomainError):
            _log.warning("the demo's example could not be renewed", exc_info=True)
        await asyncio.sleep(SOON if waits or not parts.ready else RENEWED_EVERY)


def renew_example(parts: Services) -> bool:
    """One step towards an example that is there; whether the next one is near. Raises OSError, SQLAlchemy's errors,
    DomainError."""
    shop = visitor(parts.settings)
    if shop is None:
        return False
    with parts.database.reading() as session:
        refund = last_refund(session, shop.tenant, shop.account, NUMBER)
        report = None if refund is None else _report(session, refund)
        used = refund is not None and _used_up(session, refund, report, parts.clock())
        found = report is not None and _found(session, report)
    if refund is None or used:
        number = NUMBER if refund is None else successor(refund.refund_id, NUMBER)
        mirror_sample(parts, number, FOUND, TIME)
        return True
    if report is None:
        _report_photo(parts, shop, refund)
        return True
    if report.state == ReportState.NEEDS_REVIEW and found:
        _decide(parts, shop.tenant, report.id)
        return False
    return report.state == ReportState.SUBMITTED


def _report(session: Session, refund: Refund) -> Report | None:
    newest = select(Report).where(Report.refund_id == refund.id).order_by(Report.id.desc()).limit(1)
    return session.execute(newest).scalar_one_or_none()


def _used_up(session: Session, refund: Refund, report: Report | None, now: datetime) -> bool:
    """Whether somebody closed or refused it, changed its verdict, or its time is over."""
    if refund.status != RefundStatus.OPEN or refund.deadline_at is None or refund.deadline_at < now + STALE:
        return True
    if report is None or ReportState(report.state) in ReportState.undecided():
        return False
    if ReportState(report.state) not in _SHOWN:
        return True
    refused = select(Refusal.id).where(Refusal.refund_id == refund.id, Refusal.undone_at.is_(None))
    return session.execute(refused).first() is not None


def _found(session: Session, report: Report) -> bool:
    """Whether the screening saw that a defect was added to the listing's picture."""
    screening = session.get(DetectionRecord, report.screening_id) if report.screening_id else None
    return screening is not None and any(one["code"] == FINDING for one in screening.body["reasons"])


def _report_photo(parts: Services, shop: Principal, refund: Refund) -> None:
    with parts.database.transaction() as session:
        photo = select(Image.id).where(Image.refund_id == refund.id, Image.source == Source.REFUND.value)
        asked = ReportIn(refund_id=refund.refund_id, image=session.execute(photo).scalar_one())
        service.submit(Context(session, parts.settings, parts.clock(), shop), asked)
    parts.notifier.notify()


def _decide(parts: Services, tenant: str, report_id: str) -> None:
    judge = Principal(tenant, JUDGE_ID, Role.ADJUDICATOR, "demo-example")
    reason = both_languages(FOUND.slug, "{decision}")
    body = DecisionIn(decision="established", reason_code="source_found", reason=reason)
    with parts.database.transaction() as session:
        service.decide(Context(session, parts.settings, parts.clock(), judge), report_id, body, None)
    parts.notifier.notify()
