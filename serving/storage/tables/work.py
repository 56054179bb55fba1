"""What is still to be done: screenings, and clocks that will ring."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from refundlens.serving.storage.base import ID, Base


class Lane(StrEnum):
    """Jobs of one lane queue behind each other and behind no others: clocks never ring late because photos wait."""

    SCREENING = "screening"
    TIMER = "timer"


class Job(Base):
    """A thing to do at a time, deleted in the transaction that does it. kind, ref: what, and of which object; one job
    each. lease, leased_until: a process has taken it; another may after that moment. attempts: times it was taken and
    not merely given back, so that a job whose process dies is counted, too. error: what went wrong last."""

    __tablename__ = "job"
    __table_args__ = (UniqueConstraint("kind", "ref"), Index("ix_job_due", "lane", "due_at", "id"))

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    tenant_id: Mapped[str | None] = mapped_column(ID, ForeignKey("tenant.id"))
    lane: Mapped[str] = mapped_column(String(20))
    kind: Mapped[str] = mapped_column(String(40))
    ref: Mapped[str] = mapped_column(ID)
    data: Mapped[dict[str, Any]] = mapped_column(default=dict)
    due_at: Mapped[datetime]
    lease: Mapped[str | None] = mapped_column(ID)
    leased_until: Mapped[datetime | None]
    attempts: Mapped[int] = mapped_column(default=0)
    error: Mapped[str | None] = mapped_column(String(500))
    created_at: Mapped[datetime]
