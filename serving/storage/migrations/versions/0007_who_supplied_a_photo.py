"""Who supplied a photo. Of those that are there, nobody knows."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("image", sa.Column("supplied_by", sa.String(length=20), nullable=True))
    op.add_column("image", sa.Column("uploaded_by", sa.String(length=120), nullable=True))


def downgrade() -> None:
    op.drop_column("image", "uploaded_by")
    op.drop_column("image", "supplied_by")
