"""Writes a migration from the newest one to the tables as declared.

Change the tables, then `python -m refundlens.serving.storage.new_migration "what changed"` writes
serving/storage/migrations/versions/NNNN_what_changed.py from the difference; read it before you commit it.
"""

import re
import sys
import tempfile
from pathlib import Path

from alembic import command
from alembic.script import ScriptDirectory

from refundlens.serving.storage.database import Database
from refundlens.serving.storage.migrate import FOLDER, alembic_config


def write(message: str) -> Path:
    """A migration from the newest one to the tables as declared."""
    scripts = ScriptDirectory.from_config(alembic_config(None))
    number = f"{len(list(scripts.walk_revisions())) + 1:04}"
    slug = re.sub(r"\W+", "_", message.lower()).strip("_")
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/empty.db")
        database.migrate()
        with database._engine.begin() as connection:
            command.revision(alembic_config(connection), message, autogenerate=True, rev_id=number)
        database.close()
    return next(FOLDER.glob(f"versions/{number}_{slug}*.py"))


if __name__ == "__main__":
    print(write(sys.argv[1]))
