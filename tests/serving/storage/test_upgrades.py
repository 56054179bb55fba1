"""A database of the first revision, with a dispute in it, comes to this version and back; a backup is restored."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from fastapi import FastAPI
from sqlalchemy import Connection, inspect, text
from starlette.testclient import TestClient

from refundlens.model.detect import Detector
from refundlens.serving.app import create_app
from refundlens.serving.events.verify import verify
from refundlens.serving.settings import Settings
from refundlens.serving.storage.database import Database, DatabaseError, sqlite_file, sqlite_url
from refundlens.serving.storage.migrate import alembic_config, downgrade, revisions, upgrade

pytestmark = pytest.mark.slow

FIRST = "0001"
AT = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
BUYER = "b" * 64


@pytest.fixture(params=["sqlite", "postgresql"])
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """An empty database of each kind."""
    url = sqlite_url(tmp_path) if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    opened = Database(url)
    yield opened
    opened.close()


def _put(connection: Connection, table: str, **values: Any) -> None:
    """A row by plain SQL: the tables as declared are this version's, not the first one's."""
    sqlite = connection.dialect.name == "sqlite"
    for name, value in values.items():
        if isinstance(value, datetime):
            values[name] = value.strftime("%Y-%m-%d %H:%M:%S.%f") if sqlite else value
        elif isinstance(value, dict | list):
            values[name] = json.dumps(value)
    names = ", ".join(values)
    places = ", ".join(f":{name}" for name in values)
    connection.execute(text(f"INSERT INTO {table} ({names}) VALUES ({places})"), values)


def _fill(connection: Connection, photo: str = "a" * 64) -> None:
    """A shop's two refunds, one with a report under way, its jobs and a delivery, as the first version wrote them."""
    of = {"tenant_id": "tnt_default", "created_at": AT}
    _put(connection, "tenant", id="tnt_default", name="default", settings={}, created_at=AT)
    _put(connection, "chain", tenant_id="tnt_default", length=0, hash="0" * 64)
    for number, platform in (("1", None), ("2", "taobao")):
        _put(
            connection, "refund", **of, id=f"rfd_{number}", refund_id=f"R-{number}", version=1, account="shop-1",
            platform=platform, status="open", amount_minor=100, currency="CNY", buyer=BUYER, claim_text="a hole",
            outcome="undecided", outcome_final=False, updated_at=AT,
        )  # fmt: skip
    _put(
        connection, "image", **of, id="img_1", refund_id="rfd_1", source="refund", sha256=photo,
        media_type="image/jpeg", width=320, height=240, bytes=10,
    )  # fmt: skip
    _put(
        connection, "report", **of, id="rpt_1", refund_id="rfd_1", image_id="img_1", claim_id="clm_1",
        account="shop-1", version=1, state="submitted", live=1, note="look at it", reported_by="clerk", due_at=AT,
        amount_rank=-100, updated_at=AT,
    )  # fmt: skip
    for number, kind, ref, screening in (("1", "screen", "clm_1", True), ("2", "deadline", "rpt_1", False)):
        _put(
            connection, "job", **of, id=f"job_{number}", kind=kind, ref=ref, screening=screening, data={}, due_at=AT,
            failures=3,
        )  # fmt: skip
    _put(
        connection, "webhook_endpoint", **of, id="whe_1", version=1, url="https://example.com/h", description="",
        events=[], secret_number=1, updated_at=AT,
    )  # fmt: skip
    _put(
        connection, "outbox_event", **of, id="evt_1", type="report.submitted", object_id="rpt_1",
        payload='{"type":"report.submitted"}',
    )  # fmt: skip
    _put(
        connection, "webhook_delivery", **of, id="whd_1", event_id="evt_1", endpoint_id="whe_1", replay=0,
        state="pending", attempts=2, next_at=AT,
    )  # fmt: skip


def _counts(connection: Connection) -> dict[str, int]:
    tables = [name for name in inspect(connection).get_table_names() if name != "alembic_version"]
    return {name: connection.execute(text(f"SELECT count(*) FROM {name}")).scalar_one() for name in tables}


def _first_revision(database: Database, photo: str = "a" * 64) -> dict[str, int]:
    with database._engine.begin() as connection:
        upgrade(connection, FIRST)
        _fill(connection, photo)
        return _counts(connection)


def test_every_revision_has_one_before_it() -> None:
    """Two branches that each wrote a revision on the same one would leave two heads, and no database could start."""
    scripts = ScriptDirectory.from_config(alembic_config(None))
    assert len(scripts.get_heads()) == 1
    assert [one.revision for one in scripts.walk_revisions()][-1] == FIRST


