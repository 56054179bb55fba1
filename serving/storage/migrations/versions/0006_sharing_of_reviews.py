"""Who is at which case, second opinions, saved views; decisions by judge, the queue by doubt."""

import sqlalchemy as sa
from alembic import op

from refundlens.serving.storage import base

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

LIVE = sa.text("live IS NOT NULL")


def upgrade() -> None:
    _belonging(
        "assignment",
        sa.Column("judge", sa.String(length=120), nullable=False),
        sa.Column("since", base.UtcTime(timezone=True), nullable=False),
        sa.Column("until", base.UtcTime(timezone=True), nullable=False),
    )
    op.create_index("ix_assignment_judge", "assignment", ["tenant_id", "judge"])
    _belonging(
        "second_opinion",
        sa.Column("asked_by", sa.String(length=120), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("created_at", base.UtcTime(timezone=True), nullable=False),
    )
    op.create_table(
        "saved_view",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("judge", sa.String(length=120), nullable=False),
        sa.Column("name", sa.String(length=80), nullable=False),
        sa.Column("query", sa.String(length=500), nullable=False),
        sa.Column("created_at", base.UtcTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_saved_view_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_saved_view")),
        sa.UniqueConstraint("tenant_id", "judge", "name", name=op.f("uq_saved_view_tenant_id_judge_name")),
    )
    op.create_index("ix_decision_judge", "decision", ["tenant_id", "decided_by", "id"])
    op.create_index(
        "ix_report_doubt", "report", ["tenant_id", "state", "doubt", "id"],
        sqlite_where=LIVE, postgresql_where=LIVE,
    )  # fmt: skip


def downgrade() -> None:
    op.drop_index("ix_report_doubt", "report")
    op.drop_index("ix_decision_judge", "decision")
    for table in ("saved_view", "second_opinion", "assignment"):
        op.drop_table(table)


def _belonging(table: str, *columns: sa.Column[object]) -> None:
    """A table with at most one row a report."""
    op.create_table(
        table,
        sa.Column("report_id", sa.String(length=40), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        *columns,
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f(f"fk_{table}_report_id")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f(f"fk_{table}_tenant_id")),
        sa.PrimaryKeyConstraint("report_id", name=op.f(f"pk_{table}")),
    )
