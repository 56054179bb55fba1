"""The service of the month, people who label, and callers who never stop."""

import base64
import os
import signal
import socket
import subprocess
import sys
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

KEYS = {"engineer": "key-month-engineer", "merchant": "key-month-merchant"}
PATIENCE = 180.0


def verb(*arguments: object, variables: dict[str, str], allowed: tuple[int, ...] = (0,)) -> str:
    """Run a verb of the command line as an operator does; what it printed. Raises RuntimeError with its complaint."""
    command = [sys.executable, "-m", "refundlens.serving.cli.main", *map(str, arguments)]
    done = subprocess.run(
        command, env={**os.environ, **variables}, capture_output=True, text=True, check=False
    )
    if done.returncode not in allowed:
        raise RuntimeError(f"refundlens {' '.join(command[3:6])}: {done.returncode}\n{done.stderr[-3000:]}")
    return done.stdout.strip()


@contextmanager
def serving(data: Path, bundle: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """(address, variables) of a service on a free port, ended with the block."""
    with socket.create_server(("127.0.0.1", 0)) as door:
        port = door.getsockname()[1]
    keys = f"engineer:eve:{KEYS['engineer']},merchant:shop:{KEYS['merchant']}"
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


def client(base: str, role: str) -> httpx.Client:
    return httpx.Client(base_url=base, headers={"Authorization": f"Bearer {KEYS[role]}"}, timeout=120)


def label_dispute(base: str, photo: bytes, truth: str, number: int) -> None:
    """A refund with this photo is mirrored, and a person says what it is."""
    picture = {"name": "claim.jpg", "data": base64.b64encode(photo).decode()}
    body = {"amount": {"value": 12800, "currency": "CNY"}, "buyer": f"buyer-{number}",
            "claim": {"type": "hole", "text": "There is a hole in it."}, "images": {"refund": [picture]}}  # fmt: skip
    with client(base, "merchant") as shop, client(base, "engineer") as eve:
        answer = shop.put(f"/v1/refunds/month-{number}", json=body)
        answer.raise_for_status()
        label = {"image_id": answer.json()["images"][0]["id"], "truth": truth}
        eve.post("/v1/labels", json=label, headers={"Idempotency-Key": str(uuid.uuid4())}).raise_for_status()


@dataclass
class Callers:
    """Callers who send photos one after another and write down what they got. versions: by model version."""

    base: str
    photos: list[bytes]
    count: int = 2
    statuses: Counter[str] = field(default_factory=Counter)
    versions: Counter[str] = field(default_factory=Counter)
    longest: float = 0.0
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
                self.longest = max(self.longest, time.monotonic() - began)
                number += self.count


def _headers() -> dict[str, str]:
    return {"Content-Type": "image/jpeg", "Idempotency-Key": str(uuid.uuid4())}
