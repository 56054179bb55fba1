"""Who named a refund's buyer. Of those that are there, nobody knows."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_refund = sa.table("refund", sa.column("buyer_named_by", sa.String))


def upgrade() -> None:
    op.add_column("refund", sa.Column("buyer_named_by", sa.String(length=20), nullable=True))
    op.execute(_refund.update().values(buyer_named_by="unknown"))


def downgrade() -> None:
    op.drop_column("refund", "buyer_named_by")
