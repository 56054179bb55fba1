"""Sends an event that never happened to an endpoint, so that whoever writes a receiver can try it.

In: an endpoint and a type of event. Out: a delivery like any other, signed, retried and listed, whose payload is an
example of that type with `"test": true` beside its `type`. Nothing else is told of it: no other endpoint, and not
the stream of events.
"""

import json
from datetime import datetime
from typing import Any

from refundlens.serving.events import audit, outbox
from refundlens.serving.events.outbox import WebhookType
from refundlens.serving.kit.clock import rfc3339
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.errors import Conflict
from refundlens.serving.kit.ids import make_id
from refundlens.serving.storage.tables import OutboxEvent, WebhookEndpoint
from refundlens.serving.webhooks.queue import is_active
from refundlens.serving.webhooks.service import delivery_json, find_endpoint

_ID = "01KAMZ5S8GQ3V6T0C9R4X2Y7A"
_REPORT: dict[str, Any] = {
    "report_id": f"rpt_{_ID}B",
    "refund_id": "9911223344",
    "image_id": f"img_{_ID}C",
    "account": "shop-1",
    "platform": "taobao",
    "state": "established",
    "version": 3,
    "verdict": "fake",
    "false_accusation_bound": 0.01,
    "rule": "fake_under_bound",
    "review_reason": None,
    "due_at": "2026-11-25T08:00:00.000Z",
    "outcome": "merchant_supported",
    "outcome_final": False,
    "refund_deadline_at": "2026-11-26T08:00:00.000Z",
}
_OPEN = {"verdict": None, "false_accusation_bound": None, "rule": None, "outcome": "undecided"}
_APPEAL = {"appeal_id": f"apl_{_ID}D", "side": "buyer"}
_MODEL: dict[str, Any] = {
    "id": "mdl_refundlens-s_1.1.0",
    "name": "refundlens-s",
    "version": "1.1.0",
    "sha256": "9f2c7d1be05a4863f1d2c3b4a5968778695a4b3c2d1e0f9a8b7c6d5e4f3a2b1c",
    "instead_of": "mdl_refundlens-s_1.0.0",
    "at": "2026-11-22T08:00:00.000Z",
}


def _report(state: str, before: str, **more: Any) -> dict[str, Any]:
    return {**_REPORT, "state": state, **more, "previous_state": before}


EXAMPLES: dict[WebhookType, dict[str, Any]] = {
    WebhookType.DETECTION_COMPLETED: {
        "detection_id": f"det_{_ID}E",
        "report_id": _REPORT["report_id"],
        "account": "shop-1",
        "image_id": _REPORT["image_id"],
        "verdict": "fake",
        "probability": 0.973,
        "false_accusation_bound": 0.01,
        "miss_bound": None,
        "model": "1.0.0",
    },
    WebhookType.REPORT_SUBMITTED: {**_report("submitted", "", **_OPEN), "previous_state": None},
    WebhookType.REPORT_ESTABLISHED: _report("established", "submitted"),
    WebhookType.REPORT_NOT_ESTABLISHED: _report(
        "not_established", "needs_review", verdict="authentic", outcome="buyer_supported"
    ),
    WebhookType.REPORT_NEEDS_REVIEW: _report(
        "needs_review", "submitted", **{**_OPEN, "verdict": "inconclusive", "review_reason": "inconclusive"}
    ),
    WebhookType.REPORT_DEADLINE_WARNING: {
        **_REPORT, **_OPEN, "state": "needs_review", "about": "refund", "before_deadline": "2h",
    },
    WebhookType.REPORT_DEADLINE_PASSED: _report("expired", "needs_review", **_OPEN),
    WebhookType.REPORT_WITHDRAWN: _report("withdrawn", "needs_review", **_OPEN),
    WebhookType.APPEAL_OPENED: {**_REPORT, "state": "appealed", **_APPEAL},
    WebhookType.APPEAL_UPHELD: {**_REPORT, "state": "final_established", "outcome_final": True, **_APPEAL},
    WebhookType.APPEAL_OVERTURNED: {
        **_REPORT, "state": "final_not_established", "outcome": "buyer_supported", "outcome_final": True, **_APPEAL,
    },
    WebhookType.DISPUTE_OUTCOME_CHANGED: {**_REPORT, "previous_outcome": "undecided", "refusal_undone": False},
    WebhookType.REFUND_REFUSED: {**_REPORT, "refusal_id": f"rfs_{_ID}F", "evidence_sha256": _MODEL["sha256"]},
    WebhookType.BUYER_INTEGRITY_CHANGED: {
        "report_id": _REPORT["report_id"],
        "refund_id": _REPORT["refund_id"],
        "account": "shop-1",
        "entry_id": f"int_{_ID}G",
        "kind": "final",
        "points": 1,
        "reverses": None,
        "total_points": 1,
        "score": 75,
        "expires_at": "2027-11-25T08:00:00.000Z",
    },
    WebhookType.MODEL_PROMOTED: _MODEL,
    WebhookType.MODEL_ROLLED_BACK: {**_MODEL, "version": "1.0.0"},
    WebhookType.MODEL_DRIFTED: {
        "figure": "inconclusive", "value": 0.31, "before": 0.22, "photos": 412, "at": "2026-11-22T08:00:00.000Z",
    },
}  # fmt: skip
"""Data of every type, as the workflow writes it; a test compares the names with what it really wrote."""


def payload(kind: WebhookType, now: datetime) -> str:
    """The JSON text of a test event."""
    text = {"type": kind.value, "timestamp": rfc3339(now), "test": True, "data": EXAMPLES[kind]}
    return json.dumps(text, ensure_ascii=False, separators=(",", ":"))


def is_test(text: str) -> bool:
    """Whether a payload is of an event that never happened."""
    return json.loads(text).get("test") is True


def send_test(context: Context, identifier: str, kind: WebhookType) -> dict[str, Any]:
    """Have an endpoint sent an example, whatever types it wants; the delivery. Raises NotFound, Conflict where the
    endpoint is disabled."""
    return send_example(context, find_endpoint(context, identifier, lock=True), kind)


def send_example(context: Context, endpoint: WebhookEndpoint, kind: WebhookType) -> dict[str, Any]:
    """The same to an endpoint that is locked."""
    session, principal, now = context.session, context.principal, context.now
    if not is_active(endpoint):
        detail = "This endpoint is disabled. Enable it first: PATCH it with enabled true."
        raise Conflict("endpoint_not_enabled", detail)
    event = OutboxEvent(
        id=make_id("evt", now),
        tenant_id=principal.tenant,
        type=kind.value,
        object_id=endpoint.id,
        payload=payload(kind, now),
        created_at=now,
    )
    session.add(event)
    session.flush()
    due = outbox.add_delivery(session, event, endpoint, now)
    session.flush()
    data = {"endpoint": endpoint.id, "type": kind.value}
    fact = audit.Fact("webhook_delivery.tested", due.id, data=data)
    audit.append(session, principal.tenant, now, principal.actor, fact)
    return delivery_json(due, kind.value)
