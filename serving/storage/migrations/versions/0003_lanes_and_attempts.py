"""Lanes and attempts of jobs, and why a report is a person's."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_job = sa.table("job", sa.column("lane", sa.String), sa.column("screening", sa.Boolean))


def upgrade() -> None:
    op.add_column("report", sa.Column("review_reason", sa.String(length=40), nullable=True))
    op.add_column("job", sa.Column("lane", sa.String(length=20), nullable=True))
    lane = sa.case((_job.c.screening.is_(True), "screening"), else_="timer")
    op.execute(_job.update().values(lane=lane))
    op.drop_index("ix_job_due", "job")
    with op.batch_alter_table("job") as batch:
        batch.alter_column("lane", existing_type=sa.String(length=20), nullable=False)
        batch.alter_column("failures", new_column_name="attempts", existing_type=sa.Integer())
        batch.drop_column("screening")
    op.create_index("ix_job_due", "job", ["lane", "due_at", "id"])


def downgrade() -> None:
    op.add_column("job", sa.Column("screening", sa.Boolean(), nullable=True))
    op.execute(_job.update().values(screening=_job.c.lane == "screening"))
    op.drop_index("ix_job_due", "job")
    with op.batch_alter_table("job") as batch:
        batch.alter_column("screening", existing_type=sa.Boolean(), nullable=False)
        batch.alter_column("attempts", new_column_name="failures", existing_type=sa.Integer())
        batch.drop_column("lane")
    op.create_index("ix_job_due", "job", ["screening", "due_at", "id"])
    op.drop_column("report", "review_reason")
