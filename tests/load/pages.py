"""Every page and look that must stay fast however much is in the database: what is asked, by whom, with what varied.

In: a filled database. Out: `Page`s, each of which makes requests at will, with parameters drawn from what is there.
"""

import random
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from refundlens.serving.http.paging import encode, exact
from refundlens.serving.identity.tenants import DEFAULT
from refundlens.serving.kit.clock import rfc3339
from refundlens.serving.labels.schemas import LabelSource, Truth
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.tables import (
    Appeal,
    Complaint,
    Image,
    IntegrityEntry,
    Label,
    Refund,
    Report,
    WebhookDelivery,
)
from refundlens.serving.workflow.states import AppealState, RefundStatus, ReportState
from tests.load.rows import NOW, SECOND, endpoints, shop

SHOPS = (0, 5, 100, 1500)
"""Merchants that ask: the largest shop, a large one, a middling and a tiny one."""
SAMPLES = 300
"""Rows drawn of each kind, to ask for and to go on from."""
Ask = tuple[str, str, str, Any]
"""Key's name, method, path, JSON."""
NAMES = ("judge", "engineer", "boss", *(shop(number) for number in SHOPS))


@dataclass(frozen=True)
class Page:
    """ask: makes a request. uses: the index that answers it in the main. most: how often it can be asked, for what is
    used up; none for any number."""

    name: str
    ask: Callable[[], Ask]
    uses: str
    most: int | None = None


class Drawn:
    """Samples of a filled database."""

    def __init__(self, database: Database, seed: int = 2) -> None:
        self.random = random.Random(seed)
        with database.reading() as session:
            self.reports = self._some(session, Report, Report.tenant_id == DEFAULT)
            self.live = self._some(session, Report, Report.tenant_id == DEFAULT, Report.live.is_not(None))
            self.refunds = self._some(session, Refund, Refund.tenant_id == DEFAULT)
            self.open = self._some(session, Refund, Refund.tenant_id == DEFAULT, Refund.status == "open")
            self.appeals = self._some(session, Appeal, Appeal.tenant_id == DEFAULT)
            self.labels = self._some(session, Label, Label.tenant_id == DEFAULT)
            self.lines = self._some(session, IntegrityEntry, IntegrityEntry.tenant_id == DEFAULT)
            self.complaints = self._some(session, Complaint, Complaint.tenant_id == DEFAULT)
            self.deliveries = self._some(session, WebhookDelivery, WebhookDelivery.tenant_id == DEFAULT)
            self.fresh = _reportable(session)

    def one(self, rows: Sequence[Any]) -> Any:
        return self.random.choice(rows)

    @staticmethod
    def _some(session: Session, table: Any, *where: Any) -> Sequence[Any]:
        keys = select(table.id).where(*where).order_by(func.random()).limit(SAMPLES)
        return session.execute(select(table).where(table.id.in_(keys))).scalars().all()


def _reportable(session: Session) -> list[tuple[str, str, str]]:
    """(shop, platform's refund id, image) of photos that nobody reported, of open refunds."""
    reported = select(Report.id).where(Report.refund_id == Image.refund_id, Report.image_id == Image.id)
    asked = (
        select(Refund.account, Refund.refund_id, Image.id)
        .join(Image, Image.refund_id == Refund.id)
        .where(
            Refund.tenant_id == DEFAULT,
            Refund.status == "open",
            Refund.deadline_at > NOW,
            ~reported.exists(),
        )
        .limit(2000)
    )
    return [(row[0], row[1], row[2]) for row in session.execute(asked)]


