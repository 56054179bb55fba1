"""Has things happen to reports: each function is one request's work inside its transaction.

What a caller may do with a report now: the transition table, with its guards asked.

The names are those of the endpoints; `decide` stands for both decisions.
"""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from refundlens.model.compare.pdq import NEAR
from refundlens.serving.buyers import integrity
from refundlens.serving.kit.clock import NEVER
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.errors import Conflict, Invalid, TooMany, check_version
from refundlens.serving.kit.ids import first_id, make_id
from refundlens.serving.kit.money import rank
from refundlens.serving.kit.roles import Actor, Role
from refundlens.serving.refunds import repository as refunds
from refundlens.serving.refunds import search
from refundlens.serving.refunds.repository import Owner
from refundlens.serving.refunds.service import retire_mirror
from refundlens.serving.reports import held, repository
from refundlens.serving.reports.repository import ReportDetail
from refundlens.serving.reports.schemas import (
    FOR_FAKE,
    FOR_GENUINE,
    MOST_PHOTOS,
    AppealDecisionIn,
    DecisionIn,
    PhotoRequestIn,
    ReportIn,
)
from refundlens.serving.storage.tables import Appeal, Image, Refund, Report
from refundlens.serving.workflow import guards
from refundlens.serving.workflow.change import EventData, Facts, Transition
from refundlens.serving.workflow.machine import apply, role_may
from refundlens.serving.workflow.states import Event, ReportState
from refundlens.serving.workflow.transitions import TABLE, Guard

if TYPE_CHECKING:
    from refundlens.serving.reports.refusal import EvidencePicture


NAMES: dict[Event, str] = {
    Event.DECIDE_ESTABLISHED: "decide",
    Event.DECIDE_NOT_ESTABLISHED: "decide",
    Event.REQUEST_PHOTO: "request_photo",
    Event.APPEAL: "appeal",
    Event.UPHOLD: "decide_appeal",
    Event.OVERTURN: "decide_appeal",
    Event.REFUSE: "refuse",
    Event.WITHDRAW: "withdraw",
}
"""Events that people bring to a report that exists."""
_WAS = {
    Guard.WAS_ESTABLISHED: ReportState.ESTABLISHED,
    Guard.WAS_NOT_ESTABLISHED: ReportState.NOT_ESTABLISHED,
}
_EDGES = {
    state: tuple((edge, NAMES[edge.event]) for edge in TABLE if edge.state == state and edge.event in NAMES)
    for state in ReportState
}
"""Looked up for each report of a page: most states lead to one or two edges of twenty."""

Done = TypeVar("Done")


def allowed(context: Context, whole: ReportDetail) -> list[str]:
    """What the caller may do now, in the table's order."""
    report, actor = whole.report, context.principal.actor
    appellants = {whole.appeal.opened_by} if whole.appeal else set()
    seen = Facts(
        frozenset({report.reported_by, *appellants, *(decision.decided_by for decision in whole.decisions)}),
        any(wish.live for wish in whole.wishes),
        whole.refused,
        whole.image.erased_at is None,
    )
    found: list[str] = []
    for edge, name in _EDGES[ReportState(report.state)]:
        if name in found or not role_may(actor.role, edge):
            continue
        if any(guard in _WAS and _WAS[guard] != report.was for guard in edge.guards):
            continue
        change = Transition(
            context.session,
            context.settings,
            context.now,
            actor,
            edge,
            edge.state,
            report,
            whole.refund,
            EventData(),
            seen,
        )
        if guards.allows(change):
            found.append(name)
    return found


def side_of(actor: Actor, report_state: str) -> str:
    """Whose appeal it is: against `established` the buyer's, whoever passes it on."""
    if actor.role is Role.BUYER:
        return "buyer"
    return "buyer" if report_state == ReportState.ESTABLISHED else "merchant"


def submit(context: Context, body: ReportIn) -> list[Report]:
    """One report a photo, all of one claim. Raises NotFound, Conflict, Invalid; then none is made."""
    wanted = [body.image] if isinstance(body.image, str) else list(dict.fromkeys(body.image))
    if not 1 <= len(wanted) <= MOST_PHOTOS:
        raise Invalid("invalid_request", f"image: 1 to {MOST_PHOTOS} photos")
    owner = refunds.Owner(body.account, body.platform)
    refund = refunds.get(context.session, context.principal, body.refund_id, lock=True, owner=owner)
    images = _photos(context.session, refund, wanted)
    if not context.principal.judges:
        for image in images:
            _check_variants(context, refund, image)
    claim = make_id("clm", context.now)
    return [_submit(context, refund, image, claim, body.note) for image in images]


