"""Fills a database with `tests.load.rows`: bulk inserts first, indexes afterwards.

In: a database that `serving` has migrated. Out: the same with so many reports, an endpoint or three for webhooks, and
the chains' ends where the audit rows end. Nothing is asked to be safe meanwhile: throw away what was cut off.
"""

from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, Index, select, text, update
from sqlalchemy.schema import CreateIndex, DropIndex

from refundlens.serving.events import audit
from refundlens.serving.storage.base import Base
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.tables import Chain, Report, Tenant, WebhookEndpoint
from tests.load.rows import COLUMNS, NOW, SECOND, TENANTS, Maker, endpoints


def is_filled(database: Database) -> bool:
    with database.reading() as session:
        return session.execute(select(Report.id).limit(1)).first() is not None


def fill(
    database: Database, reports: int, seed: int = 1, tell: Callable[[int], None] = lambda done: None
) -> None:
    """tell: called with the number of reports after each batch."""
    with database.transaction() as session:
        session.add(Tenant(id=SECOND, name="second", settings={}, created_at=NOW))
        session.flush()
        audit.start(session, SECOND)
        for tenant in dict.fromkeys(TENANTS):
            session.add_all(_endpoint(tenant, key) for key in endpoints(tenant))
        session.flush()
        chains = session.execute(
            select(Chain.tenant_id, Chain.length, Chain.hash)
        )  # the service's start has written rows, too
        maker = Maker(reports, seed, {tenant: (length, end) for tenant, length, end in chains})
    database._engine.dispose()  # SQLite leaves WAL mode only when nobody else is there
    indexes = [index for name in COLUMNS for index in Base.metadata.tables[name].indexes]
    with database._engine.connect() as connection:
        _begin(connection)
        for index in indexes:
            connection.execute(DropIndex(index))
        done = 0
        for rows in maker.batches():
            for table in COLUMNS:  # in the order of their foreign keys
                _insert(connection, table, rows.get(table, []))
            done += len(rows["report"])
            tell(done)
        for index in sorted(indexes, key=_name):
            connection.execute(CreateIndex(index))
        for tenant, (length, end) in maker.chains.items():
            connection.execute(update(Chain).where(Chain.tenant_id == tenant).values(length=length, hash=end))
        connection.commit()
    _settle(database)


def _endpoint(tenant: str, key: str) -> WebhookEndpoint:
    return WebhookEndpoint(
        id=key, tenant_id=tenant, version=1, url=f"https://{key.replace('_', '-')}.example/hook", created_at=NOW,
        updated_at=NOW,
    )  # fmt: skip


def _name(index: Index) -> str:
    return str(index.name)


def _begin(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":
        driver = connection.connection.driver_connection
        assert driver is not None
        # a crash loses the file; foreign keys hold by construction
        for pragma in ("synchronous=OFF", "foreign_keys=OFF", "cache_size=-500000", "journal_mode=OFF"):
            driver.execute(f"PRAGMA {pragma}")
    else:
        connection.execute(text("SET TIME ZONE 'UTC'"))
        connection.execute(text("SET maintenance_work_mem = '512MB'"))


def _insert(connection: Connection, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
    if not rows:
        return
    columns = ", ".join(f'"{name}"' for name in COLUMNS[table])
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        places = ", ".join("?" * len(COLUMNS[table]))
        driver.executemany(f"INSERT INTO {table} ({columns}) VALUES ({places})", rows)
        return
    with driver.cursor() as cursor, cursor.copy(f"COPY {table} ({columns}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _settle(database: Database) -> None:
    """As the database is after a quiet minute: SQLite in WAL mode again, PostgreSQL vacuumed and analysed."""
    database._engine.dispose()
    if database.dialect == "postgresql":
        with database._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM ANALYZE"))
