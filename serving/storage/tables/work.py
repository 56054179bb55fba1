"""What is still to be done: screenings, clocks that will ring, webhooks to be sent."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from refundlens.serving.storage.base import ID, Base, partial


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
