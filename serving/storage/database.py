"""Opens the database and gives transactions.

In: a SQLAlchemy URL (`sqlite:///var/refundlens.db`, `postgresql+psycopg://user@host/name`). Out: a `Database`.
Writers on SQLite take the write lock when they begin (BEGIN IMMEDIATE): a transaction that reads and then writes never
fails half-way because another was faster. On PostgreSQL, rows are locked with FOR UPDATE where they are read to be
changed, always in the order refund, report, chain.

Lets threads do something one at a time, in the order they came.

In: threads. Out: their turns. A `threading.Lock` is often taken again by the thread that just gave it back, and others
wait for seconds; here a turn is handed to who has waited longest.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, ExceptionContext, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError
from sqlalchemy.exc import TimeoutError as NoTurn
from sqlalchemy.orm import Session, sessionmaker

from refundlens.serving.kit.extras import how_to_install
from refundlens.serving.storage.faults import StorageFault, storage_fault


class WriterQueue:
    """seconds: how long a thread waits for its turn at most."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._taken = False

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Raises SQLAlchemy's TimeoutError, as a full pool does."""
        if not self._take():
            raise NoTurn(f"no turn came within {self._seconds:g} s; somebody does not give it back")
        try:
            yield
        finally:
            self._give()

    def _take(self) -> bool:
        with self._lock:
            if not self._taken:
                self._taken = True
                return True
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        if mine.acquire(timeout=self._seconds):
            return True
        with self._lock:
            if mine not in self._waiting:
                return True  # it was handed over just now
            self._waiting.remove(mine)
            return False

    def _give(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False


BUSY_SECONDS = 15
"""How long a writer on SQLite waits for other processes; transactions take milliseconds."""
TURN_SECONDS = 60
"""And for those of its own process before it: as long as a caller waits at most."""
POOL = 12
"""Connections kept; more than the threads that serve requests at once on a small machine."""
MIGRATION_LOCK = 7_421_001
"""PostgreSQL's advisory lock under which one process migrates while others wait; any number nobody else uses."""


@dataclass(frozen=True)
class State:
    """Version of the tables that are there, none before the first start, and the one that this program works with."""

    found: str | None
    newest: str | None

    @property
    def current(self) -> bool:
        return self.found == self.newest

    @property
    def text(self) -> str:
        """For the command line."""
        if self.found is None:
            return "no tables yet; `refundlens serve` makes them at its first start"
        advice = "" if self.current else f"; `refundlens serve` brings them to {self.newest}"
        return f"tables of version {self.found}{advice}"


class DatabaseError(Exception):
    """The database cannot be used; the message says what to do."""


class Database:
    """Safe to use from several threads. Raises DatabaseError for a URL that cannot be opened."""

    def __init__(self, url: str) -> None:
        self._engine = _engine(url)
        self._writers, self._hasty = (
            sessionmaker(self._engine.execution_options(writes=mode), expire_on_commit=False)
            for mode in ("FULL", "NORMAL")
        )
        self._readers = sessionmaker(self._engine, expire_on_commit=False)
        # SQLite's own waiting wakes up now and then to look, finds another just begun, and gives up at last with
        # `database is locked`: so writers of this process wait for each other here
        self._turn = WriterQueue(TURN_SECONDS).turn if self.dialect == "sqlite" else nullcontext
        self._doubted = False
        event.listen(self._engine, "handle_error", self._doubt)

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self._engine.dialect.name

    @contextmanager
    def transaction(self, lasting: bool = True) -> Iterator[Session]:
        """A session whose changes are there when the block ends, all or none. Nobody inside commits. lasting: on disk
        by then; else seconds later, and until then the power may take them, never a crash of this process."""
        with self._turn(), (self._writers if lasting else self._hasty).begin() as session:
            if not lasting and self.dialect == "postgresql":
                session.execute(text("SET LOCAL synchronous_commit TO off"))
            yield session

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """A session to read with; what it changes is lost."""
        with self._readers() as session:
            yield session

    def migrate(self) -> None:
        """Bring the tables to this version's. Processes that start together wait for each other."""
        from refundlens.serving.storage.migrate import UnknownRevision, upgrade

        try:
            with self._migrating() as connection:
                upgrade(connection)
        except UnknownRevision as error:
            raise DatabaseError(
                f"the database {self._engine.url!r} has tables of a newer version of RefundLens; start that one, or "
                "restore the backup from before it. Nothing was changed"
            ) from error
        except DBAPIError as error:
            raise self._cannot_be_used(error) from error

    def check(self) -> None:
        """Whether what is stored is whole, as far as SQLite's quick_check tells (a second for a gigabyte); PostgreSQL
        has checks of its own. Raises DatabaseError."""
        if self.dialect != "sqlite":
            return
        try:
            with self._engine.connect() as connection:
                told = [str(row[0]) for row in connection.execute(text("PRAGMA quick_check(3)"))]
        except DBAPIError as error:
            raise self._cannot_be_used(error) from error
        if told != ["ok"]:
            advice = StorageFault.CORRUPT.advice
            raise DatabaseError(f"the database {self.name} cannot be trusted ({'; '.join(told)}): {advice}")

    def ping(self) -> None:
        """Ask for next to nothing; the whole file is looked at once somebody was told that it is damaged, by new
        connections, since the pages that others keep in memory are well still. Raises SQLAlchemy's errors and
        DatabaseError."""
        if self._doubted:
            self.close()
            self.check()
            self._doubted = False
        with self._engine.connect() as connection:
            connection.execute(text("SELECT version_num FROM alembic_version"))

    def _doubt(self, context: ExceptionContext) -> None:
        if storage_fault(context.original_exception) is StorageFault.CORRUPT:
            self._doubted = True

    def _cannot_be_used(self, error: DBAPIError) -> "DatabaseError":
        fault = storage_fault(error)
        if fault is not None:
            return DatabaseError(f"the database {self.name} cannot be used ({error.orig}): {fault.advice}")
        return DatabaseError(
            f"the database {self.name} cannot be opened ({error.orig}); "
            "check REFUNDLENS_DATABASE_URL, and that the server runs or the folder is writable"
        )

    @contextmanager
    def _migrating(self) -> Iterator[Connection]:
        """A connection to change tables with, in one transaction, one process at a time. SQLite makes a table anew to
        change it, and would take rows that point at the old one for orphans: it does not look meanwhile, and all are
        looked at in the end. Raises DatabaseError where one points nowhere."""
        with self._engine.execution_options(writes="FULL").connect() as connection:
            sqlite = self.dialect == "sqlite"
            raw = connection.connection.driver_connection
            if sqlite and raw is not None:
                raw.execute("PRAGMA foreign_keys=OFF")  # does nothing inside a transaction
            try:
                with connection.begin():
                    if not sqlite:
                        connection.execute(
                            text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK}
                        )
                    yield connection
                    broken = (
                        connection.exec_driver_sql("PRAGMA foreign_key_check").first() if sqlite else None
                    )
                    if broken:
                        raise DatabaseError(
                            f"rows of {broken[0]} would name none of {broken[2]}; nothing was changed"
                        )
            finally:
                if sqlite and raw is not None:
                    raw.execute("PRAGMA foreign_keys=ON")

    @property
    def name(self) -> str:
        """The URL without its password."""
        return self._engine.url.render_as_string()

    def state(self) -> "State":
        """Whether the tables are there and of this version; changes nothing. Raises SQLAlchemy's errors."""
        from refundlens.serving.storage.migrate import revisions

        with self._engine.connect() as connection:
            return State(*revisions(connection))

    def close(self) -> None:
        self._engine.dispose()


