"""Runs Alembic's migrations on an open connection, inside its transaction.

A new one: change the tables, then `python -m refundlens.serving.storage.migrate "what changed"` writes
serving/storage/migrations/versions/NNNN_what_changed.py from the difference; read it before you commit it.
"""

import sys
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from refundlens.serving.storage.new_migration import write

FOLDER = Path(__file__).parent / "migrations"


def upgrade(connection: Connection, revision: str = "head") -> None:
    command.upgrade(_config(connection), revision)


def downgrade(connection: Connection, revision: str) -> None:
    command.downgrade(_config(connection), revision)


def revisions(connection: Connection) -> tuple[str | None, str | None]:
    """The database's revision, and the newest there is."""
    newest = ScriptDirectory.from_config(_config(None)).get_current_head()
    return MigrationContext.configure(connection).get_current_revision(), newest


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


if __name__ == "__main__":
    print(write(sys.argv[1]))
