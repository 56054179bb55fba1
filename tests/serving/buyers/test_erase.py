"""Erasure: nothing of the buyer is left anywhere, and what was decided can still be proved."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from typer.testing import CliRunner

from refundlens.serving.buyers import erasure, integrity
from refundlens.serving.buyers.retention import erase_old_photos, sweep_unclaimed
from refundlens.serving.cli.main import app as cli
from refundlens.serving.events import outbox
from refundlens.serving.events.outbox import WebhookType
from refundlens.serving.events.verify import verify
from refundlens.serving.identity.tenants import DEFAULT, open_database
from refundlens.serving.kit.clock import utc_now
from refundlens.serving.kit.ids import make_id
from refundlens.serving.kit.roles import SYSTEM
from refundlens.serving.labels import service as labels
from refundlens.serving.settings import Settings
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.files import FileStore, open_files
from refundlens.serving.storage.secret import read_secret
from refundlens.serving.storage.tables import (
    Appeal,
    Complaint,
    Decision,
    Image,
    IntegrityEntry,
    Label,
    Refund,
    Refusal,
    Report,
    StoredAnswer,
)
from refundlens.serving.workflow.states import Event, ReportState

BUYER, OTHER = "b" * 64, "c" * 64
SETTINGS = Settings(integrity_days=365, keep_photos_days=180)
OVER = {"state": ReportState.FINAL_ESTABLISHED, "closed": True}
WORDS = ("says the buyer", "the merchant", "the judge says", "the appellant says", "the refusal says", "the clerk says",
         "the specialist says", "me.jpg", "My own camera")  # fmt: skip
Make = Callable[..., Any]


@pytest.fixture
def files(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files")


def _whole_life(session: Any, made: Any, files: FileStore, now: Any) -> None:
    """Everything that can be written about a dispute, as words, names and bytes."""
    report, refund = made.report, made.refund
    both = {"tenant_id": report.tenant_id, "created_at": now}
    integrity.enter_pending(session, report, refund, now, SETTINGS)
    integrity.enter_final(session, report, refund, now, SETTINGS)
    appeal = Appeal(
        **both, id=make_id("apl", now), report_id=report.id, account="shop-1", side="buyer", was="established",
        grounds="the appellant says", state="upheld", opened_by="buyer", decided_by="bob", decided_at=now,
    )  # fmt: skip
    session.add(appeal)
    session.flush()
    session.add_all(
        [
            Decision(
                **both, id=make_id("dcs", now), report_id=report.id, appeal_id=appeal.id, established=True,
                reason_code="evidence", reason="the judge says", decided_by="bob",
            ),
            Refusal(
                **both, id=make_id("rfs", now), refund_id=refund.id, report_id=report.id, message="the refusal says",
                evidence=files.put(b"evidence of " + report.id.encode()), platform={"message": "the refusal says"},
                refused_by="clerk",
            ),
            Complaint(
                **both, id=make_id("cmp", now), refund_id=refund.id, account="shop-1", version=1, kind="abuse",
                text="the clerk says", state="confirmed", answer="the specialist says", filed_by="clerk",
            ),
            StoredAnswer(
                tenant_id=report.tenant_id, owner="merchant", key=report.id, fingerprint="0" * 64, status=201,
                body=json.dumps({"id": report.id, "note": report.note}).encode(), created_at=now,
            ),
        ]
    )  # fmt: skip
    labels.for_decision(session, report, Event.UPHOLD, "bob", now)
    outbox.publish(
        session, report.tenant_id, now, WebhookType.REPORT_SUBMITTED, report.id, {"buyer": refund.buyer}
    )


def _everything(database: Database) -> str:
    """All that the database holds, as text."""
    with database.reading() as session:
        names = session.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'")).scalars().all()
        rows = [str(row) for name in names for row in session.execute(text(f'SELECT * FROM "{name}"'))]
    return "\n".join(rows)


def test_nothing_of_the_buyer_is_left_and_the_chain_still_verifies(
    database: Database, files: FileStore, create_dispute: Make, moving_clock: Any
) -> None:
    now = moving_clock()
    with database.transaction() as session:
        made = create_dispute(session, now, buyer=BUYER, files=files, **OVER)
        _whole_life(session, made, files, now)
    before = _everything(database)
    assert [word for word in (*WORDS, BUYER) if word not in before] == []
    with database.transaction() as session:
        found = erasure.find_traces(session, "tnt_one", BUYER)
        done = erasure.erase(session, files, "tnt_one", BUYER, SYSTEM, now)
    assert (len(found.refunds), found.photos, found.entries, found.undecided) == (1, 1, 2, [])
    assert (done.refunds, done.photos, done.shared, done.files, done.entries) == (1, 1, 0, 3, 2)
    after = _everything(database)
    assert [word for word in (*WORDS, BUYER) if word in after] == []
    assert list(files.older(moving_clock.forward(days=9000))) == []
    with database.reading() as session:
        assert verify(session, "tnt_one").broken is None
        refund = session.get_one(Refund, made.refund.id)
        lines = session.execute(select(IntegrityEntry)).scalars().all()
        assert [(line.buyer, line.points) for line in lines] == [(refund.buyer, 0), (refund.buyer, 1)]
        assert session.get_one(Report, made.report.id).state == "final_established"
        assert session.execute(select(Label.sha256)).scalars().all() == [made.image.sha256]


def test_other_buyers_keep_theirs_and_a_photo_that_both_sent(
    database: Database, files: FileStore, create_dispute: Make, moving_clock: Any
) -> None:
    now = moving_clock()
    with database.transaction() as session:
        create_dispute(session, now, buyer=BUYER, files=files, **OVER)
        other = create_dispute(session, now, buyer=OTHER, files=files, **OVER)
        elsewhere = create_dispute(session, now, buyer=BUYER, tenant="tnt_two", **OVER)
    with database.transaction() as session:
        done = erasure.erase(session, files, "tnt_one", BUYER, SYSTEM, now)
    assert (done.photos, done.shared, done.files) == (1, 1, 0)
    assert files.get(other.image.sha256) == b"a photo"
    with database.reading() as session:
        for kept in (other, elsewhere):
            assert session.get_one(Refund, kept.refund.id).claim_text == "a hole, says the buyer"
            assert session.get_one(Refund, kept.refund.id).buyer == kept.refund.buyer
            assert session.get_one(Image, kept.image.id).erased_at is None


@pytest.mark.parametrize(
    "still",
    [{"closed": False, "state": ReportState.WITHDRAWN}, {"closed": True, "state": ReportState.APPEALED}],
)
def test_a_dispute_under_way_is_not_erased(
    database: Database, files: FileStore, create_dispute: Make, moving_clock: Any, still: dict[str, Any]
) -> None:
    with database.transaction() as session:
        create_dispute(session, moving_clock(), buyer=BUYER, files=files, **OVER)
        open_one = create_dispute(session, moving_clock(), buyer=BUYER, files=files, **still)
    before = _everything(database)
    with pytest.raises(erasure.StillOpen, match=open_one.refund.refund_id), database.transaction() as session:
        erasure.erase(session, files, "tnt_one", BUYER, SYSTEM, moving_clock())
    assert _everything(database) == before


def test_photos_of_closed_refunds_are_erased_after_their_time(
    database: Database, files: FileStore, create_dispute: Make, moving_clock: Any
) -> None:
    with database.transaction() as session:
        old = create_dispute(session, moving_clock(), buyer=BUYER, files=files, content=b"old", **OVER)
        appealed = {"state": ReportState.APPEALED, "closed": True}
        live = create_dispute(session, moving_clock(), buyer=BUYER, files=files, content=b"live", **appealed)
        still = {"state": ReportState.WITHDRAWN}
        open_ = create_dispute(session, moving_clock(), buyer=BUYER, files=files, content=b"open", **still)
    for days, erased in ((179, 0), (2, 1), (1, 0)):
        now = moving_clock.forward(days=days)
        with database.transaction() as session:
            assert erase_old_photos(session, files, now, SETTINGS) == erased
    assert not files.exists(old.image.sha256)
    assert files.exists(live.image.sha256)
    assert files.exists(open_.image.sha256)
    with database.reading() as session:
        assert session.get_one(Image, old.image.id).erased_at is not None
        assert session.get_one(Refund, old.refund.id).claim_text != "", "only photos go by time"
        assert verify(session, "tnt_one").broken is None


def test_files_that_no_row_names_are_swept_a_day_later(
    database: Database, files: FileStore, create_dispute: Make
) -> None:
    now = utc_now()  # files have the system's time
    stray = files.put(b"of a request that failed")
    with database.transaction() as session:
        made = create_dispute(session, now, buyer=BUYER, files=files)
    with database.reading() as session:
        assert sweep_unclaimed(session, files, now + timedelta(hours=23)) == 0
        assert sweep_unclaimed(session, files, now + timedelta(hours=25)) == 1
    assert not files.exists(stray)
    assert files.exists(made.image.sha256)


def test_the_command_tells_first_and_erases_when_told_to(
    tmp_path: Path, create_dispute: Make, moving_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFUNDLENS_DATA_DIR", str(tmp_path))
    settings = Settings(data_dir=tmp_path)
    database = open_database(settings, moving_clock())
    files = open_files(settings)
    with database.transaction() as session:
        buyer = read_secret(settings).buyer(DEFAULT, "open_uid_1")
        made = create_dispute(session, moving_clock(), buyer=buyer, files=files, tenant=DEFAULT, **OVER)
    run = CliRunner().invoke
    told = run(cli, ["buyers", "erase", "open_uid_1"])
    assert (told.exit_code, "1 refunds, 1 photos" in told.output, "--yes" in told.output) == (0, True, True)
    assert files.exists(made.image.sha256)
    done = run(cli, ["buyers", "erase", "open_uid_1", "--yes", "--json"])
    assert (done.exit_code, json.loads(done.stdout)["photos"]) == (0, 1)
    assert not files.exists(made.image.sha256)
    with database.transaction() as session:
        create_dispute(session, moving_clock(), buyer=buyer, tenant=DEFAULT)
    refused = run(cli, ["buyers", "erase", "open_uid_1", "--yes"])
    assert (refused.exit_code, "nothing was erased" in refused.stderr) == (1, True)
    database.close()
