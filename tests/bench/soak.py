"""The long run: more load than the machine bears, files that are no photos, two changes of the model. Nothing may be
lost, nothing wrong, and memory must stay where it was.

In: `rounds.Options`, minutes. Out: one JSON object: fates of all requests, memory over time, which models answered.
"""

import hashlib
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench import bare, client, photos
from tests.bench.bare import Order
from tests.bench.client import Sample
from tests.bench.figures import fate, summarise
from tests.bench.rounds import Options, machine
from tests.bench.servers import OURS, Setting, Target, start

FACTOR = 1.5
"""Load, in parts of the capacity."""
BAD_SHARE = 1 / 20
SWAPS = (1 / 3, 2 / 3)
"""When the model is changed, in parts of the run."""
MEASURING = 0.1
"""Part of the run's length that the capacity is measured for before it, in a closed loop; SHORTEST at least."""
SHORTEST = 3.0
WARMING = 0.25
"""Part of the run that memory's slope leaves out: caches and buffers fill at first, by design."""
CLIENT_PATIENCE = 10.0
"""Deadlines after which an unanswered request counts as lost."""
NOTE = 14 << 3 | 2
"""Protobuf's tag of ModelProto.metadata_props, a message of two strings (tags 1 and 2)."""


def run(options: Options, minutes: float, steps: Callable[[Sequence[Any]], Iterator[Any]]) -> dict[str, Any]:
    """Measure our own service. Raises ValueError for photos that cannot be used, RuntimeError where it does not start
    or ends."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = photos.prepare(folder, options.seed, options.photos)
        bundle = folder / "swapped.onnx"
        shutil.copyfile(options.bundle, bundle)
        order = Order(str(bundle), tuple(map(str, paths)), options.workers, 0.0, options.seed)
        expected = [one["probability"] for one in bare.measure(order)["answers"]]
        target = start(OURS, Setting(bundle, options.workers, folder), paths[0], expected[0])
        with target.process:
            return _soak(replace(options, bundle=bundle), 60 * minutes, target, paths, expected, steps)


def _soak(
    options: Options,
    seconds: float,
    target: Target,
    paths: Sequence[Path],
    expected: Sequence[float],
    steps: Callable[[Sequence[Any]], Iterator[Any]],
) -> dict[str, Any]:
    rate = options.rate or _capacity(options, seconds, target, paths, expected)
    plan = target.plan(
        paths, seconds, rate=FACTOR * rate, deadline=options.deadline, timeout=CLIENT_PATIENCE * options.deadline,
        bad_share=BAD_SHARE, seed=options.seed + 1,
    )  # fmt: skip
    models, spent = [_digest(options.bundle)], target.process.processor_seconds()
    began, first = time.monotonic(), len(target.process.memory)
    load = client.begin(plan)
    for number, part in enumerate(steps([*SWAPS, 1.0])):
        time.sleep(max(0.0, began + part * seconds - time.monotonic()))
        if part in SWAPS:
            models.append(_renew(options.bundle, number))
            target.process.hang_up()
    samples = client.finish(load, plan)
    spent = target.process.processor_seconds() - spent
    if not target.process.alive():
        raise RuntimeError(f"the service ended during the run: {target.process.words()}")
    found = summarise(samples, plan, expected, options.deadline, spent)
    return {
        "machine": machine(options),
        "capacity_per_second": rate,
        "minutes": seconds / 60,
        "deadline_ms": 1000 * options.deadline,
        "bad_requests": sum(sample.bad for sample in samples),
        **found,
        "answers_by_model": _by_model(samples, models, expected, options.deadline),
        "memory": slope(target.process.memory[first:]),
    }


def slope(memory: Sequence[tuple[float, float]]) -> dict[str, float | None]:
    """Growth of memory, of (seconds, megabytes): a straight line through what follows the warming; and how far its
    points lie from it. None of fewer than three points."""
    kept = np.array(memory[int(WARMING * len(memory)) :], np.float64).reshape(-1, 2)
    if len(kept) < 3:
        return {"mb_per_minute": None, "mb_at_first": None, "mb_at_last": None, "peak_mb": None}
    line = np.polynomial.Polynomial.fit(kept[:, 0], kept[:, 1], 1)
    ends = line(kept[[0, -1], 0])
    return {
        "mb_per_minute": float(60 * (ends[1] - ends[0]) / (kept[-1, 0] - kept[0, 0])),
        "mb_at_first": float(ends[0]),
        "mb_at_last": float(ends[1]),
        "peak_mb": float(max(megabytes for _, megabytes in memory)),
    }


def renamed(bundle: bytes, number: int) -> bytes:
    """The same model with another hash: one entry more in its metadata, which protobuf lets follow at the end."""
    key, value = b"refundlens.bench", str(number).encode()
    entry = b"\x0a" + bytes([len(key)]) + key + b"\x12" + bytes([len(value)]) + value
    return bundle + bytes([NOTE, len(entry)]) + entry


def _renew(bundle: Path, number: int) -> str:
    """Put another model in the old one's place, by renaming. Its digest."""
    partial = bundle.with_suffix(".partial")
    partial.write_bytes(renamed(bundle.read_bytes(), number))
    partial.replace(bundle)
    return _digest(bundle)


def _digest(bundle: Path) -> str:
    return hashlib.sha256(bundle.read_bytes()).hexdigest()[:12]


def _capacity(
    options: Options, seconds: float, target: Target, paths: Sequence[Path], expected: Sequence[float]
) -> float:
    long = max(SHORTEST, MEASURING * seconds)
    plan = target.plan(paths, long, clients=options.clients, timeout=60.0, seed=options.seed)
    found = summarise(client.send(plan), plan, expected, None, 0.0)
    rate: float = found["photos_per_second"]
    if not rate:
        raise RuntimeError(f"the service answered nothing in {long:.0f} s: {target.process.words()}")
    return rate


def _by_model(
    samples: Sequence[Sample], models: Sequence[str], expected: Sequence[float], deadline: float
) -> list[dict[str, Any]]:
    """Answers of each model that was put in place, in order; and of any other, which there must not be."""
    answered = [s for s in samples if fate(s, expected, deadline) in ("right", "late")]
    counts = Counter(sample.model for sample in answered)
    names = [*models, *(name for name in counts if name not in models)]
    return [{"model": name, "known": name in models, "answers": counts[name]} for name in names]
