"""What every peer does alike: the same model file, threads, decoding, scoring and judging as `model.detect.Detector`.

In: bytes of photos. Out: the object that /v1/detect answers with. A framework only brings the bytes here and the
answer back; a bad photo becomes an answer of its own, so that it fails no neighbour in a batch.
"""

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from refundlens.model.detect import BATCH, Detector, Scored, run_steps
from refundlens.model.network import tiles
from refundlens.model.network.pooling import Scores, features
from refundlens.model.photo.image import ImageError, Photo, read_photo

BATCH_WAIT = 0.005
"""Seconds a batch may wait to be filled: what the frameworks' own examples use."""
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Given:
    """What `refundlens bench` asks for, by variables of the environment. workers: of one inference thread each, in
    processes or threads as the framework has them; batch: photos; capacity: requests that may wait, 0 for the
    framework's own limit."""

    bundle: Path
    port: int
    workers: int
    batch: int
    capacity: int


def given() -> Given:
    """Raises KeyError where a variable is missing."""
    value = os.environ
    return Given(
        Path(value["BENCH_BUNDLE"]),
        int(value["BENCH_PORT"]),
        int(value["BENCH_WORKERS"]),
        int(value["BENCH_BATCH"]),
        int(value["BENCH_CAPACITY"]),
    )


def load() -> Detector:
    """The model, one inference thread."""
    return Detector(given().bundle, threads=1)


def decode(data: bytes) -> Photo | ImageError:
    """A photo, or why it is none."""
    try:
        return read_photo(data)
    except ImageError as error:
        return error


def judge(detector: Detector, photos: Sequence[Photo | ImageError]) -> list[dict[str, Any]]:
    """An answer for each photo; their tiles share batches."""
    good = [photo for photo in photos if not isinstance(photo, ImageError)]
    found = run_steps([detector.steps(photo) for photo in good], lambda pictures: _score(detector, pictures))
    answers = (detection.public() for detection in found)
    return [_error(photo) if isinstance(photo, ImageError) else next(answers) for photo in photos]


def body(answer: dict[str, Any]) -> dict[str, Any]:
    """One answer as /v1/detect sends it."""
    return {"detections": [answer]}


def encoded(answer: dict[str, Any]) -> bytes:
    """The same as JSON."""
    return json.dumps(body(answer)).encode()


def _error(error: ImageError) -> dict[str, Any]:
    return {"error": {"code": error.code, "message": error.message}}


def _score(detector: Detector, pictures: Sequence[np.ndarray[Any, np.dtype[np.uint8]]]) -> list[Scored]:
    """`Detector.score` of several pictures, their tiles run together."""
    grids = [tiles.plan(*pixels.shape[:2]) for pixels in pictures]
    kinds, maps = [], []
    for batch in _batches(pictures, grids):
        ran = detector.bundle.run(batch)
        kinds.append(ran[0])
        maps.append(ran[1])
    if not kinds:
        return []
    all_kinds, all_maps = np.concatenate(kinds), np.concatenate(maps)
    scored, first = [], 0
    for grid in grids:
        last = first + len(grid.origins)
        scores = Scores(all_kinds[first:last], tiles.stitch(all_maps[first:last], grid))
        scored.append(Scored(scores, features(scores)))
        first = last
    return scored


def _batches(
    pictures: Sequence[np.ndarray[Any, np.dtype[np.uint8]]], grids: Sequence[tiles.Plan]
) -> Iterator[np.ndarray[Any, np.dtype[np.uint8]]]:
    """All tiles in order, uint8 [up to BATCH,TILE,TILE,3] at a time."""
    waiting: list[np.ndarray[Any, np.dtype[np.uint8]]] = []
    for pixels, grid in zip(pictures, grids, strict=True):
        for first in range(len(grid.origins)):
            waiting.append(tiles.cut(pixels, grid, first, first + 1)[0])
            if len(waiting) == BATCH:
                yield np.stack(waiting)
                waiting.clear()
    if waiting:
        yield np.stack(waiting)