def void_mirror(context: Context, refund_id: str, owner: Owner, reason: str) -> Refund:
    """Take a mirror of a refund back: one that stands under a wrong shop or buyer, by mistake or to frame somebody.
    It closes and its number is free, undecided reports expire, lines in the buyer's record are compensated; nothing is
    deleted. Returns the refund. Raises NotFound where no mirror stands, Conflict where several do."""
    session, actor = context.session, context.principal.actor
    refund = refunds.get(session, context.principal, refund_id, lock=True, owner=owner)
    retire_mirror(context, refund, reason)
    reports = session.execute(select(Report).where(Report.refund_id == refund.id).order_by(Report.id))
    for report in reports.scalars().all():
        integrity.reverse_entry(session, report, refund, context.now, reason, actor)
    return refund


def _check_variants(context: Context, refund: Refund, image: Image) -> None:
    """A verdict tells whoever tries which change of a photo is not caught: as for /v1/detect (`detection.oracle`), one
    picture has so many variants a day. Raises TooMany."""
    most, since = context.settings.variants_per_day, first_id("rpt", context.now - timedelta(days=1))
    if most and refunds.variants_reported(context.session, image, refund.account, since, NEAR) >= most:
        detail = f"{most} variants of this picture were reported by this shop within a day; that is as many as may be."
        raise TooMany("too_many_variants", detail)


def withdraw(context: Context, identifier: str, if_match: str | None) -> Report:
    return _happen(context, identifier, Event.WITHDRAW, if_match)


def decide(
    context: Context, identifier: str, body: DecisionIn, if_match: str | None, hold: bool = False
) -> Report:
    """hold: whether it can be undone for ten seconds. Raises Invalid for a reason that speaks against it."""
    established = body.decision == "established"
    event = Event.DECIDE_ESTABLISHED if established else Event.DECIDE_NOT_ESTABLISHED
    _check_reason(body.reason_code, established)
    report, refund = repository.lock(context.session, context.principal, identifier)
    check_version(if_match, report.version)
    given = EventData(reason_code=body.reason_code, reason=body.reason)
    _bring(context, event, report, refund, given, hold)
    return report


def _bring(
    context: Context,
    event: Event,
    report: Report,
    refund: Refund,
    given: EventData,
    hold: bool,
    appeal_id: str | None = None,
) -> None:
    if hold:
        held.hold(context, event, report, refund, given, appeal_id)
        return
    held.refuse_if_held(context.session, report.id)
    actor = context.principal.actor
    apply(context.session, context.settings, context.now, actor, event, report, refund, given)


def _check_reason(code: str, established: bool) -> None:
    """Raises Invalid where the reason speaks for the other side."""
    if code in (FOR_GENUINE if established else FOR_FAKE):
        other = "not established" if established else "established"
        detail = f"The reason {code} speaks for `{other}`. Choose another reason or the other decision."
        raise Invalid("reason_contradicts", detail)


def undo_decision(context: Context, identifier: str) -> tuple[held.HeldDecision, list[str]]:
    """Take back a decision that is held, and those on the refund's other reports that were made with it. Returns it,
    and the others' ids. Raises NotFound, Conflict, Forbidden."""
    report, refund = repository.lock(context.session, context.principal, identifier)
    undone = held.undo_held(context, report)
    if undone.appeal_id is not None:
        return undone, []
    others = repository.reports_of_refund(context.session, refund.id)
    return undone, held.undo_together(context.session, undone, others)


def request_photo(context: Context, identifier: str, body: PhotoRequestIn, if_match: str | None) -> Report:
    given = EventData(wish=body.wish.value, message=body.message)
    return _happen(context, identifier, Event.REQUEST_PHOTO, if_match, given)


def appeal(context: Context, identifier: str, grounds: str, if_match: str | None = None) -> Appeal:
    report, refund = repository.lock(context.session, context.principal, identifier)
    check_version(if_match, report.version)
    return file_appeal(context, report, refund, grounds)


