"""Runs Alembic's migrations on an open connection, inside its transaction.

A new one: change the tables, then `python -m refundlens.serving.storage.migrate "what changed"` writes
serving/storage/migrations/versions/NNNN_what_changed.py from the difference; read it before you commit it.
"""

import re
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

FOLDER = Path(__file__).parent / "migrations"


def upgrade(connection: Connection, revision: str = "head") -> None:
    command.upgrade(_config(connection), revision)


def downgrade(connection: Connection, revision: str) -> None:
    command.downgrade(_config(connection), revision)


def revisions(connection: Connection) -> tuple[str | None, str | None]:
    """The database's revision, and the newest there is."""
    newest = ScriptDirectory.from_config(_config(None)).get_current_head()
    return MigrationContext.configure(connection).get_current_revision(), newest


def write(message: str) -> Path:
    """A migration from the newest one to the tables as declared."""
    from refundlens.serving.storage.database import Database

    scripts = ScriptDirectory.from_config(_config(None))
    number = f"{len(list(scripts.walk_revisions())) + 1:04}"
    slug = re.sub(r"\W+", "_", message.lower()).strip("_")
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/empty.db")
        database.migrate()
        with database._engine.begin() as connection:
            command.revision(_config(connection), message, autogenerate=True, rev_id=number)
        database.close()
    return next(FOLDER.glob(f"versions/{number}_{slug}*.py"))


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


if __name__ == "__main__":
    print(write(sys.argv[1]))
