"""Starts the service's processes and kills them without a word.

In: where each listens and with which variables. Out: processes that answer, or are gone with their whole group.
"""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import httpx

ROOT = Path(__file__).parents[2]
LONGEST_START = 300.0
"""Seconds after which a start has failed; a cold one on a busy core takes twenty, on a very busy one ten times that."""


class Launcher(Protocol):
    def start(self, port: int, log: Path, variables: dict[str, str]) -> int:
        """The new process's id; it leads its process group."""

    def lives(self, pid: int) -> bool:
        """Whether anything is left of it: the last of its threads holds the port until it is gone."""

    def close(self) -> None: ...


class Cold:
    """A new interpreter each time, as an operator starts it: `python -m refundlens.serving.cli.main serve`."""

    def __init__(self, workers: int = 1) -> None:
        self._workers = workers
        self._children: dict[int, subprocess.Popen[bytes]] = {}

    def start(self, port: int, log: Path, variables: dict[str, str]) -> int:
        command = [
            sys.executable,
            "-m",
            "refundlens.serving.cli.main",
            "serve",
            "--port",
            str(port),
            "--workers",
            str(self._workers),
        ]
        with log.open("ab") as file:
            child = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**os.environ, **variables},
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                start_new_session=True,
            )
        self._children[child.pid] = child
        return child.pid

    def lives(self, pid: int) -> bool:
        return self._children[pid].poll() is None

    def close(self) -> None:
        for child in self._children.values():
            child.wait()


class Forked:
    """A fork of a process that has imported everything (`nursery`): a tenth of the time, the same code."""

    def __init__(self) -> None:
        self._parent = subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.nursery"],
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def start(self, port: int, log: Path, variables: dict[str, str]) -> int:
        assert self._parent.stdin is not None and self._parent.stdout is not None
        self._parent.stdin.write(json.dumps({"port": port, "log": str(log), "variables": variables}) + "\n")
        self._parent.stdin.flush()
        return int(self._parent.stdout.readline())

    def lives(self, pid: int) -> bool:
        return Path(f"/proc/{pid}").exists()

    def close(self) -> None:
        assert self._parent.stdin is not None
        self._parent.stdin.close()
        self._parent.wait()


class Service:
    """One place where a process of the service runs, dies and runs again."""

    def __init__(self, launcher: Launcher, port: int, log: Path, variables: dict[str, str]) -> None:
        self._launcher, self._port, self._log, self._variables = launcher, port, log, variables
        self._pid: int | None = None
        self.base = f"http://127.0.0.1:{port}"

    @property
    def pid(self) -> int | None:
        """Of the process that runs."""
        return self._pid

    @property
    def runs(self) -> bool:
        return self._pid is not None

    def start(self) -> None:
        """Does not wait for it to answer."""
        if self._pid is None:
            self._pid = self._launcher.start(self._port, self._log, self._variables)

    def wait(self, path: str = "/healthz") -> None:
        """Until it answers there with 200. Raises TimeoutError."""
        ends = time.monotonic() + LONGEST_START
        while time.monotonic() < ends and self._pid is not None and self._launcher.lives(self._pid):
            try:
                if httpx.get(self.base + path, timeout=5).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.01)
        raise TimeoutError(f"the service did not start; see {self._log}")

    def metrics(self) -> str:
        """Its counters as Prometheus reads them; empty where it does not answer."""
        try:
            return httpx.get(self.base + "/metrics", timeout=5).text
        except httpx.TransportError:
            return ""

    def hang_up(self) -> None:
        """SIGHUP: look at the model's file again."""
        if self._pid is not None and self.answers():
            with suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGHUP)

    def answers(self) -> bool:
        """Whether it listens, and so has its signals' handlers."""
        try:
            return httpx.get(self.base + "/healthz", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    @property
    def fell(self) -> bool:
        """Whether it ended, and nobody killed it."""
        return self._pid is not None and not self._launcher.lives(self._pid)

    def kill(self) -> None:
        """SIGKILL to the whole group: nothing in it can put anything in order."""
        if self._pid is not None:
            with suppress(ProcessLookupError):  # it has ended by itself; the log says why
                os.killpg(self._pid, signal.SIGKILL)
            while self._launcher.lives(self._pid):
                time.sleep(0.001)
            self._pid = None
