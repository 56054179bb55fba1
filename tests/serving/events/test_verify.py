"""The audit chain: whatever is changed, moved, added or taken out afterwards, verify finds the first place of it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.orm import Session

from refundlens.serving.events import audit, verify
from refundlens.serving.events.audit import Fact
from refundlens.serving.events.verify import Anchor, Broken, Fault
from refundlens.serving.kit.roles import Actor, Role
from refundlens.serving.storage.database import Database, sqlite_url
from refundlens.serving.storage.tables import AuditEvent, Chain, Tenant

ROWS = 12
TENANT, OTHER = "tnt_one", "tnt_two"
NOW = datetime(2026, 11, 22, 8, 0, 0, 123456, UTC)
DATA: tuple[dict[str, Any], ...] = (
    {},
    {"reason": "reshot", "amount": 12.5, "photos": [1, 2], "text": "0" * 64},
    {"名": "中文", "nested": {"b": None, "a": True}},
)


class _Undo(Exception):
    """Ends a transaction without a trace."""


@pytest.fixture(scope="module")
def chained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Two tenants with twelve rows each, as the service writes them."""
    database = Database(sqlite_url(tmp_path_factory.mktemp("audit")))
    database.migrate()
    with database.transaction() as session:
        for tenant in (TENANT, OTHER):
            session.add(Tenant(id=tenant, name=tenant, settings={}, created_at=NOW))
            session.flush()
            audit.start(session, tenant)
            session.flush()
            for number in range(ROWS):
                fact = Fact(
                    "report.decided", f"rpt_{number % 3}", "needs_review", "established", DATA[number % 3]
                )
                moment = NOW + timedelta(seconds=number)
                audit.append(session, tenant, moment, Actor(Role.ADJUDICATOR, "alice"), fact)
    yield database
    database.close()


@pytest.fixture
def after(chained: Database) -> Callable[..., Broken | None]:
    """What verify finds once something was done to the tables; then it is undone."""

    def run(
        tamper: Callable[[Session], object], tenant: str = TENANT, anchor: Anchor | None = None
    ) -> Broken | None:
        found: list[verify.Verified] = []
        try:
            with chained.transaction() as session:
                session.execute(text("PRAGMA defer_foreign_keys=ON"))
                tamper(session)
                session.flush()
                session.expire_all()
                found.append(verify.verify(session, tenant, anchor))
                raise _Undo
        except _Undo:
            return found[0].broken

    return run


def _set(number: int, /, **values: Any) -> Callable[[Session], object]:
    return lambda session: session.execute(
        update(AuditEvent).where(AuditEvent.tenant_id == TENANT, AuditEvent.seq == number).values(**values)
    )


def test_what_was_written_is_whole(chained: Database) -> None:
    for tenant in (TENANT, OTHER):
        with chained.reading() as session:
            found = verify.verify(session, tenant)
            head = session.get(Chain, tenant)
        assert found.broken is None and found.rows == ROWS
        assert head and found.end == head.hash


def test_batches_make_no_difference(chained: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with chained.reading() as session:
        whole = verify.verify(session, TENANT)
    for size in (1, 5, ROWS, ROWS + 1):
        monkeypatch.setattr(verify, "BATCH", size)
        with chained.reading() as session:
            assert verify.verify(session, TENANT) == whole
            assert [row.seq for row in verify.records(session, TENANT)] == list(range(1, ROWS + 1))


_words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
_moments = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC)) | st.integers(
    1, 999_999
).map(lambda micros: NOW.replace(microsecond=0) + timedelta(microseconds=micros))
_json = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | _words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words, inner, max_size=3),
    max_leaves=5,
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "tenant_id": st.just(OTHER),
    "seq": st.integers(-5, 50),
    "at": _moments,
    "role": _words,
    "actor": _words,
    "action": _words,
    "object_id": _words,
    "before": st.none() | _words,
    "after": st.none() | _words,
    "data": st.dictionaries(_words, _json, max_size=3),
    "previous": st.text("0123456789abcdef", min_size=64, max_size=64) | _words,
    "hash": st.text("0123456789abcdef", min_size=64, max_size=64) | _words,
}


