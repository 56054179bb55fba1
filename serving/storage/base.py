"""What all tables share: the registry, names of constraints, times that keep their zone on every database, and indexes
of some rows only."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, DateTime, Index, MetaData, String, text
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.types import TypeDecorator

ID = String(40)
"""A prefixed id of `serving.kit.ids`: at most four letters, an underscore and 26 characters; with room to grow."""
DIGEST = String(64)
"""SHA-256 in hexadecimal."""


def partial(name: str, *columns: str, where: str) -> Index:
    """An index of the rows of which `where` (SQL that both databases know) holds: small, and untouched by the others. A
    query uses it where it asks for no other rows, in words the database understands: `x <= :now` says x is not null."""
    return Index(name, *columns, sqlite_where=text(where), postgresql_where=text(where))


class UtcTime(TypeDecorator[datetime]):
    """A moment, with a zone going in and UTC coming out. SQLite has no zones: text in UTC, which sorts by time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone; use the service's clock")
        moment = value.astimezone(UTC)
        return moment.replace(tzinfo=None) if dialect.name == "sqlite" else moment

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """Every table."""

    type_annotation_map = {datetime: UtcTime, dict[str, Any]: JSON, list[str]: JSON, list[int]: JSON}  # noqa: RUF012
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
