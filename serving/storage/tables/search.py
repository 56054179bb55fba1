"""What a report can be found by."""

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from refundlens.serving.storage.base import ID, Base
from refundlens.serving.storage.tables.refunds import NUMBER


class ReportText(Base):
    """The words of a report, kept apart so that they have an index of their own: FTS5's on SQLite (the virtual table
    `report_search`, which triggers keep), GIN of `refundlens_grams(refund_number || ' ' || words)` on PostgreSQL; both
    are made by the migration. number: counts up as reports come. words: what the buyer claims and what the merchant
    noted; blanked by erasure."""

    __tablename__ = "report_text"
    __table_args__ = (
        Index("ix_report_text_report", "report_id", unique=True),
        Index("ix_report_text_refund", "refund_id"),
        Index("ix_report_text_tenant", "tenant_id", "number"),
        Index("ix_report_text_account", "tenant_id", "account", "number"),
        {"sqlite_autoincrement": True},
    )

    number: Mapped[int] = mapped_column(NUMBER, primary_key=True, autoincrement=True)
    tenant_id: Mapped[str] = mapped_column(ID, ForeignKey("tenant.id"))
    account: Mapped[str] = mapped_column(String(120))
    report_id: Mapped[str] = mapped_column(ID, ForeignKey("report.id"))
    refund_id: Mapped[str] = mapped_column(ID, ForeignKey("refund.id"))
    refund_number: Mapped[str] = mapped_column(String(64))
    words: Mapped[str] = mapped_column(Text)
