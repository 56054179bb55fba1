"""Events are told to people, too: by e-mail and in chats, for one shop or all."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    kind = sa.Column("kind", sa.String(length=20), nullable=False, server_default="webhook")
    op.add_column("webhook_endpoint", kind)
    op.add_column("webhook_endpoint", sa.Column("account", sa.String(length=120), nullable=True))
    op.add_column("webhook_endpoint", sa.Column("language", sa.String(length=2), nullable=True))
    op.add_column("webhook_endpoint", sa.Column("sealed", sa.Text(), nullable=True))


def downgrade() -> None:
    kept = "SELECT id FROM webhook_endpoint WHERE kind <> 'webhook'"
    op.execute("DELETE FROM job WHERE concurrency_key IN (" + kept + ")")
    op.execute("DELETE FROM webhook_delivery WHERE endpoint_id IN (" + kept + ")")
    op.execute("DELETE FROM webhook_endpoint WHERE kind <> 'webhook'")
    for name in ("sealed", "language", "account", "kind"):
        op.drop_column("webhook_endpoint", name)
