"""Webhooks are sent from the one queue of jobs; a leased job is due when its lease ends."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_KEYED = sa.text("concurrency_key IS NOT NULL")
_NEXT = sa.text("next_at IS NOT NULL")


def upgrade() -> None:
    op.add_column("job", sa.Column("concurrency_key", sa.String(length=40), nullable=True))
    op.execute("UPDATE job SET due_at = leased_until WHERE leased_until > due_at")
    op.execute(
        "INSERT INTO job (id, tenant_id, lane, kind, ref, concurrency_key, data, due_at, lease, attempts, created_at) "
        "SELECT 'job_w' || substr(id, 5), tenant_id, 'webhook', 'deliver', id, endpoint_id, '{}', next_at, lease, "
        "attempts, created_at FROM webhook_delivery WHERE state = 'pending' AND next_at IS NOT NULL"
    )
    op.drop_column("job", "leased_until")
    op.create_index(
        "ix_job_key", "job", ["concurrency_key", "due_at", "id"], sqlite_where=_KEYED, postgresql_where=_KEYED
    )
    op.drop_index("ix_webhook_delivery_due", "webhook_delivery")
    op.drop_index("ix_webhook_delivery_lane", "webhook_delivery")
    op.drop_column("webhook_delivery", "lease")
    op.drop_column("webhook_delivery", "leased_until")


def downgrade() -> None:
    from refundlens.serving.storage import base

    op.add_column("webhook_delivery", sa.Column("leased_until", base.UtcTime(timezone=True), nullable=True))
    op.add_column("webhook_delivery", sa.Column("lease", sa.String(length=40), nullable=True))
    for name, columns in (("due", ["next_at"]), ("lane", ["endpoint_id", "next_at", "id"])):
        table = "webhook_delivery"
        op.create_index(f"ix_{table}_{name}", table, columns, sqlite_where=_NEXT, postgresql_where=_NEXT)
    op.drop_index("ix_job_key", "job")
    op.execute("DELETE FROM job WHERE lane = 'webhook'")
    op.add_column("job", sa.Column("leased_until", base.UtcTime(timezone=True), nullable=True))
    op.drop_column("job", "concurrency_key")