def file_appeal(context: Context, report: Report, refund: Refund, grounds: str) -> Appeal:
    """Of a key's holder, or of the buyer by the status link. report and refund are locked."""
    actor = context.principal.actor
    given = EventData(
        side=side_of(actor, report.state), reason=grounds, appeal_id=make_id("apl", context.now)
    )
    apply(context.session, context.settings, context.now, actor, Event.APPEAL, report, refund, given)
    return context.session.execute(select(Appeal).where(Appeal.report_id == report.id)).scalar_one()


def decide_appeal(
    context: Context, identifier: str, body: AppealDecisionIn, if_match: str | None = None, hold: bool = False
) -> Report:
    """if_match: of the report, with which an appeal changes. hold: whether it can be undone for ten seconds."""
    _, found = repository.find_appeal(context.session, context.principal, identifier)
    report, refund = repository.lock_pair(context.session, found)
    check_version(if_match, report.version)
    upheld = body.decision == "uphold"
    if report.was is not None:
        _check_reason(body.reason_code, upheld == (report.was == ReportState.ESTABLISHED))
    event = Event.UPHOLD if upheld else Event.OVERTURN
    given = EventData(reason_code=body.reason_code, reason=body.reason)
    _bring(context, event, report, refund, given, hold, identifier)
    return report


class EvidenceStale(Conflict):
    """The report changed while its evidence was drawn: draw it again."""

    def __init__(self) -> None:
        super().__init__(
            "changed_meanwhile", "The report changed while its evidence was drawn. Look at it again."
        )


DRAWN = 3
"""Times that the evidence of one click is drawn, where the report changes meanwhile: its appeal window may end."""


async def drawn_anew(once: Callable[[], Awaitable[Done]]) -> Done:
    """What a click comes to that draws its evidence and refuses: again where the report changed meanwhile."""
    for _ in range(DRAWN - 1):
        with suppress(EvidenceStale):
            return await once()
    return await once()


def refuse(
    context: Context, identifier: str, if_match: str | None, drawn: "EvidencePicture | None"
) -> Report:
    """drawn: the evidence; none where the report was not established when it should be drawn. Raises Conflict,
    EvidenceStale."""
    report, refund = repository.lock(context.session, context.principal, identifier)
    check_version(if_match, report.version)
    if drawn is not None and drawn.version != report.version:
        raise EvidenceStale
    given = drawn.given if drawn is not None else None
    apply(
        context.session,
        context.settings,
        context.now,
        context.principal.actor,
        Event.REFUSE,
        report,
        refund,
        given,
    )
    return report


def _submit(context: Context, refund: Refund, image: Image, claim: str, note: str) -> Report:
    report = Report(
        id=make_id("rpt", context.now),
        tenant_id=refund.tenant_id,
        refund_id=refund.id,
        image_id=image.id,
        claim_id=claim,
        account=refund.account,
        version=1,
        state=ReportState.SUBMITTED.value,
        note=note,
        reported_by=context.principal.subject,
        due_at=NEVER,
        amount_rank=rank(refund.amount_minor, refund.currency),
        product=search.known_by(refund),
        created_at=context.now,
        updated_at=context.now,
    )
    apply(
        context.session, context.settings, context.now, context.principal.actor, Event.SUBMIT, report, refund
    )
    search.index_report(context.session, report, refund)
    return report


def _happen(
    context: Context,
    identifier: str,
    event: Event,
    if_match: str | None,
    given: EventData | None = None,
) -> Report:
    report, refund = repository.lock(context.session, context.principal, identifier)
    check_version(if_match, report.version)
    apply(
        context.session, context.settings, context.now, context.principal.actor, event, report, refund, given
    )
    return report


def _photos(session: Session, refund: Refund, wanted: Sequence[str]) -> list[Image]:
    """In the order asked for, each once. Raises Invalid for one that the refund does not have."""
    query = select(Image).where(
        Image.refund_id == refund.id, or_(Image.id.in_(wanted), Image.sha256.in_(wanted))
    )
    found = session.execute(query).scalars().all()
    by_name = {name: image for image in found for name in (image.id, image.sha256)}
    missing = [name for name in wanted if name not in by_name]
    if missing:
        detail = f"Refund {refund.refund_id} has no photo {missing[0]}; GET it to see those it has."
        raise Invalid("unknown_photo", detail)
    return list(dict.fromkeys(by_name[name] for name in wanted))
