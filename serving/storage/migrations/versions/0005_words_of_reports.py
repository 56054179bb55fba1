"""What reports are found by, and their order by amount."""

import sqlite3
import unicodedata

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

INDEXES = {
    "ix_report_account_verdict": ["tenant_id", "account", "verdict", "id"],
    "ix_report_amount": ["tenant_id", "amount_rank", "id"],
    "ix_report_account_amount": ["tenant_id", "account", "amount_rank", "id"],
}
FTS5 = (
    # trigram: any part of three characters and more is found, in Chinese, too, which has no spaces between words
    "CREATE VIRTUAL TABLE report_search USING fts5(refund_number, words, content='report_text',"
    " content_rowid='number', tokenize='trigram')",
    "CREATE TRIGGER report_text_added AFTER INSERT ON report_text BEGIN"
    " INSERT INTO report_search(rowid, refund_number, words) VALUES (new.number, new.refund_number, new.words); END",
    "CREATE TRIGGER report_text_gone AFTER DELETE ON report_text BEGIN"
    " INSERT INTO report_search(report_search, rowid, refund_number, words)"
    " VALUES ('delete', old.number, old.refund_number, old.words); END",
    "CREATE TRIGGER report_text_changed AFTER UPDATE ON report_text BEGIN"
    " INSERT INTO report_search(report_search, rowid, refund_number, words)"
    " VALUES ('delete', old.number, old.refund_number, old.words);"
    " INSERT INTO report_search(rowid, refund_number, words) VALUES (new.number, new.refund_number, new.words); END",
)
SECURE = "INSERT INTO report_search(report_search, rank) VALUES ('secure-delete', 1)"
"""What erasure blanks leaves the index at once, not at its next merge."""
SECURE_SINCE = (3, 42)
"""SQLite's first version that can."""
GRAMS = (
    # three characters at a time, as FTS5's; pg_trgm needs the right to install it and, in the locale C, drops Chinese
    "CREATE FUNCTION refundlens_grams(given text) RETURNS text[] LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS"
    " $$ SELECT coalesce(array_agg(DISTINCT substr(lower(given), place, 3)), '{}')"
    " FROM generate_series(1, length(given) - 2) AS place $$",
    "CREATE INDEX ix_report_text_grams ON report_text"
    " USING gin (refundlens_grams((refund_number || ' ' || words)::text)) WITH (fastupdate = off)",
)
FOUND = (
    "SELECT report.tenant_id AS tenant, report.account AS account, report.id AS report, refund.id AS refund,"
    " refund.refund_id AS number, refund.claim_text || ' ' || report.note AS words"
    " FROM report JOIN refund ON refund.id = report.refund_id ORDER BY report.id"
)
KEPT = (
    "INSERT INTO report_text (tenant_id, account, report_id, refund_id, refund_number, words)"
    " VALUES (:tenant, :account, :report, :refund, :number, :words)"
)
BATCH = 1_000


def upgrade() -> None:
    for name, columns in INDEXES.items():
        op.create_index(name, "report", columns)
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "report_text",
        sa.Column("number", number, autoincrement=True, nullable=False),
        sa.Column("tenant_id", sa.String(length=40), nullable=False),
        sa.Column("account", sa.String(length=120), nullable=False),
        sa.Column("report_id", sa.String(length=40), nullable=False),
        sa.Column("refund_id", sa.String(length=40), nullable=False),
        sa.Column("refund_number", sa.String(length=64), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenant.id"], name=op.f("fk_report_text_tenant_id")),
        sa.ForeignKeyConstraint(["report_id"], ["report.id"], name=op.f("fk_report_text_report_id")),
        sa.ForeignKeyConstraint(["refund_id"], ["refund.id"], name=op.f("fk_report_text_refund_id")),
        sa.PrimaryKeyConstraint("number", name=op.f("pk_report_text")),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_report_text_report", "report_text", ["report_id"], unique=True)
    op.create_index("ix_report_text_refund", "report_text", ["refund_id"])
    op.create_index("ix_report_text_tenant", "report_text", ["tenant_id", "number"])
    op.create_index("ix_report_text_account", "report_text", ["tenant_id", "account", "number"])
    for statement in FTS5 if op.get_bind().dialect.name == "sqlite" else GRAMS:
        op.execute(statement)
    if op.get_bind().dialect.name == "sqlite" and sqlite3.sqlite_version_info >= SECURE_SINCE:
        op.execute(SECURE)
    _fill()


def _fill() -> None:
    """From what is there, in the words' plain form as `serving.refunds.search` keeps them."""
    bind = op.get_bind()
    rows = bind.execution_options(yield_per=BATCH).execute(sa.text(FOUND))
    for part in rows.mappings().partitions(BATCH):
        kept = [{**row, "words": unicodedata.normalize("NFKC", row["words"])} for row in part]
        bind.execute(sa.text(KEPT), kept)


def downgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    if sqlite:
        op.execute("DROP TABLE report_search")
    op.drop_table("report_text")
    if not sqlite:
        op.execute("DROP FUNCTION refundlens_grams(text)")
    for name in INDEXES:
        op.drop_index(name, "report")
