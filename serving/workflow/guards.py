"""What must hold besides state and role: one function a guard. Each answers or raises Conflict or Invalid.

Above them the limit on what is called `authentic` without a person.
"""

from collections.abc import Callable

from sqlalchemy import select
from sqlalchemy.orm import Session

from refundlens.serving.kit.errors import Conflict, DomainError, Invalid
from refundlens.serving.settings import Settings
from refundlens.serving.storage.tables import (
    Appeal,
    Decision,
    Image,
    PhotoRequest,
    Refund,
    Refusal,
    Report,
    Tenant,
)
from refundlens.serving.workflow import suppliers
from refundlens.serving.workflow.change import Facts, Transition
from refundlens.serving.workflow.states import RefundStatus, ReportState, Source
from refundlens.serving.workflow.transitions import Guard

_MISS_LIMIT = "miss_limit"
"""In a tenant's settings."""


def chosen_miss_limit(session: Session, settings: Settings, tenant: str) -> float:
    """How large a miss bound (`model.detection`) a tenant accepts where no person looks, 0 to 1, or the installation's
    own limit. It protects merchants as the limit on false accusations protects buyers; unlike that one it is theirs to
    choose. What the settings hold and is no such number counts as nothing chosen."""
    settled = session.execute(select(Tenant.settings).where(Tenant.id == tenant)).scalar_one_or_none() or {}
    own = settled.get(_MISS_LIMIT)
    if isinstance(own, int | float) and not isinstance(own, bool) and 0 <= own <= 1:
        return float(own)
    return settings.miss_limit


def within_miss_limit(bound: float | None, largest: float) -> bool:
    """Whether a photo with this miss bound may be settled without a person; never one without a bound."""
    return bound is not None and bound <= largest


def gather_facts(session: Session, report: Report, refund: Refund) -> Facts:
    """As the database has it now."""
    judges = select(Decision.decided_by).where(Decision.report_id == report.id)
    appellants = select(Appeal.opened_by).where(Appeal.report_id == report.id)
    wishes = select(PhotoRequest.id).where(
        PhotoRequest.report_id == report.id, PhotoRequest.live.is_not(None)
    )
    refusals = select(Refusal.id).where(Refusal.refund_id == refund.id, Refusal.undone_at.is_(None))
    return Facts(
        frozenset(
            {report.reported_by, *session.execute(judges).scalars(), *session.execute(appellants).scalars()}
        ),
        session.execute(wishes).first() is not None,
        session.execute(refusals).first() is not None,
        session.execute(select(Image.erased_at).where(Image.id == report.image_id)).scalar() is None,
    )


def check_guards(change: Transition) -> None:
    for guard in change.edge.guards:
        GUARDS[guard](change)


def allows(change: Transition) -> bool:
    """Whether the edge could be taken now."""
    try:
        check_guards(change)
    except DomainError:
        return False
    return True


def _refund_open(change: Transition) -> None:
    refund = change.refund
    if refund.status != RefundStatus.OPEN:
        raise Conflict("refund_closed", f"Refund {refund.refund_id} is closed.")
    if refund.deadline_at is not None and refund.deadline_at <= change.now:
        raise Conflict("refund_deadline_passed", f"The deadline of refund {refund.refund_id} has passed.")


def _photo_reportable(change: Transition) -> None:
    image = change.session.get(Image, change.report.image_id)
    if image is None or image.source not in Source.by_buyer():
        detail = "Only photos from the buyer can be reported: those of source refund, chat or review."
        raise Invalid("not_the_buyers_photo", detail)
    if image.erased_at is not None:
        raise Conflict("photo_erased", "This photo was erased; its retention period is over.")
    earlier = select(Report.id, Report.state).where(
        Report.refund_id == change.refund.id, Report.image_id == image.id, Report.id != change.report.id
    )
    for identifier, state in change.session.execute(earlier):
        if ReportState(state) in ReportState.live():
            detail = f"This photo is reported already: {identifier}. Follow that report."
            raise Conflict("already_reported", detail)
        if ReportState(state) in ReportState.for_merchant() | ReportState.for_buyer():
            detail = f"This photo was judged for good: {identifier}."
            raise Conflict("already_judged", detail)


def _bound_stated(change: Transition) -> None:
    if change.report.bound is None:
        raise Conflict("no_bound", "Nothing is established without a bound on its false accusations.")


def _miss_within_limit(change: Transition) -> None:
    limit = chosen_miss_limit(change.session, change.settings, change.report.tenant_id)
    if not within_miss_limit(change.given.miss_bound, limit):
        detail = (
            f"Without a person, nothing is settled as not established beyond a miss bound of {limit:.0%}."
        )
        raise Conflict("miss_bound_too_large", detail)


def _independent(change: Transition) -> None:
    image = change.session.get_one(Image, change.report.image_id)
    if not suppliers.is_independent(change.settings, image, change.report.reported_by):
        detail = "A photo that the accuser uploaded is judged by a person."
        raise Conflict("supplied_by_accuser", detail)


def _other_judge(change: Transition) -> None:
    if change.actor.name in change.seen.sides:
        detail = "You reported, decided or appealed here before; another adjudicator decides."
        raise Conflict("same_judge", detail)


def _screened(change: Transition) -> None:
    if change.report.screening_id is None or not change.seen.photo_kept:
        detail = "There is no evidence picture to refuse with: the photo was erased, or could not be read."
        raise Conflict("not_screened", detail)


def _in_time(change: Transition) -> None:
    if change.report.due_at <= change.now:
        raise Conflict("appeal_too_late", "The time to appeal is over.")


def _not_refused(change: Transition) -> None:
    if change.seen.refused:
        raise Conflict("already_refused", f"Refund {change.refund.refund_id} is refused already.")


def _no_open_wish(change: Transition) -> None:
    if change.seen.photo_awaited:
        raise Conflict("photo_already_requested", "The buyer was asked for a photo and has not answered yet.")


def _said_by_the_table(change: Transition) -> None:
    """`table.find` chose the edge by it."""


GUARDS: dict[Guard, Callable[[Transition], None]] = {
    Guard.REFUND_OPEN: _refund_open,
    Guard.PHOTO_REPORTABLE: _photo_reportable,
    Guard.WAS_ESTABLISHED: _said_by_the_table,
    Guard.WAS_NOT_ESTABLISHED: _said_by_the_table,
    Guard.BOUND_STATED: _bound_stated,
    Guard.MISS_WITHIN_LIMIT: _miss_within_limit,
    Guard.INDEPENDENT: _independent,
    Guard.OTHER_JUDGE: _other_judge,
    Guard.SCREENED: _screened,
    Guard.IN_TIME: _in_time,
    Guard.NOT_REFUSED: _not_refused,
    Guard.NO_OPEN_WISH: _no_open_wish,
}
