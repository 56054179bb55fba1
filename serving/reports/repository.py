"""Queries about reports and what belongs to them. Every one filters by tenant, and by shop where a merchant asks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import BindParameter, Select, bindparam, select, tuple_
from sqlalchemy.orm import Session, defer

from refundlens.serving.kit.errors import NotFound
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.refunds import repository as refunds
from refundlens.serving.refunds.repository import Owner, lock_by_key
from refundlens.serving.storage.tables import (
    Appeal,
    AuditEvent,
    Decision,
    DetectionRecord,
    Image,
    Job,
    PhotoRequest,
    Refund,
    Refusal,
    Report,
)
from refundlens.serving.workflow import timers
from refundlens.serving.workflow.states import AppealState, ReportState

_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
# Made once: to put one of them together takes as long as to find its rows.
_REFUNDS = select(Refund).where(Refund.id.in_(_IDS))
_IMAGES = select(Image).where(Image.id.in_(_IDS))
_SCREENINGS = select(DetectionRecord).where(DetectionRecord.id.in_(_IDS))
_SCREENINGS_LISTED = (
    select(DetectionRecord, DetectionRecord.body["reasons"])
    .options(defer(DetectionRecord.body, raiseload=True))
    .where(DetectionRecord.id.in_(_IDS))
)
_DECISIONS = select(Decision).where(Decision.report_id.in_(_IDS))
_APPEALS = select(Appeal).where(Appeal.report_id.in_(_IDS))
_WISHES = select(PhotoRequest).where(PhotoRequest.report_id.in_(_IDS))
_REFUSALS = select(Refusal).where(Refusal.refund_id.in_(_IDS))
Kind = TypeVar("Kind", Refund, Image)
Belonging = TypeVar("Belonging", Decision, Appeal, PhotoRequest, Refusal)


@dataclass(frozen=True)
class ReportDetail:
    """A report with all that is shown with it."""

    report: Report
    refund: Refund
    image: Image
    screening: DetectionRecord | None
    """In a page of reports without its body, of which a list shows the reasons alone."""
    reasons: Sequence[dict[str, Any]]
    """The screening's, as its body has them; the first ones come first."""
    decisions: Sequence[Decision]
    appeal: Appeal | None
    wishes: Sequence[PhotoRequest]
    refusals: Sequence[Refusal]
    """Of the refund, whichever report they rest on."""

    @property
    def refusal(self) -> Refusal | None:
        """The newest that rests on this report."""
        return next((one for one in reversed(self.refusals) if one.report_id == self.report.id), None)

    @property
    def refused(self) -> bool:
        return any(one.undone_at is None for one in self.refusals)


@dataclass(frozen=True)
class Filter:
    """What a list is narrowed to."""

    state: ReportState | None = None
    refund_id: str | None = None
    owner: Owner = refunds.ANYBODY
    """Whose that number is."""
    due_before: datetime | None = None
    held: bool = True
    """Whether with those whose decision waits to take effect."""


def _visible(principal: Principal) -> Select[Report]:
    found = select(Report).where(Report.tenant_id == principal.tenant)
    return found.where(Report.account == principal.account) if principal.role is Role.MERCHANT else found


def find_report(session: Session, principal: Principal, identifier: str) -> Report:
    """Raises NotFound."""
    found = session.execute(_visible(principal).where(Report.id == identifier)).scalar_one_or_none()
    if found is None:
        raise NotFound(f"There is no report {identifier}.")
    return found


def of_screening(session: Session, principal: Principal, identifier: str) -> Report | None:
    """The newest report that rests on a detection, if there is one for this caller."""
    query = _visible(principal).where(Report.screening_id == identifier).order_by(Report.id.desc()).limit(1)
    return session.execute(query).scalar_one_or_none()


def lock(session: Session, principal: Principal, identifier: str) -> tuple[Report, Refund]:
    """The report and its refund, to be changed. Raises NotFound."""
    return lock_pair(session, find_report(session, principal, identifier))


