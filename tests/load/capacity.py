"""Measures what a photo costs, checks that two figures tell the cost of other sizes, and plays a thousand replicas.

    python -m tests.load.capacity --out docs/results/capacity.json --plot docs/results/capacity.png

In: photos drawn at four sizes. Out: processor time of a photo beside the network and of each tile, by the detector at
two sizes; the same sizes and two others through the real application (`POST /v1/detect`), beside what the two figures
say; and the queue played at 1 to 1,000 replicas with the measured cost, with and without a fifth of them dying. All
sizes in turn, so that other work on the machine meets them alike; processor time, which it changes little. Exits with 1
where a size that was not fitted is off by more than `MOST_OFF`.
"""

import argparse
import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from refundlens.model.detect import Detector
from refundlens.serving.capacity.plan import Cost, Demand, Prices, plan
from refundlens.serving.capacity.queueing import Farm, Outage, play
from refundlens.serving.demo.scenes import draw, photograph
from tests.bench.photos import mark
from tests.load.million import application

FITTED = ((480, 640), (960, 1280))
"""Pixels of the photos that the two figures come from."""
CHECKED = ((720, 960), (1200, 1600))
"""And of those that must follow from them."""
MOST_OFF = 0.2
REPLICAS = (1, 2, 4, 10, 30, 100, 300, 1000)
BUSY = 0.6
"""Of the replicas' time, in the plays: what `serving.capacity.plan` plans for."""
PLAYED, FAULT_AT = 60.0, 20.0
"""Seconds of each play, and when a fifth of its replicas dies."""
DIE, BACK = 0.2, 22.0
"""Share that dies, and seconds until it is there again: a lost Ray node's, as docs/scale.md has it."""


def main() -> int:
    given = _arguments()
    load = os.getloadavg()
    detector = Detector(threads=1)
    tiles = dict.fromkeys((*FITTED, *CHECKED), 0)
    photos = {size: _photo(size) for size in tiles}
    alone, served = _measured(detector, photos, tiles, given.photos)
    rest, tile = fitted({size: (tiles[size], served[size]) for size in FITTED})
    sizes = [
        {"width": size[0], "height": size[1], "tiles": tiles[size], "detector_ms": round(alone[size], 1),
         "service_ms": round(served[size], 1), "said_ms": round(rest + tile * tiles[size], 1),
         "fitted": size in FITTED}
        for size in sorted(tiles)
    ]  # fmt: skip
    cost = Cost(rest, tile, statistics.fmean(tiles[size] for size in (*FITTED, CHECKED[0])))
    played = plays(cost.processor_ms / 1000)
    wanted = {
        str(photos): asdict(plan(Demand(photos), cost, Prices())) for photos in (10_000, 100_000, 1_000_000)
    }
    result = {
        "load_average_before": load,
        "rest_ms": round(rest, 1),
        "tile_ms": round(tile, 1),
        "sizes": sizes,
        "replicas": played,
        "plans": wanted,
    }
    text = json.dumps(result, indent=1)
    print(text)
    if given.out:
        given.out.write_text(text + "\n", encoding="utf-8")
    if given.plot:
        draw_plot(result, given.plot)
    off = [one for one in sizes if abs(one["said_ms"] / one["service_ms"] - 1) > MOST_OFF]
    for one in off:
        print(f"off: {one}", file=sys.stderr)
    return 1 if off else 0


def fitted(known: dict[Any, tuple[int, float]]) -> tuple[float, float]:
    """Milliseconds beside the network, and of a tile, from (tiles, milliseconds) of two sizes."""
    (few, less), (many, more) = sorted(known.values())
    tile = (more - less) / (many - few)
    return less - tile * few, tile


def plays(seconds: float) -> list[dict[str, Any]]:
    """Each number of replicas at `BUSY`, whole and with a fault; and what it answers in time at twice what it can."""
    found = []
    for replicas in REPLICAS:
        farm, capacity = Farm(replicas, seconds), replicas / seconds
        quiet = play(farm, BUSY * capacity, PLAYED)
        fault = Outage(FAULT_AT, DIE, BACK)
        hurt = play(farm, BUSY * capacity, PLAYED, fault=fault)
        flooded = play(farm, 2 * capacity, PLAYED / 3)
        found.append(
            {"replicas": replicas, "quiet": asdict(quiet), "fault": asdict(hurt),
             "goodput_at_twice_the_load": flooded.goodput, "of_linear": flooded.goodput / capacity}
        )  # fmt: skip
    return found