def test_every_column_is_tried() -> None:
    assert set(VALUES) == set(AuditEvent.__table__.columns.keys())


@pytest.mark.parametrize("column", VALUES)
@settings(max_examples=15, database=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(drawn=st.data())
def test_any_change_of_any_field_of_any_row_is_found(
    chained: Database, after: Callable[..., Broken | None], column: str, drawn: st.DataObject
) -> None:
    seq = drawn.draw(st.integers(1, ROWS), "row")
    value = drawn.draw(VALUES[column], "value")
    with chained.reading() as session:
        row = session.get_one(AuditEvent, (TENANT, seq))
        assume(getattr(row, column) != value or type(getattr(row, column)) is not type(value))
    if column == "seq":
        assume(not 1 <= value <= ROWS)
    if column == "tenant_id":  # where the other one has no such row
        change: Callable[[Session], object] = lambda session: (  # noqa: E731
            session.execute(delete(AuditEvent).where(AuditEvent.tenant_id == OTHER, AuditEvent.seq == seq)),
            _set(seq, tenant_id=value)(session),
        )
        assert after(change, OTHER) == Broken(seq, Fault.CHANGED)
    else:
        change = _set(seq, **{column: value})
    found = after(change)
    assert found is not None
    if column not in ("seq", "tenant_id"):
        assert found == Broken(seq, Fault.CHANGED)
    else:
        assert found.fault in (Fault.MISSING, Fault.UNEXPECTED) and found.seq <= seq


@pytest.mark.parametrize(
    ("column", "stored"),
    [
        ("at", "yesterday"), ("at", ""), ("data", "{"), ("data", "NaN"), ("data", "[]"), ("data", '{"a": NaN}'),
        ("data", "null"), ("at", "2026-11-22 08:00:03.123400"),
    ],
)  # fmt: skip
def test_what_no_version_wrote_is_found_and_not_a_crash(
    after: Callable[..., Broken | None], column: str, stored: str
) -> None:
    sql = text(f"UPDATE audit_event SET {column} = :stored WHERE tenant_id = :tenant AND seq = 4")
    found = after(lambda session: session.execute(sql, {"stored": stored, "tenant": TENANT}))
    assert found and found.seq == 4 and found.fault in (Fault.UNREADABLE, Fault.CHANGED)


@pytest.mark.parametrize("first", range(1, ROWS + 1))
@pytest.mark.parametrize("count", [1, 3])
def test_rows_that_were_taken_out_are_missed(
    after: Callable[..., Broken | None], first: int, count: int
) -> None:
    gone = delete(AuditEvent).where(
        AuditEvent.tenant_id == TENANT, AuditEvent.seq >= first, AuditEvent.seq < first + count
    )
    assert after(lambda session: session.execute(gone)) == Broken(first, Fault.MISSING)


def test_rows_that_were_taken_out_and_closed_up_are_missed(after: Callable[..., Broken | None]) -> None:
    def close_up(session: Session) -> None:
        session.execute(delete(AuditEvent).where(AuditEvent.tenant_id == TENANT, AuditEvent.seq == 5))
        for seq in range(6, ROWS + 1):
            _set(seq, seq=seq - 1)(session)
        session.execute(update(Chain).where(Chain.tenant_id == TENANT).values(length=ROWS - 1))

    assert after(close_up) == Broken(5, Fault.CHANGED)


@pytest.mark.parametrize(("one", "two"), [(1, 2), (3, 9), (ROWS - 1, ROWS)])
def test_rows_that_changed_places_are_found(after: Callable[..., Broken | None], one: int, two: int) -> None:
    def swap(session: Session) -> None:
        _set(one, seq=99)(session)
        _set(two, seq=one)(session)
        _set(99, seq=two)(session)

    assert after(swap) == Broken(one, Fault.CHANGED)


def _forge(session: Session, seq: int, to: int = ROWS) -> str:
    """Change a row and give it and those up to `to` the hashes they then should have; the last of them."""
    previous = ""
    for number in range(seq, to + 1):
        row = session.get_one(AuditEvent, (TENANT, number))
        row.actor = "mallory" if number == seq else row.actor
        row.previous = previous or row.previous
        row.hash = previous = audit.row_hash(row)
    session.flush()
    return previous


def test_a_row_forged_with_its_hash_is_found_by_the_next(after: Callable[..., Broken | None]) -> None:
    assert after(lambda session: _forge(session, 4, 4)) == Broken(5, Fault.UNCHAINED)
    assert after(lambda session: _forge(session, 4)) == Broken(ROWS, Fault.ANOTHER_END)


def test_a_chain_written_anew_is_found_by_an_anchor(
    chained: Database, after: Callable[..., Broken | None]
) -> None:
    with chained.reading() as session:
        kept = Anchor(9, session.get_one(AuditEvent, (TENANT, 9)).hash)

    def anew(session: Session) -> None:
        session.get_one(Chain, TENANT).hash = _forge(session, 4)

    assert after(anew) is None, "it fits itself"
    assert after(anew, anchor=kept) == Broken(9, Fault.ANOTHER_ANCHOR)
    assert after(lambda session: None, anchor=kept) is None

    def shortened(session: Session) -> None:
        session.execute(delete(AuditEvent).where(AuditEvent.tenant_id == TENANT, AuditEvent.seq > 5))
        head = session.get_one(Chain, TENANT)
        head.length, head.hash = 5, session.get_one(AuditEvent, (TENANT, 5)).hash

    assert after(shortened) is None
    assert after(shortened, anchor=kept) == Broken(6, Fault.MISSING)


def test_rows_that_were_added_are_found(after: Callable[..., Broken | None]) -> None:
    def add(seq: int) -> Callable[[Session], object]:
        def run(session: Session) -> None:
            last = session.get_one(AuditEvent, (TENANT, ROWS))
            values = {name: getattr(last, name) for name in VALUES} | {"seq": seq, "previous": last.hash}
            values["hash"] = audit.row_hash(AuditEvent(**values))
            session.execute(insert(AuditEvent).values(**values))

        return run

    assert after(add(ROWS + 1)) == Broken(ROWS + 1, Fault.UNEXPECTED)
    assert after(add(ROWS + 2)) == Broken(ROWS + 1, Fault.MISSING)
    assert after(add(0)) == Broken(0, Fault.UNEXPECTED)


def test_the_end_of_the_chain_is_checked_too(after: Callable[..., Broken | None]) -> None:
    mine = Chain.tenant_id == TENANT
    assert after(lambda session: session.execute(delete(Chain).where(mine))) == Broken(ROWS, Fault.NO_CHAIN)
    assert after(lambda session: session.execute(update(Chain).where(mine).values(hash="f" * 64))) == Broken(
        ROWS, Fault.ANOTHER_END
    )
    longer = update(Chain).where(mine).values(length=ROWS + 3)
    assert after(lambda session: session.execute(longer)) == Broken(ROWS + 1, Fault.MISSING)
    shorter = update(Chain).where(mine).values(length=ROWS - 3)
    assert after(lambda session: session.execute(shorter)) == Broken(ROWS - 2, Fault.UNEXPECTED)


def test_one_tenants_fault_is_not_anothers(after: Callable[..., Broken | None]) -> None:
    assert after(_set(3, actor="mallory"), OTHER) is None


def test_an_empty_chain_is_whole(database: Database) -> None:
    with database.reading() as session:
        found = verify.verify(session, "tnt_one")
    assert (found.rows, found.end, found.broken) == (0, audit.START, None)


def test_what_is_exported_can_be_checked_by_anybody(chained: Database, tmp_path: Path) -> None:
    with chained.reading() as session:
        for row in verify.records(session, TENANT):
            assert audit.text_hash(audit.canonical(row)) == row.hash
            stored = session.execute(
                select(AuditEvent.data).where(AuditEvent.tenant_id == TENANT, AuditEvent.seq == row.seq)
            ).scalar_one()
            assert stored == DATA[(row.seq - 1) % 3]