def lock_pair(session: Session, report: Report) -> tuple[Report, Refund]:
    """The refund is locked first, as everywhere; then the report is read again."""
    refund = lock_by_key(session, report.refund_id)
    return relock(session, report.id), refund


def relock(session: Session, identifier: str) -> Report:
    """A report whose refund this transaction has locked."""
    query = select(Report).where(Report.id == identifier).with_for_update()
    return session.execute(query, execution_options={"populate_existing": True}).scalar_one()


def by_key(session: Session, identifier: str) -> Report | None:
    """For the worker and for status links, which have no principal."""
    return session.get(Report, identifier)


def of_claim(session: Session, claim_id: str) -> Sequence[Report]:
    return (
        session.execute(select(Report).where(Report.claim_id == claim_id).order_by(Report.id)).scalars().all()
    )


def reports_of_refund(session: Session, refund: str) -> Sequence[Report]:
    """refund: our own id of it."""
    return (
        session.execute(select(Report).where(Report.refund_id == refund).order_by(Report.id)).scalars().all()
    )


def newest(
    session: Session, principal: Principal, wanted: Filter, before: str | None, limit: int
) -> Sequence[Report]:
    """The newest first. Up to limit + 1."""
    query = _narrowed(session, principal, wanted)
    if before is not None:
        query = query.where(Report.id < before)
    return session.execute(query.order_by(Report.id.desc()).limit(limit + 1)).scalars().all()


def queue(
    session: Session,
    principal: Principal,
    wanted: Filter,
    after: tuple[datetime, int, str] | None,
    limit: int,
) -> Sequence[Report]:
    """Of what is under way, what is due first comes first, of that the largest amounts. Up to limit + 1."""
    query = _narrowed(session, principal, wanted).where(Report.live.is_not(None))
    keys = (Report.due_at, Report.amount_rank, Report.id)
    if after is not None:
        query = query.where(tuple_(*keys) > tuple_(*after))
    return session.execute(query.order_by(*keys).limit(limit + 1)).scalars().all()


def report_detail(session: Session, report: Report) -> ReportDetail:
    """Everything about one report."""
    key = report.screening_id
    rows = session.execute(_SCREENINGS, {"ids": [key]}).scalars() if key is not None else ()
    (found,) = _details(session, [report], {row.id: (row, row.body["reasons"]) for row in rows})
    return found


def report_details(session: Session, reports: Sequence[Report]) -> list[ReportDetail]:
    """What lists show of a page of reports, in eight queries however many they are."""
    ids = [report.screening_id for report in reports if report.screening_id is not None]
    rows = session.execute(_SCREENINGS_LISTED, {"ids": ids}) if ids else ()
    return _details(session, reports, {row.id: (row, reasons) for row, reasons in rows})


def _details(
    session: Session,
    reports: Sequence[Report],
    screenings: Mapping[str, tuple[DetectionRecord, Sequence[dict[str, Any]]]],
) -> list[ReportDetail]:
    """screenings: by id, with their reasons."""
    ids = [report.id for report in reports]
    keys = list({report.refund_id for report in reports})
    refunds = _by_id(session, _REFUNDS, keys)
    images = _by_id(session, _IMAGES, list({report.image_id for report in reports}))
    decisions = _grouped(session, _DECISIONS, ids, lambda row: row.report_id)
    appeals = _grouped(session, _APPEALS, ids, lambda row: row.report_id)
    wishes = _grouped(session, _WISHES, ids, lambda row: row.report_id)
    refusals = _grouped(session, _REFUSALS, keys, lambda row: row.refund_id)
    found = []
    for report in reports:
        screening, reasons = screenings.get(report.screening_id or "", (None, ()))
        found.append(
            ReportDetail(
                report,
                refunds[report.refund_id],
                images[report.image_id],
                screening,
                reasons,
                decisions.get(report.id, []),
                next(iter(appeals.get(report.id, [])), None),
                wishes.get(report.id, []),
                refusals.get(report.refund_id, []),
            )
        )
    return found


