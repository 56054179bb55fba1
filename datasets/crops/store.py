"""Shards of crops on disk: written once, memory-mapped by training.

A shard is `NNNN-crops.npy` (uint8 [P,2,S,S,3]: authentic, then manipulated), `NNNN-maps.npy` (uint8 [P,2,S/8,S/8]:
share changed, share of a painted defect; 255 is all) and `NNNN.json` (one record a pair). Files are moved into place
when whole, the records last: a shard with records is complete.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatch
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from refundlens.datasets.collection import family_of
from refundlens.datasets.row import PatternError

SIDE = 192
"""Pixels of a stored crop: trained on whole, or on smaller pieces cut at multiples of 8."""
CELL = 8
WATCH = "watch"
"""Folder below a folder of crops: pairs by generators and of photos that training does not see."""


@dataclass(frozen=True)
class Record:
    """tag: kind of pair and who made it. source: the picture it was cut from. generator: a network drew the changed
    pixels. aligned: the twins show the same content. defect: its type, none where nothing was painted. located: the map
    is known; else the crop is manipulated, and nobody said how or where."""

    tag: str
    source: str
    generator: bool
    aligned: bool
    defect: str | None
    located: bool = True


@dataclass(frozen=True)
class Pair:
    """crops: uint8 [2,S,S,3]. maps: uint8 [2,S/8,S/8]."""

    crops: NDArray[np.uint8]
    maps: NDArray[np.uint8]
    record: Record


@dataclass(frozen=True)
class Shard:
    """kept: numbers of the pairs that are drawn, none for all."""

    crops: NDArray[np.uint8]
    maps: NDArray[np.uint8]
    records: tuple[Record, ...]
    kept: tuple[int, ...] | None = None

    @property
    def numbers(self) -> Sequence[int]:
        """Of the pairs that are drawn."""
        return range(len(self.records)) if self.kept is None else self.kept


def write_shard(folder: Path, number: int, pairs: Sequence[Pair]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, parts in (("crops", [pair.crops for pair in pairs]), ("maps", [pair.maps for pair in pairs])):
        beside = folder / f"{number:04d}-{name}.new.npy"
        np.save(beside, np.stack(parts))
        beside.replace(folder / f"{number:04d}-{name}.npy")
    beside = folder / f"{number:04d}.json.new"
    beside.write_text(json.dumps([asdict(pair.record) for pair in pairs]), encoding="utf-8")
    beside.replace(folder / f"{number:04d}.json")


def has_shard(folder: Path, number: int) -> bool:
    return (folder / f"{number:04d}.json").is_file()


def shard_files(folder: Path, ending: str = "json") -> list[Path]:
    """A file a complete shard, in order. ending: `tar` for those that stream."""
    return sorted(folder.glob(f"[0-9][0-9][0-9][0-9].{ending}"))


def open_shards(folder: Path) -> list[Shard]:
    """Every complete shard of a folder, in order, memory-mapped. Raises FileNotFoundError where there is none."""
    shards = []
    for path in shard_files(folder):
        records = tuple(Record(**record) for record in json.loads(path.read_text(encoding="utf-8")))
        crops, maps = (
            np.load(folder / f"{path.stem}-{name}.npy", mmap_mode="r") for name in ("crops", "maps")
        )
        shards.append(Shard(crops, maps, records))
    if not shards:
        raise FileNotFoundError(f"{folder} holds no crops; write some with `refundlens data crops`")
    return shards


def without(shards: Sequence[Shard], leave_out: Sequence[str]) -> list[Shard]:
    """The shards less the pairs that a pattern names, as "generator:NAME" (* allowed) or "family:NAME".

    Raises PatternError for a pattern that names no pair: a test that tests nothing.
    """
    tags = {record.tag for shard in shards for record in shard.records}
    dropped: set[str] = set()
    for pattern in leave_out:
        found = {tag for tag in tags if _named(tag, pattern)}
        if not found:
            raise PatternError(f"{pattern} names no pair here; nothing would be left out")
        dropped |= found
    if not dropped:
        return list(shards)
    return [
        replace(shard, kept=tuple(n for n, record in enumerate(shard.records) if record.tag not in dropped))
        for shard in shards
    ]


def _named(tag: str, pattern: str) -> bool:
    """Whether a pair's tag, KIND:MAKER, is one of the generators that the pattern names."""
    key, _, value = pattern.partition(":")
    maker = tag.partition(":")[2]
    if key == "family":
        return family_of(maker) == value
    if key == "generator":
        return fnmatch(maker, value)
    raise PatternError(
        f"{pattern!r} is no pattern for crops: write generator:NAME (* allowed) or family:NAME"
    )