def pages(drawn: Drawn, limit: int = 50) -> list[Page]:
    """All that are asked over HTTP."""
    one, choice = drawn.one, drawn.random.choice
    merchants = [shop(number) for number in SHOPS]

    def get(key: str, path: str, **query: Any) -> Ask:
        given = {"limit": limit, **{name: value for name, value in query.items() if value is not None}}
        return (
            key,
            "GET",
            f"{path}?{'&'.join(f'{name}={quote(str(value))}' for name, value in given.items())}",
            None,
        )

    def reports(key: str, **query: Any) -> Ask:
        return get(key, "/v1/reports", **query)

    def due(row: Report) -> str:
        return encode([exact(row.due_at), row.amount_rank, row.id])

    def states() -> str:
        return choice([state.value for state in ReportState])

    def live() -> str:
        return choice(sorted(state.value for state in ReportState.live()))

    def newest(row: Any) -> str:
        return encode([row.id])

    def report() -> Ask:
        image = drawn.fresh.pop()
        who = image[0] if image[0] in merchants else "boss"  # an admin acts for every shop
        return who, "POST", "/v1/reports", {"refund_id": image[1], "image": image[2]}

    return [
        Page("reports, newest", lambda: reports("judge"), "ix_report_newest"),
        Page(
            "reports, newest, deep",
            lambda: reports("judge", cursor=newest(one(drawn.reports))),
            "ix_report_newest",
        ),
        Page("reports of a state", lambda: reports("judge", state=states()), "ix_report_state"),
        Page(
            "reports of a state, deep",
            lambda: reports("judge", state=states(), cursor=newest(one(drawn.reports))),
            "ix_report_state",
        ),
        Page("a shop's reports", lambda: reports(choice(merchants)), "ix_report_account"),
        Page(
            "a shop's reports, deep",
            lambda: reports(choice(merchants), cursor=newest(one(drawn.reports))),
            "ix_report_account",
        ),
        Page(
            "a shop's reports of a state",
            lambda: reports(choice(merchants), state=states()),
            "ix_report_account_state",
        ),
        Page(
            "a refund's reports",
            lambda: reports("judge", refund_id=one(drawn.refunds).refund_id),
            "ix_report_refund",
        ),
        Page(
            "a refund's reports of a state",
            lambda: reports("judge", refund_id=one(drawn.refunds).refund_id, state="needs_review"),
            "ix_report_refund",
        ),
        Page("the queue", lambda: reports("judge", order="due"), "ix_report_queue"),
        Page(
            "the queue, deep",
            lambda: reports("judge", order="due", cursor=due(one(drawn.live))),
            "ix_report_queue",
        ),
        Page(
            "the queue, due before a time",
            lambda: reports("judge", due_before=rfc3339(NOW)),
            "ix_report_queue",
        ),
        Page(
            "the adjudicators' queue",
            lambda: reports("judge", order="due", state="needs_review"),
            "ix_report_state_queue",
        ),
        Page(
            "the adjudicators' queue, deep",
            lambda: reports("judge", order="due", state="needs_review", cursor=due(one(drawn.live))),
            "ix_report_state_queue",
        ),
        Page("a shop's queue", lambda: reports(choice(merchants), order="due"), "ix_report_account_queue"),
        Page(
            "a shop's queue of a state",
            lambda: reports(choice(merchants), order="due", state=live()),
            "ix_report_account_state_queue",
        ),
        Page("a report", lambda: ("judge", "GET", f"/v1/reports/{one(drawn.reports).id}", None), "pk_report"),
        Page(
            "a report's events",
            lambda: get("judge", f"/v1/reports/{one(drawn.reports).id}/events"),
            "ix_audit_event_object",
        ),
        Page("refunds by deadline", lambda: get("judge", "/v1/refunds", status="open"), "ix_refund_open"),
        Page(
            "refunds by deadline, deep",
            lambda: get(
                "judge",
                "/v1/refunds",
                cursor=(lambda r: encode([exact(r.deadline_at), r.id]))(one(drawn.open)),
            ),
            "ix_refund_open",
        ),
        Page(
            "a shop's refunds",
            lambda: get(choice(merchants), "/v1/refunds", status=choice(list(RefundStatus)).value),
            "ix_refund_account_open",
        ),
        Page(
            "a refund",
            lambda: ("judge", "GET", f"/v1/refunds/{one(drawn.refunds).refund_id}", None),
            "ix_refund_number",
        ),
        Page(
            "appeals",
            lambda: get("judge", "/v1/appeals", state=choice(list(AppealState)).value),
            "ix_appeal_queue",
        ),
        Page(
            "appeals, deep",
            lambda: get(
                "judge",
                "/v1/appeals",
                state=choice(list(AppealState)).value,
                cursor=(lambda a: encode([exact(a.due_at), a.id]))(one(drawn.appeals)),
            ),
            "ix_appeal_queue",
        ),
        Page(
            "a shop's appeals",
            lambda: get(choice(merchants), "/v1/appeals", state=choice(list(AppealState)).value),
            "ix_appeal_account_queue",
        ),
        Page(
            "a buyer's integrity",
            lambda: ("judge", "GET", f"/v1/buyers/buyer:{one(drawn.lines).buyer}/integrity", None),
            "ix_integrity_buyer",
        ),
        Page("labels", lambda: get("engineer", "/v1/labels"), "ix_label_newest"),
        Page(
            "labels, deep",
            lambda: get("engineer", "/v1/labels", cursor=newest(one(drawn.labels))),
            "ix_label_newest",
        ),
        Page(
            "labels of a source",
            lambda: get("engineer", "/v1/labels", source=choice(list(LabelSource)).value),
            "ix_label_source",
        ),
        Page(
            "labels of a truth",
            lambda: get("engineer", "/v1/labels", truth=choice(list(Truth)).value),
            "ix_label_truth",
        ),
        Page(
            "labels of a source and a truth",
            lambda: get(
                "engineer",
                "/v1/labels",
                source=choice(list(LabelSource)).value,
                truth=choice(list(Truth)).value,
            ),
            "ix_label_source_truth",
        ),
        Page(
            "labels of a photo",
            lambda: get("engineer", "/v1/labels", sha256=one(drawn.labels).sha256, source="decision"),
            "ix_label_sha256",
        ),
        Page("complaints", lambda: get("boss", "/v1/complaints"), "ix_complaint_newest"),
        Page(
            "complaints of a state",
            lambda: get(
                "boss", "/v1/complaints", state="open", cursor=choice([None, newest(one(drawn.complaints))])
            ),
            "ix_complaint_queue",
        ),
        Page("a shop's complaints", lambda: get(choice(merchants), "/v1/complaints"), "ix_complaint_account"),
        Page(
            "a shop's complaints of a state",
            lambda: get(choice(merchants), "/v1/complaints", state="open"),
            "ix_complaint_account_state",
        ),
        Page("deliveries", lambda: get("boss", "/v1/webhook-deliveries"), "ix_webhook_delivery_newest"),
        Page(
            "deliveries, deep",
            lambda: get("boss", "/v1/webhook-deliveries", cursor=newest(one(drawn.deliveries))),
            "ix_webhook_delivery_newest",
        ),
        Page(
            "deliveries of a state",
            lambda: get(
                "boss",
                "/v1/webhook-deliveries",
                state=choice(["pending", "delivered", "failed", "cancelled"]),
            ),
            "ix_webhook_delivery_state",
        ),
        Page(
            "deliveries to an endpoint",
            lambda: get("boss", "/v1/webhook-deliveries", endpoint=choice(endpoints(DEFAULT))),
            "ix_webhook_delivery_endpoint",
        ),
        Page(
            "deliveries to an endpoint, of a state",
            lambda: get(
                "boss", "/v1/webhook-deliveries", endpoint=choice(endpoints(DEFAULT)), state="failed"
            ),
            "ix_webhook_delivery_endpoint_state",
        ),
        Page("the other tenant's reports", lambda: reports(SECOND), "ix_report_newest"),
        Page("the other tenant's queue", lambda: reports(SECOND, order="due"), "ix_report_queue"),
        Page("POST a report", report, "ix_refund_number", len(drawn.fresh) - 1),
    ]


def idempotency_key() -> str:
    return str(uuid.uuid4())
