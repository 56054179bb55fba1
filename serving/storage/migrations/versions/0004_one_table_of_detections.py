"""One table of detections: the screenings', which takes in those of /v1/detect."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

INDEXES = {
    "image": ["image_id", "id"],
    "newest": ["tenant_id", "id"],
    "heatmap": ["heatmap"],
    "reliability": ["reliability"],
}
ANSWERS = sa.text("question IS NOT NULL")


def upgrade() -> None:
    op.rename_table("screening", "detection")  # the reports' foreign key follows on both databases
    _rename("screening", "detection")
    with op.batch_alter_table("detection") as batch:
        batch.alter_column("image_id", existing_type=sa.String(length=40), nullable=True)
        batch.add_column(sa.Column("owner", sa.Text(), nullable=True))
        batch.add_column(sa.Column("question", sa.String(length=64), nullable=True))
        batch.create_index(
            "ix_detection_question", ["question", "id"], sqlite_where=ANSWERS, postgresql_where=ANSWERS
        )


def downgrade() -> None:
    op.execute("DELETE FROM detection WHERE image_id IS NULL")
    with op.batch_alter_table("detection") as batch:
        batch.drop_index("ix_detection_question")
        batch.drop_column("question")
        batch.drop_column("owner")
        batch.alter_column("image_id", existing_type=sa.String(length=40), nullable=False)
    op.rename_table("detection", "screening")
    _rename("detection", "screening")


def _rename(old: str, new: str) -> None:
    """Indexes and constraints follow their table's name."""
    if op.get_bind().dialect.name == "postgresql":
        for name in INDEXES:
            op.execute(f"ALTER INDEX ix_{old}_{name} RENAME TO ix_{new}_{name}")
        for name in (f"pk_{old}", f"fk_{old}_image_id", f"fk_{old}_tenant_id"):
            op.execute(f"ALTER TABLE {new} RENAME CONSTRAINT {name} TO {name.replace(old, new)}")
        return
    with op.batch_alter_table(new, recreate="always") as batch:  # SQLite renames neither
        for name, columns in INDEXES.items():
            batch.drop_index(f"ix_{old}_{name}")
            batch.create_index(f"ix_{new}_{name}", columns)
        for column, table in (("image_id", "image"), ("tenant_id", "tenant")):
            batch.drop_constraint(f"fk_{old}_{column}", type_="foreignkey")
            batch.create_foreign_key(f"fk_{new}_{column}", table, [column], ["id"])
