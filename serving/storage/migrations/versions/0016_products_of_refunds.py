"""What was bought; of refunds that are there, nobody said."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_report_product": ["tenant_id", "product", "id", "amount_rank"],
    "ix_report_account_product": ["tenant_id", "account", "product", "id", "amount_rank"],
}
_OF_PRODUCT = sa.text("product IS NOT NULL")


def upgrade() -> None:
    op.add_column("refund", sa.Column("product_id", sa.String(length=100), nullable=True))
    op.add_column("refund", sa.Column("product_title", sa.String(length=255), nullable=True))
    op.add_column("report", sa.Column("product", sa.String(length=255), nullable=True))
    for name, columns in INDEXES.items():
        op.create_index(name, "report", columns, sqlite_where=_OF_PRODUCT, postgresql_where=_OF_PRODUCT)


def downgrade() -> None:
    for name in INDEXES:
        op.drop_index(name, "report")
    op.drop_column("report", "product")
    op.drop_column("refund", "product_title")
    op.drop_column("refund", "product_id")
