"""Two checkouts of RefundLens under the same loads in one run, taking turns: what did a change cost?

    python -m tests.bench.beside OTHER_CHECKOUT [--rounds 12] [--seconds 6] [--workers 2]

In: another checkout with its `.venv`. Out: a JSON object: for one caller (latency) and for several (photos a second)
the medians over the rounds of both, and the median of the rounds' ratios with its quartiles: this checkout's figure
divided by the other's in the same round. A machine's speed changes within minutes; the ratio bears that. Every photo
has bytes of its own, so nothing is answered from the cache.
"""

import argparse
import json
import statistics
import tempfile
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

from refundlens.model.bundle import bundled_path
from refundlens.model.progress import track
from tests.bench import bare, client, photos
from tests.bench.bare import Order
from tests.bench.figures import median, summarise
from tests.bench.process import ROOT
from tests.bench.servers import OURS, Setting, Target, start

LOADS = {"one caller": 1, "six callers": 6}
"""Clients of the closed loop: how long an answer takes, and how many come a second."""
TOLD = ("p50_ms", "p99_ms", "photos_per_second", "cpu_ms_per_photo")


def run(other: Path, rounds: int, seconds: float, workers: int) -> dict[str, Any]:
    """Raises RuntimeError, ServerFailed where one does not start or answer."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        files = photos.prepare(folder, 0, None)
        order = Order(str(bundled_path()), tuple(map(str, files)), workers, 0, 0)
        expected = [one["probability"] for one in bare.measure(order)["answers"]]
        setting = Setting(bundled_path(), workers, folder)
        targets = {}
        for name, checkout in (("this", ROOT), ("other", other.resolve())):
            targets[name] = start(OURS, replace(setting, checkout=checkout), files[0], expected[0])
            stack.callback(targets[name].process.stop)
        found: dict[str, dict[str, list[dict[str, Any]]]] = {
            load: {"this": [], "other": []} for load in LOADS
        }
        turns = [(n, load) for n in range(-1, rounds) for load in LOADS]
        for number, load in track(turns, len(turns), "rounds"):
            names = ("this", "other") if number % 2 else ("other", "this")
            for name in names:
                figures = _load(targets[name], files, expected, seconds, LOADS[load], number)
                if number >= 0:  # the first is warm-up
                    found[load][name].append(figures)
    return {load: _compare(one["this"], one["other"]) for load, one in found.items()}


def _load(
    target: Target, files: list[Path], expected: list[float], seconds: float, clients: int, number: int
) -> dict[str, Any]:
    plan = target.plan(files, seconds, clients=clients, seed=number + 1)
    before = target.process.processor_seconds()
    samples = client.send(plan)
    return summarise(samples, plan, expected, None, target.process.processor_seconds() - before)


def _compare(this: list[dict[str, Any]], other: list[dict[str, Any]]) -> dict[str, Any]:
    both = {"this": median(this), "other": median(other)}
    told: dict[str, Any] = {
        name: {key: one[key] for key in (*TOLD, "requests", "lost_count", "wrong_count")}
        for name, one in both.items()
    }
    told["ratio"] = {}
    for key in TOLD:
        ratios = [mine[key] / theirs[key] for mine, theirs in zip(this, other, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        told["ratio"][key] = {"median": round(middle, 3), "quartiles": [round(low, 3), round(high, 3)]}
    return told


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("other", type=Path)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=6.0)
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    print(json.dumps(run(given.other, given.rounds, given.seconds, given.workers), indent=1))