def draw_plot(result: dict[str, Any], path: Path) -> None:
    """Processor time by tiles, goodput by replicas, and cores by photos a day."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    most = max(one["tiles"] for one in result["sizes"])
    left.plot([0, most], [result["rest_ms"], result["rest_ms"] + result["tile_ms"] * most], label="model")
    for fit, sign in ((True, "o"), (False, "s")):
        some = [one for one in result["sizes"] if one["fitted"] is fit]
        label = "measured, fitted" if fit else "measured, not fitted"
        left.plot([one["tiles"] for one in some], [one["service_ms"] for one in some], sign, label=label)
    left.set(xlabel="tiles of a photo", ylabel="processor time of the service, ms", ylim=0, xlim=0)
    left.legend()
    replicas = [one["replicas"] for one in result["replicas"]]
    middle.loglog(replicas, [one["goodput_at_twice_the_load"] for one in result["replicas"]], "o-")
    middle.set(xlabel="replicas", ylabel="photos in time a second, twice the load")
    days = np.logspace(3, 7, 60)
    cost = Cost(result["rest_ms"], result["tile_ms"], statistics.fmean(_usual(result)))
    cores = [plan(Demand(float(photos)), cost, Prices()).cores for photos in days]
    right.loglog(days, cores)
    right.set(xlabel="photos a day", ylabel=f"cores to keep ready, peak {Demand(1).peak:g}, {BUSY:.0%} busy")
    figure.savefig(path, dpi=110)


def _usual(result: dict[str, Any]) -> list[float]:
    """Tiles of the sizes that platforms pass on."""
    return [one["tiles"] for one in result["sizes"] if one["width"] <= FITTED[-1][0]]


def _measured(
    detector: Detector, photos: dict[tuple[int, int], bytes], tiles: dict[tuple[int, int], int], rounds: int
) -> tuple[dict[tuple[int, int], float], dict[tuple[int, int], float]]:
    """Medians of processor milliseconds by size: of the detector, of the service. tiles: is filled."""
    counted = [0]
    run = detector.bundle.run

    def counting(batch: NDArray[np.uint8]) -> Any:
        counted[0] += len(batch)
        return run(batch)

    object.__setattr__(detector.bundle, "run", counting)
    alone: dict[tuple[int, int], list[float]] = {size: [] for size in photos}
    served: dict[tuple[int, int], list[float]] = {size: [] for size in photos}
    with tempfile.TemporaryDirectory() as folder:
        app = application(f"sqlite:///{folder}/a.db", Path(folder), detector)

        async def go() -> None:
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(app), base_url="http://bench"
            ) as client:
                for number in range(rounds + 1):
                    for size, data in photos.items():
                        counted[0] = 0
                        first = _processor_ms(lambda data=data: detector.detect(data))  # type: ignore[misc]
                        tiles[size] = counted[0]
                        began = time.process_time()
                        answer = await client.post(
                            "/v1/detect",
                            content=mark(data, number),  # no answer comes from the cache
                            headers={
                                "Authorization": "Bearer key-judge",
                                "Content-Type": "image/jpeg",
                                "Idempotency-Key": f"{size[0]}-{number}",
                            },
                            timeout=120,
                        )
                        took = (time.process_time() - began) * 1000
                        answer.raise_for_status()
                        if number:  # the first round warms up
                            alone[size].append(first)
                            served[size].append(took)
                        print(size, tiles[size], round(first), round(took), file=sys.stderr, flush=True)

        asyncio.run(go())
    return ({size: statistics.median(of_one) for size, of_one in kind.items()} for kind in (alone, served))  # type: ignore[return-value]


def _processor_ms(do: Callable[[], object]) -> float:
    began = time.process_time()
    do()
    return (time.process_time() - began) * 1000


def _photo(size: tuple[int, int]) -> bytes:
    rng, kept = np.random.default_rng(0), BytesIO()
    Image.fromarray(photograph(draw("shirt", *size, rng), rng)).save(kept, "JPEG", quality=85)
    return kept.getvalue()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=int, default=5, help="of each size")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--plot", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