def sqlite_file(folder: Path) -> Path:
    """The embedded database of a data folder."""
    return folder / "refundlens.db"


def sqlite_url(folder: Path) -> str:
    return f"sqlite:///{sqlite_file(folder)}"


def _engine(url: str) -> Engine:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise DatabaseError(
            "REFUNDLENS_DATABASE_URL is no database URL; write sqlite:///folder/file.db or "
            "postgresql+psycopg://user:password@host/name"
        ) from error
    try:
        if parsed.get_backend_name() == "sqlite":
            if parsed.database:
                Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
            engine = create_engine(
                parsed, hide_parameters=True, connect_args={"timeout": BUSY_SECONDS}, pool_size=POOL
            )
            event.listen(engine, "connect", _on_sqlite_connect)
            event.listen(engine, "begin", _on_sqlite_begin)
            return engine
        if parsed.drivername in ("postgresql", "postgres"):  # without a driver: the one we have
            parsed = parsed.set(drivername="postgresql+psycopg")
        return create_engine(parsed, hide_parameters=True, pool_size=POOL, pool_pre_ping=True)
    except ModuleNotFoundError as error:
        message = f"{error.name} is not installed; for PostgreSQL: {how_to_install('postgres')}"
        raise DatabaseError(message) from error


def _on_sqlite_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we say BEGIN ourselves
    for pragma in (
        "journal_mode=WAL",  # readers and the writer do not wait for each other
        "foreign_keys=ON",
        f"busy_timeout={BUSY_SECONDS * 1000}",
        "cell_size_check=ON",  # a damaged page is told as one where it is read
    ):
        connection.execute(f"PRAGMA {pragma}")


def _on_sqlite_begin(connection: Connection) -> None:
    mode = connection.get_execution_options().get("writes")
    if mode is None:
        connection.exec_driver_sql("BEGIN")
        return
    # what was answered is on disk, even when the power fails; NORMAL leaves the moment to SQLite
    connection.exec_driver_sql(f"PRAGMA synchronous={mode}")
    connection.exec_driver_sql("BEGIN IMMEDIATE")
