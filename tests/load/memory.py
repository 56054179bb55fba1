"""Memory of the service over thousands of mixed requests, taken apart: the cache of answers, a second model while one
is exchanged, the rest.

    python -m tests.load.memory [--requests 5000] [--tiny] [--out docs/results/memory.json]

In: a service of its own, with its cache of answers and once without. Out: proportional set size in megabytes after each
part of the requests, its slope over the second half, what the cache adds, what a change of model adds while it lasts
and afterwards. Exit status 1 where the slope is over `MOST_SLOPE`.
"""

import argparse
import itertools
import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil

from refundlens.model.bundle import bundled_path
from refundlens.model.progress import track
from tests.bench.soak import renamed
from tests.chaos.attacks.target import VICTIM, Target, noise, started
from tests.support.tiny import save_bundle

PARTS = 20
"""Of the requests; memory is looked at after each."""
KNOWN = 40
"""Photos that come again and again."""
MOST_SLOPE = 2.0
"""Megabytes a thousand requests, over the second half: what is less is the allocator's."""
SWAP_PATIENCE = 60.0
WITHOUT_CACHE = {"REFUNDLENS_CACHE_BYTES": "0"}


def _mixed(target: Target, known: list[bytes], chance: random.Random, number: int) -> tuple[str, str, Any]:
    """What a request asks: method, path, and httpx's own arguments."""
    kind = chance.random()
    jpeg = {"content": chance.choice(known), "headers": {"Content-Type": "image/jpeg"}}
    if kind < 0.35:
        return "POST", "/v1/detect", jpeg
    if kind < 0.60:
        return "POST", "/v1/detect", jpeg | {"content": noise(320, 240, 1_000 + number)}
    if kind < 0.65:
        return "POST", "/v1/detect", jpeg | {"content": bytes(chance.randrange(1, 200_000))}
    if kind < 0.70:
        return (
            "POST",
            "/v1/detect",
            {"files": [("image", ("a.jpg", known[0])), ("image", ("b.jpg", known[1]))]},
        )
    if kind < 0.80:
        return "GET", f"/v1/detections/{target.detection}/heatmap", {}
    if kind < 0.85:
        return "GET", f"/v1/reports/{target.report}/evidence.{chance.choice(('jpg', 'json'))}", {}
    if kind < 0.95:
        return "GET", f"/v1/reports/{target.report}", {}
    return "GET", chance.choice(("/healthz", "/metrics", "/v1/none", target.link)), {}


def _megabytes(pid: int) -> float:
    """Of the service and of the process that draws for it."""
    service = psutil.Process(pid)
    return float(sum(one.memory_full_info().pss for one in (service, *service.children()))) / 1e6


def _play(target: Target, requests: int) -> dict[str, Any]:
    known = [noise(320, 240, seed) for seed in range(KNOWN)]
    chance, answered = random.Random(1), Counter[str]()
    held = [(0, round(_megabytes(target.pid), 1))]
    with httpx.Client(base_url=target.base, headers=target.headers(VICTIM), timeout=120) as client:
        for part in track(range(PARTS), PARTS, "requests"):
            for number in range(part * requests // PARTS, (part + 1) * requests // PARTS):
                method, path, given = _mixed(target, known, chance, number)
                answered[str(client.request(method, path, **given).status_code)] += 1
            held.append(((part + 1) * requests // PARTS, round(_megabytes(target.pid), 1)))
    half = np.array(held[PARTS // 2 :])
    slope = float(np.polyfit(half[:, 0], half[:, 1], 1)[0]) * 1000
    return {
        "answered": dict(answered),
        "mb": held,
        "slope_mb_per_1000_requests": round(slope, 2),
        "mb_at_last": held[-1][1],
    }


def _swapped(target: Target, bundle: Path) -> dict[str, float]:
    """Megabytes before another model takes over, at most meanwhile, and once the old one is gone."""
    before, most = _megabytes(target.pid), 0.0
    partial = bundle.with_suffix(".partial")
    partial.write_bytes(renamed(bundle.read_bytes(), 1))
    partial.replace(bundle)
    os.kill(target.pid, 1)  # SIGHUP
    ends = time.monotonic() + SWAP_PATIENCE
    with httpx.Client(base_url=target.base, headers=target.headers(VICTIM), timeout=120) as client:
        models: list[str] = []
        for seed in itertools.count(1):
            answer = client.post(
                "/v1/detect", content=noise(320, 240, -seed % 2**31), headers={"Content-Type": "image/jpeg"}
            )
            models.append(answer.json()["detections"][0]["model"]["sha256"])
            most = max(most, _megabytes(target.pid))
            if models[0] != models[-1] or time.monotonic() > ends:
                break
        time.sleep(2)
    return {
        "before": round(before, 1),
        "most": round(most, 1),
        "after": round(_megabytes(target.pid), 1),
        "changed": float(models[0] != models[-1]),
    }


def _run(requests: int, tiny: bool, variables: dict[str, str]) -> dict[str, Any]:
    os.environ.update(variables)
    try:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            bundle = folder / "model.onnx"
            if tiny:
                save_bundle(bundle)
            else:
                bundle.write_bytes(bundled_path().read_bytes())
            with started(folder, bundle, os.cpu_count() or 1) as target:
                found = _play(target, requests)
                return found | {"swap_mb": _swapped(target, bundle)}
    finally:
        for name in variables:
            del os.environ[name]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.load.memory", description=__doc__)
    parser.add_argument("--requests", type=int, default=5_000)
    parser.add_argument(
        "--tiny", action="store_true", help="a drawn model: everything but the model's own size"
    )
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    whole = _run(given.requests, given.tiny, {})
    print(json.dumps(whole), file=sys.stderr)
    without = _run(given.requests, given.tiny, WITHOUT_CACHE)
    figures = {
        "requests": given.requests,
        "tiny": given.tiny,
        "processors": os.cpu_count(),
        "with_cache": whole,
        "without_cache": without,
        "cache_mb": round(whole["mb_at_last"] - without["mb_at_last"], 1),
    }
    print(json.dumps(figures, indent=1))
    if given.out:
        given.out.write_text(json.dumps(figures) + "\n", encoding="utf-8")
    sys.exit(int(max(part["slope_mb_per_1000_requests"] for part in (whole, without)) > MOST_SLOPE))


if __name__ == "__main__":
    main()
