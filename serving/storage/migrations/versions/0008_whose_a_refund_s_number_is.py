"""A refund's number belongs to a shop and its platform; mirrors can be voided."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_refund = sa.table("refund", sa.column("platform", sa.String), sa.column("live", sa.Integer))


def upgrade() -> None:
    op.add_column("refund", sa.Column("live", sa.Integer(), nullable=True))
    op.execute(_refund.update().values(live=1))
    op.execute(_refund.update().where(_refund.c.platform.is_(None)).values(platform=""))
    with op.batch_alter_table("refund") as batch:
        batch.alter_column("platform", existing_type=sa.String(length=40), nullable=False)
        batch.drop_constraint("uq_refund_tenant_id_refund_id", type_="unique")
        batch.create_unique_constraint(
            "uq_refund_live", ["tenant_id", "account", "platform", "refund_id", "live"]
        )
        batch.create_index("ix_refund_number", ["tenant_id", "refund_id"])


def downgrade() -> None:
    """Fails where two shops have a refund of one number, or a mirror was voided: the older tables cannot tell them."""
    with op.batch_alter_table("refund") as batch:
        batch.drop_index("ix_refund_number")
        batch.drop_constraint("uq_refund_live", type_="unique")
        batch.create_unique_constraint("uq_refund_tenant_id_refund_id", ["tenant_id", "refund_id"])
        batch.alter_column("platform", existing_type=sa.String(length=40), nullable=True)
        batch.drop_column("live")
    op.execute(_refund.update().where(_refund.c.platform == "").values(platform=None))
