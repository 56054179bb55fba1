"""What is wrong when the database or the disk does not do its work, told by the system's and the drivers' own codes.

In: an exception. Out: the kind of fault, and what to do about it in a sentence; none for errors that are no fault of
theirs.
"""

import errno
import sqlite3
from enum import StrEnum

from sqlalchemy.exc import DBAPIError

DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
_SQLITE = {
    sqlite3.SQLITE_FULL: "full",
    sqlite3.SQLITE_CORRUPT: "corrupt",
    sqlite3.SQLITE_NOTADB: "corrupt",
    sqlite3.SQLITE_IOERR: "corrupt",  # a file that was cut off, or a disk that fails
}
_POSTGRESQL = {"53100": "full", "XX001": "corrupt", "XX002": "corrupt"}
"""SQLSTATE: disk_full, data_corrupted, index_corrupted."""
_PRIMARY = 0xFF
"""The bits of an SQLite code that tell its kind; the others tell more about it."""


class StorageFault(StrEnum):
    """full: nothing was written; corrupt: what was stored cannot be trusted."""

    FULL = "full"
    CORRUPT = "corrupt"

    @property
    def advice(self) -> str:
        """For whoever runs the service."""
        if self is StorageFault.FULL:
            return "the disk is full; free some space and try again: nothing that was answered before is lost"
        return (
            "the database is damaged; stop the service, keep the file for a look at it, and restore the last backup "
            "(docs/database.md); `refundlens doctor` and `refundlens audit verify` tell whether what is there is whole"
        )


def storage_fault(error: BaseException) -> StorageFault | None:
    """The fault behind an error, or behind what it came from."""
    seen: BaseException | None = error
    while seen is not None:
        found = _fault(seen)
        if found is not None:
            return found
        seen = seen.__cause__
    return None


def _fault(error: BaseException) -> StorageFault | None:
    kind: str | None = None
    if isinstance(error, OSError) and error.errno in DISK_FULL:
        kind = "full"
    elif isinstance(error, DBAPIError) and error.orig is not None:
        return _fault(error.orig)
    elif isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None)
        kind = _SQLITE.get(code & _PRIMARY) if code is not None else None
        if kind is None and "no such table" in str(error):  # a file that was cut off, or taken away
            kind = "corrupt"
    else:
        kind = _POSTGRESQL.get(getattr(error, "sqlstate", None) or "")
    return None if kind is None else StorageFault(kind)
