"""What was typed when a login had ended, while its owner is at the OpenID provider."""

import sqlalchemy as sa
from alembic import op

from refundlens.serving.storage import base

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "login_draft",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("expires_at", base.UtcTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_login_draft")),
    )
    op.create_index("ix_login_draft_expires_at", "login_draft", ["expires_at"])


def downgrade() -> None:
    op.drop_table("login_draft")
