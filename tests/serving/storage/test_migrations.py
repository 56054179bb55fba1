"""From one revision to the next with data in the tables: nothing is lost, what refers to what still does."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Connection, text

from refundlens.serving.storage.database import Database, sqlite_url
from refundlens.serving.storage.migrate import downgrade, upgrade

pytestmark = pytest.mark.slow

AT = "2026-01-01 00:00:00.000000+00:00"
BODY = json.dumps({"id": "det_1", "verdict": "fake"})
ROWS: dict[str, dict[str, object]] = {
    "tenant": {"id": "tnt_1", "name": "one", "settings": "{}", "created_at": AT},
    "refund": {
        "id": "rfd_1", "tenant_id": "tnt_1", "refund_id": "R-1", "version": 1, "account": "shop", "status": "open",
        "amount_minor": 100, "currency": "CNY", "buyer": "b" * 64, "claim_text": "", "outcome": "undecided",
        "outcome_final": False, "created_at": AT, "updated_at": AT,
    },
    "image": {
        "id": "img_1", "tenant_id": "tnt_1", "refund_id": "rfd_1", "source": "refund", "sha256": "0" * 64,
        "media_type": "image/jpeg", "width": 640, "height": 480, "bytes": 9, "created_at": AT,
    },
    "screening": {
        "id": "det_1", "tenant_id": "tnt_1", "image_id": "img_1", "verdict": "fake", "probability": 0.97, "bound": 0.01,
        "model_version": "tiny 1", "body": BODY, "heatmap": "1" * 64, "created_at": AT,
    },
    "report": {
        "id": "rpt_1", "tenant_id": "tnt_1", "refund_id": "rfd_1", "image_id": "img_1", "claim_id": "clm_1",
        "account": "shop", "version": 1, "state": "established", "live": 1, "note": "", "reported_by": "clerk",
        "screening_id": "det_1", "due_at": AT, "amount_rank": -100, "created_at": AT, "updated_at": AT,
    },
}  # fmt: skip
"""A report with its screening as revision 0002 has them."""


@contextmanager
def _at(database: Database, revision: str) -> Iterator[Connection]:
    """A transaction after a migration to a revision of the past."""
    with database._migrating() as connection:
        upgrade(connection, revision)
        yield connection


def _fill(connection: Connection) -> None:
    for table, row in ROWS.items():
        values = ", ".join(f":{name}" for name in row)
        connection.execute(text(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({values})"), row)


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    url = sqlite_url(tmp_path) if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    database = Database(url)
    yield database
    database.close()


def test_screenings_become_detections_and_their_reports_stay(empty: Database) -> None:
    with _at(empty, "0002") as connection:
        _fill(connection)
    empty.migrate()
    of_report = "JOIN report ON screening_id = detection.id"
    query = f"SELECT detection.image_id, owner, question, body, report.id FROM detection {of_report}"
    with empty._engine.connect() as connection:
        image, owner, question, body, report = connection.execute(text(query)).one()
    assert (image, owner, question, report) == ("img_1", None, None, "rpt_1")
    assert (json.loads(body) if isinstance(body, str) else body) == json.loads(BODY)
    with empty.transaction() as session:  # of a photo that is not kept
        session.execute(text(
            "INSERT INTO detection (id, tenant_id, owner, verdict, probability, model_version, body, created_at) "
            "SELECT 'det_2', tenant_id, 'me', verdict, probability, model_version, body, created_at FROM detection"
        ))  # fmt: skip


def test_what_refers_to_a_detection_still_must(empty: Database) -> None:
    with _at(empty, "0002") as connection:
        _fill(connection)
    empty.migrate()
    with pytest.raises(Exception, match=r"(?i)foreign key"), empty.transaction() as session:
        session.execute(text("DELETE FROM detection"))
    with pytest.raises(Exception, match=r"(?i)foreign key"), empty.transaction() as session:
        session.execute(text("UPDATE detection SET image_id = 'img_9'"))


def test_there_is_a_way_back(empty: Database) -> None:
    with _at(empty, "0002") as connection:
        _fill(connection)
    empty.migrate()
    with empty._migrating() as connection:
        downgrade(connection, "0002")
    with empty._engine.connect() as connection:
        assert connection.execute(text("SELECT image_id FROM screening")).scalars().all() == ["img_1"]
        assert connection.execute(text("SELECT screening_id FROM report")).scalars().all() == ["det_1"]
    empty.migrate()


def test_refunds_from_before_have_no_product_and_lose_one_on_the_way_back(empty: Database) -> None:
    with _at(empty, "0002") as connection:
        _fill(connection)
    with _at(empty, "0015"):
        pass
    empty.migrate()
    asked = text("SELECT product_id, product_title, product, words FROM refund JOIN report"
                 " ON report.refund_id = refund.id JOIN report_text ON report_text.report_id = report.id")  # fmt: skip
    with empty.transaction() as session:
        assert session.execute(asked).one() == (None, None, None, " ")
        session.execute(text("UPDATE refund SET product_id = 'TS-0117', product_title = '纯棉 T 恤'"))
        session.execute(text("UPDATE report SET product = 'TS-0117'"))
    with empty._migrating() as connection:
        downgrade(connection, "0015")
    with empty.reading() as session:
        assert session.execute(
            text("SELECT amount_minor FROM refund JOIN report ON report.refund_id = refund.id")
        ).all()
    empty.migrate()
    with empty.reading() as session:
        assert session.execute(asked).one() == (None, None, None, " ")


def test_a_migration_that_would_orphan_a_row_changes_nothing(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path))
    with _at(database, "0002") as connection:
        _fill(connection)
    with pytest.raises(Exception, match="tenant"), database._migrating() as connection:
        connection.execute(text("DELETE FROM tenant"))
    with database._engine.connect() as connection:
        assert connection.execute(text("SELECT id FROM tenant")).scalars().all() == ["tnt_1"]
        assert connection.execute(text("PRAGMA foreign_keys")).scalar() == 1
    database.close()
