"""Runs Alembic's migrations on an open connection, inside its transaction.

A new one is written by `serving.storage.new_migration`.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

SEARCH = ("report_search", "ix_report_text_grams")
FOLDER = Path(__file__).parent / "migrations"


def upgrade(connection: Connection, revision: str = "head") -> None:
    command.upgrade(alembic_config(connection), revision)


def downgrade(connection: Connection, revision: str) -> None:
    command.downgrade(alembic_config(connection), revision)


def revisions(connection: Connection) -> tuple[str | None, str | None]:
    """The database's revision, and the newest there is."""
    newest = ScriptDirectory.from_config(alembic_config(None)).get_current_head()
    return MigrationContext.configure(connection).get_current_revision(), newest


def declared_here(name: str | None, kind: str, _parents: object) -> bool:
    """Whether a table or an index is one that classes declare. What a search's index is made of on one database alone,
    migrations make and no class can say."""
    return name is None or not (kind in ("table", "index") and name.startswith(SEARCH))


def alembic_config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
