"""Which servers can be measured, and how each is started.

In: a name, a model, a number of workers. Out: a running server that has given a right answer. The others' code lies
in `tests/bench/peers/`, one file a framework; it is not in the package, so they can be measured from a checkout only.
"""

import asyncio
import importlib.util
import json
import secrets
import sys
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from refundlens.serving.settings import environment
from tests.bench.client import Plan
from tests.bench.photos import mark
from tests.bench.process import ROOT, ServerFailed, ServerProcess
from tests.bench.wire import Connection
from tests.support.ports import free_port

OURS = "refundlens"
HOST = "127.0.0.1"
PATIENCE = 180.0
"""Seconds that a server may take to start: Ray needs up to a minute on a slow machine."""
TOLERANCE = 1e-4
"""Difference of probabilities that still counts as the same answer: the contract's."""
SETTLE_SECONDS = 60.0
"""How long a server may work off its backlog after a load, before it counts as not recovered."""


@dataclass(frozen=True)
class Peer:
    """Another framework. package: what must be installed; batch: photos a batch, as its documentation's examples have
    it; tuned: it gets a limit of waiting requests that fits the deadline, which its users must find by hand."""

    package: str
    batch: int = 8
    tuned: bool = False


PEERS = {
    "litserve": Peer("litserve"),
    "litserve-1": Peer("litserve", batch=1),
    "mosec": Peer("mosec", batch=1),  # without batches: its fastest way on a CPU
    "mosec-8": Peer("mosec"),
    "mosec-tuned": Peer("mosec", batch=1, tuned=True),
    "fastapi": Peer("fastapi", batch=1),
    "bentoml": Peer("bentoml"),
    "ray": Peer("ray"),
}
INSTALL = {"ray": '"ray[serve]"'}
"""What pip calls a package, where it is not its own name."""


@dataclass(frozen=True)
class Setting:
    """What every server gets alike. capacity: requests that a tuned peer lets wait. checkout: whose code our own
    service runs, with its own `.venv`."""

    bundle: Path
    workers: int
    folder: Path
    capacity: int = 1024
    checkout: Path = ROOT


@dataclass(frozen=True)
class Target:
    """A server that runs. cold_seconds: from its start until its first right answer."""

    name: str
    process: ServerProcess
    port: int
    path: str
    headers: dict[str, str]
    cold_seconds: float

    def plan(self, photos: Sequence[Path], seconds: float, **load: float) -> Plan:
        """A load for this server."""
        values = {"clients": int(load.pop("clients", 0)), "seed": int(load.pop("seed", 0))}
        paths = tuple(map(str, photos))
        return Plan(HOST, self.port, self.path, paths, seconds, headers=self.headers, **values, **load)  # type: ignore[arg-type]

    def settled(self, photo: Path) -> bool:
        """Wait until it has worked off what it was sent. False where it does not within SETTLE_SECONDS."""
        status, _ = _post(self.port, self.path, self.headers, mark(photo.read_bytes(), 0), SETTLE_SECONDS)
        return status == 200


def missing(name: str) -> str | None:
    """Why a server cannot be measured here, and what to do; None where it can. Raises ValueError for no such name."""
    if name not in PEERS:
        raise ValueError(f"no server {name!r}; known are {', '.join(PEERS)}")
    package = PEERS[name].package
    if not (ROOT / "tests/bench/peers" / f"{package}.py").is_file():
        return (
            f"{name}: the other servers are in a checkout's tests/bench/peers/, not in the installed package"
        )
    if importlib.util.find_spec(package) is None:
        return f"{name} is not installed; pip install {INSTALL.get(package, package)}"
    return None


def start(name: str, setting: Setting, photo: Path, probability: float) -> Target:
    """Start a server and wait for its first right answer to `photo`. Raises ServerFailed; its process is ended then."""
    port = free_port()
    headers: dict[str, str] = {}
    if name == OURS:
        key = secrets.token_urlsafe(16)
        headers["Authorization"] = f"Bearer {key}"
        process, path = _start_ours(setting, port, key), "/v1/detect"
    else:
        process, path = _start_peer(PEERS[name], setting, port), "/detect"
    try:
        data = mark(photo.read_bytes(), 0)

        def ready() -> bool:
            if name == OURS and not _ready(port):
                return False
            status, body = _post(port, path, headers, data, PATIENCE)
            return status == 200 and _check(body, probability)

        return Target(name, process, port, path, headers, process.wait(ready, PATIENCE))
    except ServerFailed as error:
        process.stop()
        raise ServerFailed(f"{name}: {error}") from error
    except BaseException:
        process.stop()
        raise


def _start_ours(setting: Setting, port: int, key: str) -> ServerProcess:
    # another checkout's packages may lie elsewhere, so its own command is called
    ours = [sys.executable, "-m", "refundlens.serving.cli.main"]
    command = ours if setting.checkout == ROOT else [str(setting.checkout / ".venv/bin/refundlens")]
    command = [*command, "serve", "--port", str(port)]
    command += ["--workers", str(setting.workers), "--model", str(setting.bundle.resolve())]
    data = setting.folder / f"data-{port}"
    variables = environment(
        REFUNDLENS_API_KEYS=key,
        REFUNDLENS_DEMO="false",
        REFUNDLENS_DATA_DIR=str(data),
        REFUNDLENS_RATE_LIMIT="0",
    )
    return ServerProcess(command, variables, setting.checkout)


def _start_peer(peer: Peer, setting: Setting, port: int) -> ServerProcess:
    variables = environment(
        BENCH_PORT=str(port),
        BENCH_BUNDLE=str(setting.bundle.resolve()),
        BENCH_WORKERS=str(setting.workers),
        BENCH_BATCH=str(peer.batch),
        BENCH_CAPACITY=str(setting.capacity if peer.tuned else 0),
    )
    return ServerProcess([sys.executable, "-m", f"tests.bench.peers.{peer.package}"], variables, ROOT)


def _ready(port: int) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"http://{HOST}:{port}/readyz", timeout=5) as answer:
        return bool(answer.status == 200)
    return False


def _post(port: int, path: str, headers: dict[str, str], data: bytes, timeout: float) -> tuple[int, bytes]:
    """One request; status 0 where nothing answers."""

    async def post() -> tuple[int, bytes]:
        connection = Connection(HOST, port)
        try:
            async with asyncio.timeout(timeout):
                return await connection.post(path, {"Content-Type": "image/jpeg", **headers}, data)
        except (OSError, TimeoutError):
            return 0, b""
        finally:
            connection.close()

    return asyncio.run(post())


def _check(body: bytes, probability: float) -> bool:
    """True where the first answer is right. Raises ServerFailed where it is not: that server must not be compared."""
    try:
        found = json.loads(body)["detections"][0]["probability"]
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise ServerFailed(f"it answered {body[:200]!r}") from error
    if abs(found - probability) > TOLERANCE:
        raise ServerFailed(f"it says {found:.5f} of a photo that has {probability:.5f}")
    return True