def test_a_database_of_the_first_revision_comes_to_this_one_with_all_that_is_in_it(fresh: Database) -> None:
    before = _first_revision(fresh)
    fresh.migrate()
    fresh.migrate()  # the second process finds nothing to do
    assert fresh.state().current
    with fresh.reading() as session:
        after = _counts(session.connection())
        lost = {name: count for name, count in before.items() if after.get(name, 0) < count}
        assert not lost
        jobs = dict(
            session.execute(text("SELECT kind, lane FROM job WHERE kind IN ('screen', 'deadline')")).all()
        )
        assert jobs == {"screen": "screening", "deadline": "timer"}
        refunds = session.execute(
            text("SELECT refund_id, platform, live FROM refund ORDER BY refund_id")
        ).all()
        assert [tuple(row) for row in refunds] == [("R-1", "", 1), ("R-2", "taobao", 1)]
        assert session.execute(text("SELECT supplied_by FROM image")).scalar_one() is None, "nobody knows"


def test_what_was_upgraded_points_where_it_did(fresh: Database) -> None:
    """Tables that SQLite makes anew keep who points at them, and what must be unique stays so."""
    _first_revision(fresh)
    fresh.migrate()
    row = {"id": "img_2", "tenant_id": "tnt_default", "source": "refund", "sha256": "c" * 64,
           "media_type": "image/jpeg", "width": 1, "height": 1, "bytes": 1, "created_at": AT}  # fmt: skip
    with pytest.raises(Exception, match=r"(?i)foreign key"), fresh.transaction() as session:
        _put(session.connection(), "image", **row, refund_id="rfd_nowhere")
    with pytest.raises(Exception, match=r"(?i)unique"), fresh.transaction() as session:
        _put(session.connection(), "image", **row | {"sha256": "a" * 64}, refund_id="rfd_1")


def test_and_back_to_the_first_revision(fresh: Database) -> None:
    before = _first_revision(fresh)
    fresh.migrate()
    with fresh._migrating() as connection:
        downgrade(connection, FIRST)
    with fresh.reading() as session:
        assert revisions(session.connection())[0] == FIRST
        after = _counts(session.connection())
        assert {name: after[name] for name in before} == before
        kinds = session.execute(text("SELECT kind FROM job WHERE screening")).scalars().all()
        assert kinds == ["screen"]


def test_a_database_of_a_later_version_is_told_and_left_alone(tmp_path: Path) -> None:
    database = Database(sqlite_url(tmp_path))
    database.migrate()
    with database.transaction() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(DatabaseError, match="newer version of RefundLens"):
        database.migrate()
    database.close()


def test_a_backup_is_restored_and_goes_on(
    settings: Settings, detector: Detector, tmp_path: Path, photo: Any, story: Any
) -> None:
    """As docs/database.md says: the database by VACUUM INTO while the service runs, then the files and the secret; a
    service on the copy has the report, its photo and a whole audit log, and knows the buyer."""
    keys = "merchant:shop-1:key-shop-1,adjudicator:ann:key-ann"
    given = settings.model_dump() | {"api_keys": keys, "worker": False}
    report = _dispute(create_app(Settings(**given), detector), story.refund(photo()))
    backup = tmp_path / "backup"
    backup.mkdir()
    with sqlite3.connect(sqlite_file(settings.data_dir)) as source:
        source.execute("VACUUM INTO ?", (str(sqlite_file(backup)),))
    for name in ("files", "models"):
        if (settings.data_dir / name).exists():
            shutil.copytree(settings.data_dir / name, backup / name)
    shutil.copy(settings.data_dir / "secret.key", backup)
    shutil.rmtree(settings.data_dir)

    restored = create_app(Settings(**given | {"data_dir": backup}), detector)
    found = TestClient(restored, headers={"Authorization": "Bearer key-ann"})
    told = found.get(f"/v1/reports/{report}").json()
    assert told["state"] == "submitted"
    assert found.get(told["image"]["url"]).content == photo()
    assert found.get("/v1/buyers/buyer-1/integrity").status_code == 200, "the secret came with it"
    with restored.state.database.reading() as session:
        checked = verify(session, "tnt_default")
        assert checked.broken is None and checked.rows > 2, "the audit log is whole"


def _dispute(app: FastAPI, body: Any) -> str:
    shop = TestClient(app, headers={"Authorization": "Bearer key-shop-1", "Idempotency-Key": "one"})
    image = shop.put("/v1/refunds/r1", json=body).json()["images"][0]["id"]
    return str(shop.post("/v1/reports", json={"refund_id": "r1", "image": image}).json()["id"])