def photo_awaited(session: Session, report: Report) -> bool:
    """Whether the buyer was asked for a photo and has not sent one."""
    query = select(PhotoRequest.id).where(PhotoRequest.report_id == report.id, PhotoRequest.live.is_not(None))
    return session.execute(query).first() is not None


def timeline(session: Session, report: Report, after: int = 0, limit: int = 200) -> Sequence[AuditEvent]:
    """What happened to it, from the beginning. What followed elsewhere, as in the buyer's record, is not in it."""
    query = select(AuditEvent).where(
        AuditEvent.tenant_id == report.tenant_id,
        AuditEvent.object_id == report.id,
        AuditEvent.seq > after,
        AuditEvent.action.startswith("report."),
    )
    return session.execute(query.order_by(AuditEvent.seq).limit(limit)).scalars().all()


def find_appeal(session: Session, principal: Principal, identifier: str) -> tuple[Appeal, Report]:
    """Raises NotFound."""
    query = select(Appeal, Report).join(Report, Report.id == Appeal.report_id)
    query = query.where(Appeal.tenant_id == principal.tenant, Appeal.id == identifier)
    if principal.role is Role.MERCHANT:
        query = query.where(Report.account == principal.account)
    found = session.execute(query).first()
    if found is None:
        raise NotFound(f"There is no appeal {identifier}.")
    return found[0], found[1]


def open_appeals(
    session: Session, principal: Principal, state: AppealState, after: tuple[datetime, str] | None, limit: int
) -> Sequence[Appeal]:
    """What is due first comes first. Up to limit + 1."""
    query = select(Appeal).where(Appeal.tenant_id == principal.tenant, Appeal.state == state.value)
    if principal.role is Role.MERCHANT:
        query = query.where(Appeal.account == principal.account)
    if after is not None:
        query = query.where(tuple_(Appeal.due_at, Appeal.id) > tuple_(*after))
    return session.execute(query.order_by(Appeal.due_at, Appeal.id).limit(limit + 1)).scalars().all()


def _narrowed(session: Session, principal: Principal, wanted: Filter) -> Select[Report]:
    number = wanted.refund_id
    query = _visible(principal) if number is None else _of_refund(session, principal, number, wanted.owner)
    if wanted.state is not None:
        query = query.where(Report.state == wanted.state.value)
    if wanted.due_before is not None:
        query = query.where(Report.due_at < wanted.due_before)
    if not wanted.held:
        waiting = select(Job.id).where(Job.kind == timers.DECISION, Job.ref == Report.id)
        query = query.where(~waiting.exists())
    return query


def _of_refund(session: Session, principal: Principal, refund_id: str, owner: Owner) -> Select[Report]:
    """Tenant and shop are asked of the refund alone: asked of its few reports again, they would lead SQLite, which
    knows no sizes, to walk through all reports of a state instead. Raises Conflict where several have the number."""
    refund = refunds.find_refund(session, principal, refund_id, owner=owner)
    return select(Report).where(Report.refund_id == (refund.id if refund else ""))


def _by_id(session: Session, asked: Select[Kind], ids: Sequence[str]) -> dict[str, Kind]:
    rows = session.execute(asked, {"ids": ids}).scalars() if ids else ()
    return {row.id: row for row in rows}


def _grouped(
    session: Session, asked: Select[Belonging], keys: Sequence[str], key: Callable[[Belonging], str]
) -> dict[str, list[Belonging]]:
    """By what they belong to, the oldest first."""
    rows = session.execute(asked, {"ids": keys}).scalars() if keys else ()
    found: dict[str, list[Belonging]] = {}
    for row in sorted(rows, key=lambda row: row.id):
        found.setdefault(key(row), []).append(row)
    return found
