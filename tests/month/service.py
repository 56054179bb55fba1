"""The service of the month, people who label, and callers who never stop."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.support.ports import free_port

SHOP, JUDGES = "shop", ("ann", "bob", "cid")
ROLES = {"engineer": "engineer", "admin": "admin", SHOP: "merchant", **dict.fromkeys(JUDGES, "adjudicator")}
KEYS = {name: f"key-of-the-month-for-{name}" for name in ROLES}
PATIENCE = 900.0
"""Seconds: on a machine that others use, too."""
RESTING = 3.0
"""Of callers whose service has other things to do: times as long as the last answer took."""


def verb(
    *arguments: object, variables: dict[str, str], allowed: tuple[int, ...] = (0,), log: Path | None = None
) -> str:
    """Run a verb of the command line as an operator does; what it printed. log: where its progress goes. Raises
    RuntimeError with its complaint."""
    command = [sys.executable, "-m", "refundlens.serving.cli.main", *map(str, arguments)]
    with log.open("a+b") if log else tempfile.TemporaryFile() as complaints:
        done = subprocess.run(
            command, env={**os.environ, **variables}, stdout=subprocess.PIPE, stderr=complaints, check=False
        )
        complaints.seek(0)
        said = complaints.read().decode(errors="replace")
    if done.returncode not in allowed:
        raise RuntimeError(f"refundlens {' '.join(command[3:6])}: {done.returncode}\n{said[-3000:]}")
    return done.stdout.decode().strip()


@contextmanager
def serving(data: Path, bundle: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """(address, variables) of a service on a free port, ended with the block."""
    port = free_port()
    keys = ",".join(f"{role}:{name}:{KEYS[name]}" for name, role in ROLES.items())
    variables = {"REFUNDLENS_DATA_DIR": str(data), "REFUNDLENS_BUNDLE": str(bundle), "REFUNDLENS_API_KEYS": keys,
                 "REFUNDLENS_DEMO": "false", "REFUNDLENS_RATE_LIMIT": "100000"}  # fmt: skip
    command = [sys.executable, "-m", "refundlens.serving.cli.main", "serve", "--port", str(port)]
    data.mkdir(parents=True, exist_ok=True)
    with (data / "service.log").open("ab") as log:
        child = subprocess.Popen(
            command, env={**os.environ, **variables}, stdout=log, stderr=log, start_new_session=True
        )
    base = f"http://127.0.0.1:{port}"
    try:
        until("the service", lambda: _ready(base))
        yield base, variables
    finally:
        os.killpg(child.pid, signal.SIGTERM)
        child.wait(60)


def _ready(base: str) -> bool:
    try:
        return httpx.get(f"{base}/readyz", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def until(what: str, look: Any) -> Any:
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        found = look()
        if found:
            return found
        time.sleep(0.3)
    raise TimeoutError(f"{what} did not come within {PATIENCE:.0f} s")


def client(base: str, who: str) -> httpx.Client:
    return httpx.Client(base_url=base, headers={"Authorization": f"Bearer {KEYS[who]}"}, timeout=120)


@dataclass
class Callers:
    """Callers who send photos one after another and write down what they got. versions: by model version. rest: how
    long each waits before the next one, in times of the last answer's."""

    base: str
    photos: list[bytes]
    count: int = 2
    statuses: Counter[str] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    longest: float = 0.0
    rest: float = 0.0
    _stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def calling(self) -> Iterator["Callers"]:
        threads = [threading.Thread(target=self._call, args=(start,)) for start in range(self.count)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._stop.set()
            for thread in threads:
                thread.join()

    def _call(self, start: int) -> None:
        with client(self.base, "engineer") as http:
            number = start
            while not self._stop.is_set():
                # a byte after the end of the picture makes it another file: no stored answer
                photo = self.photos[number % len(self.photos)] + number.to_bytes(4, "big")
                began = time.monotonic()
                try:
                    answer = http.post("/v1/detect", content=photo, headers=_headers())
                    self.statuses[str(answer.status_code)] += 1
                    if answer.status_code == 200:
                        self.versions[answer.json()["detections"][0]["model"]["version"]] += 1
                except httpx.HTTPError as error:
                    self.statuses[type(error).__name__] += 1
                seconds = time.monotonic() - began
                self.longest = max(self.longest, seconds)
                number += self.count
                self._stop.wait(self.rest * seconds)


def _headers() -> dict[str, str]:
    return {"Content-Type": "image/jpeg", "Idempotency-Key": str(uuid.uuid4())}
