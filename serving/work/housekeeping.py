"""What is done every hour: photos past their keeping, unclaimed files, answers and sessions that have ended.

In: the job that every database has once. Out: the same job, an hour later.
"""

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from serving.buyers.retention import erase_old_photos, sweep_unclaimed
from serving.db.session import Database
from serving.db.tables import ConsoleSession, Job, StoredAnswer
from serving.files import FileStore
from serving.ids import make_id
from serving.rest.once import LIFETIME
from serving.settings import Settings
from serving.work.leases import Taken, finish

KIND, REF = "tidy", "all"
EVERY = timedelta(hours=1)


def tidy(database: Database, files: FileStore, settings: Settings, now: datetime, job: Taken) -> None:
    """Raises LeaseLost, OSError."""
    photos = 1
    while photos:  # a batch a transaction, so that nobody waits long for the lock
        with database.transaction() as session:
            photos = erase_old_photos(session, files, now, settings)
    with database.reading() as session:
        sweep_unclaimed(session, files, now)
    with database.transaction() as session:
        finish(session, job)
        _forget(session, now)
        session.add(
            Job(id=make_id("job", now), kind=KIND, ref=REF, data={}, due_at=now + EVERY, created_at=now)
        )


def _forget(session: Session, now: datetime) -> None:
    session.execute(delete(StoredAnswer).where(StoredAnswer.created_at < now - LIFETIME))
    session.execute(delete(ConsoleSession).where(ConsoleSession.expires_at < now))
