"""Takes the bare loop and every server in turn through the same loads, several rounds of it, and gathers the figures.

In: `Options`. Out: one JSON object. Servers run one at a time, since one that idles still takes processor time from
the next; they take turns, since a machine's speed changes within minutes.
"""

import platform
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from refundlens.serving.settings import cores
from tests.bench import bare, client, photos
from tests.bench.bare import Order
from tests.bench.figures import median, summarise
from tests.bench.process import PROC, ServerFailed
from tests.bench.servers import OURS, PEERS, Setting, Target, start

FACTORS = (0.5, 1.0, 1.5, 2.0)
"""Loads of the open loop, in parts of the capacity."""
TUNED_SHARE = 0.5
"""Share of the deadline that a tuned peer's queue may hold, so that what is let in is answered in time."""
WARM_SHARE = 0.25
"""Seconds of warm-up load before the first measured one, in parts of a load's."""
BARE = "bare"


@dataclass(frozen=True)
class Options:
    """seconds: of each load; deadline: seconds; rate: photos a second that count as the capacity, none to take what
    our service reaches in the first round."""

    bundle: Path
    workers: int
    against: tuple[str, ...] = ()
    seconds: float = 20.0
    rounds: int = 3
    clients: int = 16
    deadline: float = 1.0
    seed: int = 0
    photos: Path | None = None
    rate: float | None = None


def run(options: Options, steps: Callable[[Sequence[Any]], Iterator[Any]]) -> dict[str, Any]:
    """Measure. steps: passes the turns through, to show how far it is. Raises ValueError for photos that cannot be
    used, RuntimeError where the bare loop or our own service fails."""
    with tempfile.TemporaryDirectory() as name:
        bench = _Bench(options, Path(name))
        for number, server in steps([(n, s) for n in range(options.rounds) for s in bench.servers]):
            bench.turn(number, server)
        return bench.results()


class _Bench:
    """A measurement under way."""

    def __init__(self, options: Options, folder: Path) -> None:
        self._options = options
        self._paths = photos.prepare(folder, options.seed, options.photos)
        self._setting = Setting(options.bundle, options.workers, folder)
        self._rate = options.rate
        self.servers = [BARE, OURS, *options.against]
        self._found: dict[str, list[dict[str, Any]]] = {name: [] for name in self.servers}
        self._failed: dict[str, str] = {}
        self._answers = bare.measure(self._order(0.0))["answers"]
        self._expected = [answer["probability"] for answer in self._answers]
        self._load_before = _load_average()

    def turn(self, number: int, name: str) -> None:
        """One server, one round. One that failed is left out from then on."""
        if name in self._failed:
            return
        if name == BARE:
            self._found[BARE].append(bare.measure(self._order(self._options.seconds))["loops"])
            return
        try:
            self._found[name].append(self._measure(name, number))
        except ServerFailed as error:
            if name == OURS:
                raise
            self._failed[name] = str(error)

    def results(self) -> dict[str, Any]:
        """Everything: the machine, the load, every round, and the medians."""
        options = self._options
        servers = {name: self._merged(name) for name in self.servers if self._found[name]}
        return {
            "machine": machine(options) | {"load_average_before": self._load_before},
            "photos": [
                {"file": path.name, "bytes": path.stat().st_size, **answer}
                for path, answer in zip(self._paths, self._answers, strict=True)
            ],
            "workers": options.workers,
            "seconds": options.seconds,
            "rounds": options.rounds,
            "clients": options.clients,
            "deadline_ms": 1000 * options.deadline,
            "seed": options.seed,
            "capacity_per_second": self._rate,
            "servers": servers,
            "failed": self._failed,
            "every_round": self._found,
        }

    def _measure(self, name: str, number: int) -> dict[str, Any]:
        if self._rate is not None:
            waiting = max(self._options.workers, int(TUNED_SHARE * self._options.deadline * self._rate))
            self._setting = replace(self._setting, capacity=waiting)
        target = start(name, self._setting, self._paths[0], self._expected[0])
        with target.process:
            found = self._loads(target, number)
            found |= {
                "cold_seconds": target.cold_seconds,
                "peak_mb": target.process.peak_mb,
                "processes": target.process.processes(),
            }
        return found

    def _loads(self, target: Target, number: int) -> dict[str, Any]:
        options, seed = self._options, self._options.seed + 100 * number
        client.send(self._plan(target, options.seconds * WARM_SHARE, clients=options.workers, seed=seed))
        found = {
            "closed_1": self._load(target, clients=1, seed=seed + 1),
            "closed_n": self._load(target, clients=options.clients, seed=seed + 2),
        }
        if self._rate is None:
            self._rate = found["closed_n"]["photos_per_second"]
        for index, factor in enumerate(FACTORS):
            if not target.settled(self._paths[0]):
                break
            rate = max(factor * self._rate, 1 / options.seconds)
            found[f"open_{factor}"] = self._load(
                target,
                rate=rate,
                deadline=options.deadline,
                timeout=10 * options.deadline,
                seed=seed + 3 + index,
            )
        return found

    def _load(self, target: Target, **load: float) -> dict[str, Any]:
        plan = self._plan(target, self._options.seconds, **load)
        before = target.process.processor_seconds()
        samples = client.send(plan)
        spent = target.process.processor_seconds() - before
        return summarise(samples, plan, self._expected, plan.deadline, spent)

    def _plan(self, target: Target, seconds: float, **load: float) -> client.Plan:
        # a closed loop's callers wait for all the others before them
        patience = {"timeout": 60.0} if "clients" in load else {}
        return target.plan(self._paths, seconds, **patience, **load)

    def _order(self, seconds: float) -> Order:
        options = self._options
        paths = tuple(map(str, self._paths))
        return Order(str(options.bundle), paths, options.workers, seconds, options.seed)

    def _merged(self, name: str) -> dict[str, Any]:
        return _merge(self._found[name])


def _merge(rounds: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Medians of several rounds, load by load."""
    flat = {name: value for name, value in rounds[0].items() if not isinstance(value, dict)}
    merged = median([{name: one[name] for name in flat} for one in rounds]) if flat else {}
    names = dict.fromkeys(name for one in rounds for name, value in one.items() if isinstance(value, dict))
    for name in names:
        parts = [one[name] for one in rounds if name in one]
        deeper = any(isinstance(value, dict) for value in parts[0].values())
        merged[name] = _merge(parts) if deeper else median(parts)
    return merged


def machine(options: Options) -> dict[str, Any]:
    """What the figures were measured on."""
    packages = ["onnxruntime-gpu", "onnxruntime", *{PEERS[name].package for name in options.against}]
    return {
        "processor": _processor(),
        "processors": cores(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {name: found for name in packages if (found := _version(name))},
    }


def _processor() -> str:
    lines = (PROC / "cpuinfo").read_text().splitlines()
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown"
    )


def _load_average() -> float:
    """Processes that wanted a processor in the last minute; over the number of processors, figures are worth little."""
    return float((PROC / "loadavg").read_text().split()[0])


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
