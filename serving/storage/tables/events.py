"""What is told, proved and still to be done: the outbox with its deliveries, the audit chain, and the queue of jobs."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from refundlens.serving.storage.base import DIGEST, ID, Base, partial


class Chain(Base):
    """The end of a tenant's audit chain; taken with a lock by whoever appends."""

    __tablename__ = "chain"

    tenant_id: Mapped[str] = mapped_column(ID, ForeignKey("tenant.id"), primary_key=True)
    length: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str] = mapped_column(DIGEST)


class AuditEvent(Base):
    """One thing that happened; append-only. hash: SHA-256 over this row and the hash before it (`serving.events`).
    data: facts that name no person; free text is in there only as its hash."""

    __tablename__ = "audit_event"
    __table_args__ = (Index("ix_audit_event_object", "tenant_id", "object_id", "seq"),)

    tenant_id: Mapped[str] = mapped_column(ID, ForeignKey("tenant.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    role: Mapped[str] = mapped_column(String(20))
    actor: Mapped[str] = mapped_column(String(120))
    action: Mapped[str] = mapped_column(String(60))
    object_id: Mapped[str] = mapped_column(String(64))
    before: Mapped[str | None] = mapped_column(String(30))
    after: Mapped[str | None] = mapped_column(String(30))
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    previous: Mapped[str] = mapped_column(DIGEST)
    hash: Mapped[str] = mapped_column(DIGEST)


class WebhookEndpoint(Base):
    """Where a tenant wants its events. events: the types it wants, empty for all. secret_number: which of the secrets
    derived from the service's own signs now (`serving.webhooks.sending`); previous_until: how long the one before it
    signs, too. failing_since: first failure after the last success; disabled_reason: none while it is used.

    kind: `webhook`, or one of `serving.webhooks.notices`, which tell people. Of those, account: the shop it is told of,
    none for all; language: of its words; sealed: address and token, as `Secret.seal` gives them, where url only says
    which it is."""

    __tablename__ = "webhook_endpoint"
    __table_args__ = (Index("ix_webhook_endpoint_tenant", "tenant_id", "id"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ID, ForeignKey("tenant.id"))
    version: Mapped[int]
    kind: Mapped[str] = mapped_column(String(20), default="webhook", server_default="webhook")
    account: Mapped[str | None] = mapped_column(String(120))
    language: Mapped[str | None] = mapped_column(String(2))
    sealed: Mapped[str | None] = mapped_column(Text)
    url: Mapped[str] = mapped_column(String(2000))
    description: Mapped[str] = mapped_column(String(200), default="")
    events: Mapped[list[str]] = mapped_column(default=list)
    secret_number: Mapped[int] = mapped_column(default=1)
    previous_until: Mapped[datetime | None]
    failing_since: Mapped[datetime | None]
    disabled_reason: Mapped[str | None] = mapped_column(String(200))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]


class OutboxEvent(Base):
    """A webhook's message, written with the change it tells of. payload: the JSON text as it is signed and sent."""

    __tablename__ = "outbox_event"
    __table_args__ = (
        Index("ix_outbox_event_newest", "tenant_id", "id"),
        Index("ix_outbox_event_object", "tenant_id", "object_id", "id"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ID, ForeignKey("tenant.id"))
    type: Mapped[str] = mapped_column(String(60))
    object_id: Mapped[str] = mapped_column(ID)
    payload: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime]


class WebhookDelivery(Base):
    """One event on its way to one endpoint. state: `pending`, `delivered`, `failed` (given up) or `cancelled`.
    next_at: when it is or was due, none once it has ended; its job (`storage.tables.work`) says when it is taken.
    attempts: made so far. response: the first 2,048 characters."""

    __tablename__ = "webhook_delivery"
    __table_args__ = (
        UniqueConstraint("event_id", "endpoint_id", "replay"),
        Index("ix_webhook_delivery_newest", "tenant_id", "id"),
        Index("ix_webhook_delivery_state", "tenant_id", "state", "id"),
        Index("ix_webhook_delivery_endpoint", "tenant_id", "endpoint_id", "id"),
        Index("ix_webhook_delivery_endpoint_state", "tenant_id", "endpoint_id", "state", "id"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ID, ForeignKey("tenant.id"))
    event_id: Mapped[str] = mapped_column(ID, ForeignKey("outbox_event.id"))
    endpoint_id: Mapped[str] = mapped_column(ID, ForeignKey("webhook_endpoint.id"))
    replay: Mapped[int] = mapped_column(default=0)
    state: Mapped[str] = mapped_column(String(20))
    attempts: Mapped[int] = mapped_column(default=0)
    next_at: Mapped[datetime | None]
    status: Mapped[int | None]
    response: Mapped[str | None] = mapped_column(Text)
    error: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]


class Lane(StrEnum):
    """Jobs of one lane queue behind each other and behind no others: clocks never ring late because photos wait."""

    SCREENING = "screening"
    TIMER = "timer"
    WEBHOOK = "webhook"


class Job(Base):
    """A thing to do at a time, deleted in the transaction that does it. kind, ref: what, and of which object; one job
    each. concurrency_key: of those that share one, only so many are done at a time (a webhook's endpoint); none where
    it does not matter. lease: a process has taken it, and due_at is when another may: a dead one's is due again.
    attempts: times it was taken and not merely given back, so that a job whose process dies is counted, too. error:
    what went wrong last."""

    __tablename__ = "job"
    __table_args__ = (
        UniqueConstraint("kind", "ref"),
        Index("ix_job_due", "lane", "due_at", "id"),
        partial("ix_job_key", "concurrency_key", "due_at", "id", where="concurrency_key IS NOT NULL"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    tenant_id: Mapped[str | None] = mapped_column(ID, ForeignKey("tenant.id"))
    lane: Mapped[str] = mapped_column(String(20))
    kind: Mapped[str] = mapped_column(String(40))
    ref: Mapped[str] = mapped_column(ID)
    concurrency_key: Mapped[str | None] = mapped_column(ID)
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    due_at: Mapped[datetime]
    lease: Mapped[str | None] = mapped_column(ID)
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[datetime]
