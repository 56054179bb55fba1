"""Sends a load from a process of its own and notes what came back, request by request.

In: a `Plan` as JSON on standard input. Out: a list of `Sample` as JSON on standard output. Latency counts from the
moment a request was due, not from when it was sent: a server that stops the client from sending cannot hide that.
"""

import asyncio
import hashlib
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from refundlens.serving.settings import environment
from tests.bench.photos import mark, spoil
from tests.bench.process import ROOT
from tests.bench.wire import Connection

RETRY_PAUSE = 0.05
"""Seconds a closed-loop client waits after a refusal or an error: a caller that hammered on would measure nothing but
its own speed."""
SLACK = 30.0
"""Seconds that a client process may need beyond its plan, for starting and writing."""


class Sample(NamedTuple):
    """One request. Times in seconds since the load began. status: 0 where no answer came. model: first digits of the
    model's hash, where the server tells it."""

    photo: int
    bad: bool
    due: float
    sent: float
    ended: float
    status: int
    probability: float | None
    right_file: bool
    error: str | None
    model: str | None


@dataclass(frozen=True)
class Plan:
    """A load. clients: closed loop with so many, each sending when it has its answer; 0: open loop, `rate` photos a
    second as a Poisson process. deadline: seconds the caller waits, told to the server; none = not told. bad_share:
    share of requests that are no photo. timeout: seconds until an unanswered request is given up as lost."""

    host: str
    port: int
    path: str
    photos: tuple[str, ...]
    seconds: float
    clients: int = 0
    rate: float = 0.0
    deadline: float | None = None
    timeout: float = 10.0
    seed: int = 0
    bad_share: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)


def send(plan: Plan) -> list[Sample]:
    """Run a plan in a child process. Raises RuntimeError with the child's words where it fails."""
    return finish(begin(plan), plan)


def begin(plan: Plan) -> "subprocess.Popen[str]":
    """Start a plan's process, for those who do something else meanwhile."""
    command = [sys.executable, "-m", "tests.bench.client"]
    pipe = subprocess.PIPE
    process = subprocess.Popen(
        command, env=environment(PYTHONPATH=str(ROOT)), stdin=pipe, stdout=pipe, stderr=pipe, text=True
    )
    assert process.stdin is not None
    process.stdin.write(json.dumps(asdict(plan)))
    process.stdin.close()
    process.stdin = None  # communicate() would flush it again
    return process


def finish(process: "subprocess.Popen[str]", plan: Plan) -> list[Sample]:
    """The samples of a plan that was begun. Raises RuntimeError as `send` does."""
    try:
        out, err = process.communicate(timeout=plan.seconds + plan.timeout + SLACK)
    except subprocess.TimeoutExpired as error:
        process.kill()
        raise RuntimeError("the load's process did not end in time") from error
    if process.returncode:
        words = err.strip().splitlines() or [f"status {process.returncode}"]
        raise RuntimeError(f"the load's process failed: {words[-1]}")
    return [Sample(*values) for values in json.loads(out)]


class _Load:
    """A plan under way."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._photos = [Path(path).read_bytes() for path in plan.photos]
        self._rng = np.random.default_rng(plan.seed)
        self._free: list[Connection] = []
        self._number = plan.seed * 1_000_000
        self._began = time.monotonic()
        self.samples: list[Sample] = []

    async def run(self) -> None:
        self._began = time.monotonic()
        if self._plan.clients:
            await asyncio.gather(*(self._closed() for _ in range(self._plan.clients)))
        else:
            await self._open()

    async def _closed(self) -> None:
        while (now := self._now()) < self._plan.seconds:
            sample = await self._one(now)
            if sample.status != 200:
                await asyncio.sleep(RETRY_PAUSE)

    async def _open(self) -> None:
        due, tasks = 0.0, []
        while (due := due + self._rng.exponential(1 / self._plan.rate)) < self._plan.seconds:
            await asyncio.sleep(max(0.0, due - self._now()))
            tasks.append(asyncio.create_task(self._one(due)))
        await asyncio.gather(*tasks)

    async def _one(self, due: float) -> Sample:
        photo = int(self._rng.integers(len(self._photos)))
        bad = self._rng.random() < self._plan.bad_share
        self._number += 1
        data = spoil(self._photos[photo], self._rng) if bad else mark(self._photos[photo], self._number)
        headers = {"Content-Type": "image/jpeg", **self._plan.headers}
        if self._plan.deadline is not None:
            left = self._plan.deadline - (self._now() - due)
            headers["X-Deadline-Ms"] = str(max(1, int(1000 * left)))
        connection = self._free.pop() if self._free else Connection(self._plan.host, self._plan.port)
        sent = self._now()
        status, body, error = 0, b"", None
        try:
            async with asyncio.timeout(self._plan.timeout):
                status, body = await connection.post(self._plan.path, headers, data)
        except (OSError, TimeoutError) as problem:
            error = f"{type(problem).__name__} {problem}".strip()
        self._free.append(connection)
        sample = _sample(photo, bad, due, sent, self._now(), status, body, data, error)
        self.samples.append(sample)
        return sample

    def _now(self) -> float:
        return time.monotonic() - self._began


def _sample(
    photo: int,
    bad: bool,
    due: float,
    sent: float,
    ended: float,
    status: int,
    body: bytes,
    data: bytes,
    error: str | None,
) -> Sample:
    found = _detection(body) if status == 200 else {}
    right = found.get("sha256") == hashlib.sha256(data).hexdigest()
    said = found.get("error") or {}
    name = found.get("model") or {}
    return Sample(
        photo, bad, due, sent, ended, status, found.get("probability"), right, said.get("code") or error,
        name.get("sha256", "")[:12] or None,
    )  # fmt: skip


def _detection(body: bytes) -> dict[str, Any]:
    """The only entry of an answer of /v1/detect; {} where the body is none."""
    try:
        found = json.loads(body)["detections"][0]
    except (ValueError, KeyError, IndexError, TypeError):
        return {}
    return found if isinstance(found, dict) else {}


def _main(text: str) -> Sequence[Sample]:
    values = json.loads(text)
    load = _Load(Plan(**{**values, "photos": tuple(values["photos"])}))
    asyncio.run(load.run())
    return load.samples


if __name__ == "__main__":
    print(json.dumps(_main(sys.stdin.read())))
