"""What a new champion says of open cases, what a challenger said beside a champion, photos drawn for review."""

import sqlalchemy as sa
from alembic import op

from refundlens.serving.storage import base

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "shadow_agreement",
        sa.Column("challenger", sa.String(length=64), nullable=False),
        sa.Column("champion", sa.String(length=64), nullable=False),
        sa.Column("photos", sa.Integer(), nullable=False),
        sa.Column("difference", sa.Double(), nullable=False),
        sa.Column("champion_seconds", sa.Double(), nullable=False),
        sa.Column("challenger_seconds", sa.Double(), nullable=False),
        sa.Column("verdicts", sa.JSON(), nullable=False),
        sa.Column("worst", sa.JSON(), nullable=False),
        sa.Column("updated_at", base.UtcTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("challenger", "champion", name=op.f("pk_shadow_agreement")),
    )
    op.create_table(
        "review_sample",
        sa.Column("id", sa.String(length=40), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("image_id", sa.String(length=40), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("detection_id", sa.String(length=40), nullable=False),
        sa.Column("reason", sa.String(length=20), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("created_at", base.UtcTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["detection_id"], ["detection.id"], name=op.f("fk_review_sample_detection_id")
        ),
        sa.ForeignKeyConstraint(["image_id"], ["image.id"], name=op.f("fk_review_sample_image_id")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_review_sample_tenant_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_sample")),
        sa.UniqueConstraint("tenant_id", "sha256", name=op.f("uq_review_sample_tenant_id_sha256")),
    )
    op.create_index("ix_review_sample_newest", "review_sample", ["tenant_id", "id"])

    op.create_table(
        "rescore",
        sa.Column("model_version", sa.String(length=40), nullable=False),
        sa.Column("report_id", sa.String(length=40), nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("stands", sa.String(length=30), nullable=False),
        sa.Column("would", sa.String(length=30), nullable=False),
        sa.Column("by_person", sa.Boolean(), nullable=False),
        sa.Column("was_model", sa.String(length=80), nullable=True),
        sa.Column("was_verdict", sa.String(length=20), nullable=True),
        sa.Column("was_probability", sa.Double(), nullable=True),
        sa.Column("verdict", sa.String(length=20), nullable=True),
        sa.Column("probability", sa.Double(), nullable=True),
        sa.Column("error", sa.String(length=40), nullable=True),
        sa.Column("created_at", base.UtcTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["model_version"], ["model_version.id"], name=op.f("fk_rescore_model_version")
        ),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("fk_rescore_report_id")),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_rescore_tenant_id")),
        sa.PrimaryKeyConstraint("model_version", "report_id", name=op.f("pk_rescore")),
    )
    op.create_index("ix_rescore_tenant", "rescore", ["tenant_id", "model_version", "report_id"])


def downgrade() -> None:
    op.drop_index("ix_rescore_tenant", "rescore")

    op.drop_table("rescore")
    op.drop_index("ix_review_sample_newest", "review_sample")

    op.drop_table("review_sample")
    op.drop_table("shadow_agreement")
