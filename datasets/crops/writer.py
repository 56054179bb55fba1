"""From pairs of windows to shards of delivered crops, by several processes, resumable shard by shard.

In: what `TwinSource` needs, and how many shards. Out: a folder of `datasets.crops.store`. Shard n depends on the seed
and n alone.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np

from refundlens.datasets.collection import Role, read_index
from refundlens.datasets.crops.chains import draw_steps
from refundlens.datasets.crops.masters import Masters
from refundlens.datasets.crops.retouch import retouch
from refundlens.datasets.crops.store import CELL, SIDE, Pair, Record, has_shard, write_shard
from refundlens.datasets.crops.twins import SHARES, Twin, TwinSource
from refundlens.datasets.degradations.apply import deliver
from refundlens.datasets.degradations.quantisation import MeasuredTables, load_tables
from refundlens.datasets.editors.base import Mask, Pixels

PAIRS = 1000
"""Pairs a shard: 220 MB, and what a killed process loses at most."""
CROPS = 2
"""Crops of one delivered window: a second one costs no delivery."""
ON_EDIT = 0.7
"""Share of crops placed over a pixel that was changed."""
FLIP = 0.5
RETOUCHED = 0.4
"""Share of pairs whose twins are retouched alike."""
RETOUCHED_AUTHENTIC = {True: 0.1, False: 0.35}
"""Share of pairs whose authentic picture alone is retouched: with the same content, and with another one, where the
finish of the generator's gallery would tell the two apart."""


@dataclass(frozen=True)
class Job:
    """Everything a process needs to make shards. tables: JSON of measured JPEG tables, none for libjpeg's own."""

    collection: Path
    masters: Path
    out: Path
    seed: int
    pack: tuple[str, ...] = ()
    redrawn: Path | None = None
    tables: Path | None = None
    without: tuple[str, ...] = ()
    role: Role = "train"
    pairs: int = PAIRS
    shares: Mapping[str, float] = field(default_factory=lambda: SHARES)


_process: dict[str, object] = {}


def write_crops(job: Job, shards: int, workers: int = 1) -> Iterator[int]:
    """Make the missing ones of the first `shards` shards; yields each number when it is whole."""
    missing = [number for number in range(shards) if not has_shard(job.out, number)]
    with ProcessPoolExecutor(workers, initializer=_open, initargs=(job,)) as pool:
        yield from pool.map(_write_one, missing)


def _open(job: Job) -> None:
    cv2.setNumThreads(0)
    _process["job"] = job
    _process["source"] = TwinSource(
        job.collection,
        read_index(job.collection),
        Masters(job.masters),
        job.pack,
        job.redrawn,
        job.without,
        job.role,
        job.shares,
    )
    _process["tables"] = load_tables(job.tables) if job.tables else []


def _write_one(number: int) -> int:
    job, source, tables = _process["job"], _process["source"], _process["tables"]
    assert isinstance(job, Job) and isinstance(source, TwinSource) and isinstance(tables, list)
    rng = np.random.default_rng([job.seed, number])
    pairs: list[Pair] = []
    while len(pairs) < job.pairs:
        pairs += crops_of(rng, source.draw(rng), tables)
    write_shard(job.out, number, pairs[: job.pairs])
    return number


def crops_of(rng: np.random.Generator, twin: Twin, tables: list[MeasuredTables]) -> list[Pair]:
    """Deliver both twins alike and cut crops at the same places, on the last compression's own grid."""
    height, width = twin.authentic.shape[:2]
    long_side = round(max(height, width) * twin.scale)
    steps = draw_steps(rng, max(long_side, SIDE), tables, resized=long_side != max(height, width))
    defect = twin.defect_mask if twin.defect_mask is not None else np.zeros((height, width), np.float32)
    flip = rng.random() < FLIP
    masks = [np.asarray(mask, np.float32) for mask in (twin.changed, defect)]
    pictures: list[Pixels] = [twin.authentic, twin.manipulated]
    if flip:
        pictures = [np.ascontiguousarray(picture[:, ::-1]) for picture in pictures]
        masks = [np.ascontiguousarray(mask[:, ::-1]) for mask in masks]
    if twin.changed.any():
        pictures = _finished(rng, pictures, twin)
    authentic = deliver(pictures[0], steps)
    manipulated = deliver(pictures[1], steps, masks)
    high, wide = manipulated.pixels.shape[:2]
    if min(high, wide) < SIDE:
        return []
    record = Record(twin.tag, twin.source, twin.generator, twin.aligned, twin.defect, twin.located)
    pairs = []
    for _ in range(CROPS if max(high, wide) >= 1.5 * SIDE else 1):
        y, x = _corner(rng, manipulated.masks[0])
        part = np.s_[y : y + SIDE, x : x + SIDE]
        crops = np.stack([authentic.pixels[part], manipulated.pixels[part]])
        maps = np.stack([_cells(mask[part]) for mask in manipulated.masks])
        if maps[0].any() or not twin.changed.any():  # an edit that this crop misses teaches nothing
            pairs.append(Pair(crops, maps, record))
    return pairs


def _finished(rng: np.random.Generator, pictures: list[Pixels], twin: Twin) -> list[Pixels]:
    """Both twins retouched alike, the authentic one alone, or neither."""
    if rng.random() < RETOUCHED_AUTHENTIC[twin.aligned]:
        return [*retouch(rng, pictures[:1], twin.scale), pictures[1]]
    if rng.random() < RETOUCHED:
        return retouch(rng, pictures, twin.scale)
    return pictures


def _corner(rng: np.random.Generator, changed: Mask) -> tuple[int, int]:
    room = [(side - SIDE) // CELL for side in changed.shape]
    y, x = (int(rng.integers(cells + 1)) * CELL for cells in room)
    marked = np.flatnonzero(changed > 0.5) if rng.random() < ON_EDIT else np.empty(0, np.int64)
    if len(marked):
        row, column = divmod(int(marked[int(rng.integers(len(marked)))]), changed.shape[1])
        y, x = (
            int(np.clip((place - rng.random() * SIDE) // CELL, 0, cells)) * CELL
            for place, cells in zip((row, column), room, strict=True)
        )
    return y, x


def _cells(mask: Mask) -> np.ndarray:
    side = SIDE // CELL
    return np.rint(
        255 * cv2.resize(np.ascontiguousarray(mask), (side, side), interpolation=cv2.INTER_AREA)
    ).astype(np.uint8)
