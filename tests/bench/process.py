"""A server under measurement: started, watched and stopped, with every process it makes.

In: a command. Out: seconds until ready, processor time, memory. Read from /proc, so on Linux only.
"""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

PROC = Path("/proc")
SAMPLE_SECONDS = 1.0
"""Between two looks at a server's memory: reading it costs the machine some milliseconds a process."""
POLL_SECONDS = 0.05
"""Between two questions whether a server is ready; the error of a cold start's time."""
STOP_SECONDS = 15.0
"""How long a server may take to end when asked to, before it is killed."""
LAST_WORDS = 800
"""Characters of a server's log that an error shows."""


ROOT = Path(__file__).parents[2]
"""The checkout: `python -m tests.bench…` finds itself from here."""


class ServerFailed(RuntimeError):
    """A server that did not start, or ended; the message has the end of its log."""


class ServerProcess:
    """A running server. Use as a context manager: it is stopped at the end, whatever happens."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._began = time.monotonic()
        self._process = subprocess.Popen(
            command,
            env=environment,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            start_new_session=True,  # so that all it started can be stopped with it
        )
        self.peak_mb = 0.0
        self.memory: list[tuple[float, float]] = []
        """(seconds since its start, megabytes of the whole tree) every second; pages shared between processes count
        once."""
        self._stopped = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="memory", daemon=True)
        self._watcher.start()

    def __enter__(self) -> "ServerProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def wait(self, ready: Callable[[], bool], patience: float) -> float:
        """Seconds from its start until `ready`. Raises ServerFailed where it ends before or takes too long."""
        while not ready():
            if self._process.poll() is not None:
                raise ServerFailed(f"it ended with status {self._process.returncode}: {self.words()}")
            if time.monotonic() - self._began > patience:
                raise ServerFailed(f"it was not ready after {patience:.0f} s: {self.words()}")
            time.sleep(POLL_SECONDS)
        return time.monotonic() - self._began

    def processor_seconds(self) -> float:
        """Processor time of the tree so far, user and system, ended children that were waited for included."""
        ticks = sum(_ticks(pid) for pid in _tree(self._process.pid))
        return ticks / os.sysconf("SC_CLK_TCK")

    def processes(self) -> int:
        return len(_tree(self._process.pid))

    def hang_up(self) -> None:
        """SIGHUP, to the server itself only."""
        self._process.send_signal(signal.SIGHUP)

    def alive(self) -> bool:
        return self._process.poll() is None

    def words(self) -> str:
        """The end of its log."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace").strip()[-LAST_WORDS:]

    def stop(self) -> None:
        """Ask it to end, then make it end."""
        self._stopped.set()
        self._watcher.join()
        descendants = _tree(self._process.pid)
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        for pid in descendants[1:]:
            _kill(pid, self._began)
        self._log.close()

    def _watch(self) -> None:
        while not self._stopped.wait(SAMPLE_SECONDS):
            now = sum(_proportional_mb(pid) for pid in _tree(self._process.pid))
            self.peak_mb = max(self.peak_mb, now)
            self.memory.append((time.monotonic() - self._began, now))


def supported() -> bool:
    """Whether processor time and memory of a tree of processes can be read here."""
    return sys.platform == "linux" and (PROC / "self/smaps_rollup").exists()


def _tree(root: int) -> list[int]:
    """A process and all that descend from it, the process first."""
    found, pending = [], [root]
    while pending:
        pid = pending.pop()
        found.append(pid)
        for children in (PROC / str(pid) / "task").glob("*/children"):
            try:
                pending.extend(int(child) for child in children.read_text().split())
            except OSError:  # a thread that has just ended
                continue
    return found


def _ticks(pid: int) -> int:
    """utime, stime, and those of children that were waited for: fields 14 to 17 of /proc/PID/stat."""
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return sum(int(value) for value in fields[11:15])


def _proportional_mb(pid: int) -> float:
    """Proportional set size: resident pages, each divided by the processes that share it."""
    try:
        lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) * 1024 / 1e6 for line in lines if line.startswith("Pss:")), 0.0)


def _kill(pid: int, began: float) -> None:
    """End what a stopped server has left behind. A process younger than the server only: numbers are used again."""
    try:
        fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        started = int(fields[19]) / os.sysconf("SC_CLK_TCK")
        if started >= began - 1 and fields[0] != "Z":
            os.kill(pid, signal.SIGKILL)
    except (OSError, IndexError):
        return
