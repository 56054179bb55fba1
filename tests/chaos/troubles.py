"""What happens to machines besides sudden death: the database stops, the disk fills, clocks jump, the model's file is
damaged. All of it under load, and over after a while.

In: where the run keeps its things, and its services. Out: nothing; what was lost or doubled is looked for at the end,
as after kills (`run`).
"""

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.chaos.services import Service

LASTING = 2.0
"""Seconds of each trouble: long enough that clients meet it."""
JUMP = 40.0
"""Seconds that the clocks jump forward, and back again: more than every lease and appeal window of a run."""
DISK_MB = 48
"""Of the file system that photos and maps are kept on."""


class DatabaseServer(Protocol):
    def stop(self) -> None: ...

    def start(self) -> None: ...


@dataclass(frozen=True)
class Machine:
    """data: the services' data folder, a file system of its own. clock: a file with the seconds by which their clocks
    are wrong. bundle: their model's file. database: none for SQLite, which is no server."""

    data: Path
    clock: Path
    bundle: Path
    database: DatabaseServer | None
    services: Sequence[Service]

    def database_stops(self) -> None:
        assert self.database is not None
        self.database.stop()
        time.sleep(LASTING)
        self.database.start()

    def disk_fills(self) -> None:
        ballast = self.data / "ballast"
        with suppress(OSError), ballast.open("wb") as file:  # it raises where the disk is full, at the latest
            while True:
                file.write(bytes(100_000))
                file.flush()
        time.sleep(LASTING)
        ballast.unlink(missing_ok=True)

    def clocks_jump(self) -> None:
        self.clock.write_text(str(JUMP))
        time.sleep(LASTING)
        self.clock.write_text("0")

    def model_is_damaged(self) -> None:
        """Under those who run, who are told to look, and under one who starts meanwhile."""
        whole = self.bundle.read_bytes()
        self._renew(whole[: len(whole) // 2] + bytes(100))
        last = self.services[-1]
        last.kill()
        last.start()
        time.sleep(LASTING)
        last.kill()
        self._renew(whole)
        last.start()

    def _renew(self, content: bytes) -> None:
        self.bundle.write_bytes(content)
        for service in self.services:
            service.hang_up()

    def troubles(self) -> tuple[Callable[[], None], ...]:
        always = (self.disk_fills, self.clocks_jump, self.model_is_damaged)
        return always if self.database is None else (self.database_stops, *always)


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """The folder as a file system of its own that can be filled. Raises OSError where this may not mount any."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as over:
        command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "tmpfs", str(folder)]
        if os.geteuid() or subprocess.run(command, capture_output=True).returncode:
            raise OSError(f"{folder} cannot be mounted: run as root, where mounting is allowed")
        over.callback(subprocess.run, ["umount", "--lazy", str(folder)], check=False)
        yield folder
