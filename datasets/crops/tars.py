"""Shards of crops as WebDataset tars: read from end to end, from a disk, a store of objects or a pipe.

In: shards of `datasets.crops.store`. Out: `NNNN.tar`, for each pair `<key>.crops.npy`, `<key>.maps.npy`, `<key>.json`;
and back, pair by pair. The same shards give the same bytes. Memory-mapped shards are quicker where they fit on the
machine's own disk; these are for what does not.
"""

import io
import json
import shutil
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import webdataset

from refundlens.datasets import manifest
from refundlens.datasets.crops.store import WATCH, Pair, Record, open_shards

PAPERS = (manifest.INFO, manifest.SOURCES)


def to_tars(folder: Path, out: Path) -> int:
    """Write each shard as a tar, and the papers beside them; gives the number of pairs. Raises OSError."""
    out.mkdir(parents=True, exist_ok=True)
    count = 0
    for number, shard in enumerate(open_shards(folder)):
        beside = out / f"{number:04d}.tar.new"
        with (
            beside.open("wb") as stream,
            webdataset.TarWriter(stream, user="", group="", mtime=0.0, encoder=False) as tar,
        ):
            for place, record in enumerate(shard.records):
                tar.write(
                    {
                        "__key__": f"{number:04d}-{place:06d}",
                        "crops.npy": _bytes(shard.crops[place]),
                        "maps.npy": _bytes(shard.maps[place]),
                        "json": json.dumps(asdict(record)).encode(),
                    }
                )
                count += 1
        beside.replace(out / f"{number:04d}.tar")
    for name in PAPERS:
        if (folder / name).is_file():
            shutil.copyfile(folder / name, out / name)
    if (folder / WATCH).is_dir():  # looked at again and again: not streamed
        shutil.copytree(folder / WATCH, out / WATCH, dirs_exist_ok=True)
    return count


def pair_of(sample: dict[str, Any]) -> Pair:
    """A sample of webdataset, its fields as bytes."""
    crops, maps = (np.load(io.BytesIO(sample[name])) for name in ("crops.npy", "maps.npy"))
    return Pair(crops, maps, Record(**json.loads(sample["json"])))


def _bytes(array: np.ndarray[Any, Any]) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.ascontiguousarray(array))
    return stream.getvalue()
