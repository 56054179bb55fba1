"""Whether this process can do all of its work: database, disk, worker and model, each looked at and not assumed.

In: the application. Out: what is wrong with each part, in words for whoever runs it; nothing where all is well. Looked
at most once a second, on a thread, however often it is asked for; a part that does not answer in time is not ready.
"""

import asyncio
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from refundlens.serving.storage.database import Database
from refundlens.serving.storage.faults import storage_fault

KEPT_SECONDS = 1.0
"""How long what was found is told again: probes of several balancers cost one look."""
PATIENCE = 3.0
"""Seconds in which a part has to answer; a database that is away takes longer."""
LEAST_FREE = 100_000_000
"""Bytes on the disk below which no more work is asked for: some thousand detections with their maps."""
_PROBE_BYTES = 4_096

Check = Callable[[], None]
"""Raises what is wrong."""


class Readiness:
    """checks: by the part's name. Used from the event loop only."""

    def __init__(self, checks: Mapping[str, Check]) -> None:
        self._checks = dict(checks)
        self._running: dict[str, asyncio.Future[None]] = {}
        self._found: dict[str, str] = {}
        self._looked = -KEPT_SECONDS
        self._turn = asyncio.Lock()

    async def look(self) -> dict[str, str]:
        """What is wrong, by part; `ok` where nothing is."""
        async with self._turn:
            if time.monotonic() - self._looked >= KEPT_SECONDS:
                told = await asyncio.gather(*(self._one(name) for name in self._checks))
                self._found = dict(zip(self._checks, told, strict=True))
                self._looked = time.monotonic()
        return self._found

    async def _one(self, name: str) -> str:
        """A check that hangs is waited for again, not started again: it would take thread after thread."""
        running = self._running.get(name)
        if running is None or running.done():
            running = self._running[name] = asyncio.ensure_future(asyncio.to_thread(self._checks[name]))
            running.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            async with asyncio.timeout(PATIENCE):
                await asyncio.shield(running)
        except TimeoutError:
            return f"does not answer within {PATIENCE:.0f} s"
        except Exception as error:
            fault = storage_fault(error)
            return fault.advice if fault else " ".join(str(error).split())[:200] or type(error).__name__
        return "ok"


def database_answers(database: Database) -> Check:
    """Raises SQLAlchemy's errors."""
    return database.ping


def disk_takes(folder: Path) -> Check:
    """That there is space, and that the folder can be written to. Raises OSError."""

    def check() -> None:
        free = shutil.disk_usage(folder).free
        if free < LEAST_FREE:
            raise OSError(
                f"{free / 1e6:.0f} MB are free in the data folder; at least {LEAST_FREE / 1e6:.0f} are needed"
            )
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_PROBE_BYTES))
            file.flush()

    return check


def said(problem: Callable[[], str | None]) -> Check:
    """A part that knows by itself what is wrong with it. Raises RuntimeError with what it says."""

    def check() -> None:
        told = problem()
        if told is not None:
            raise RuntimeError(told)

    return check
