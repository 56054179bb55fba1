"""What is done to a photo at each stage. Runs on worker threads, without the engine's lock.

In: a job, or a batch. Out: the job moved on, or the error it failed with; an error never leaves the job it belongs to.

How long a new photo would wait: the tiles before it, times what a tile has cost lately.

In: finished photos, and those under way. Out: seconds. Decoding and judging are counted by the tile, too, since both
grow with the picture.
"""

import math
import time
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from refundlens.model.detection import Detection
from refundlens.model.photo.image import read_photo
from refundlens.serving.engine.job import Judgement, PhotoJob, Priority, TiledPass
from refundlens.serving.engine.runner import ModelRunner
from refundlens.serving.engine.scheduler import Infer, TileSlice
from refundlens.serving.remote.batches import EngineAway


def decode(job: PhotoJob) -> None:
    """Open the photo and lay out its tiles. Raises ImageError, and what the job's `inspect` raises."""
    job.began = time.monotonic()
    photo = read_photo(job.data)
    if job.inspect is not None:
        job.inspect(photo)
    job.begin(photo)
    job.decoded = time.monotonic()
    job.other_seconds += job.decoded - job.began


def observe(job: PhotoJob) -> None:
    """See all that needs no network; other threads run the photo's tiles meanwhile."""
    photo = job.photo
    if photo is None:  # it ended meanwhile
        return
    began = time.monotonic()
    job.observations = job.lane.detector.observe(photo, job.language)
    job.other_seconds += time.monotonic() - began


def infer(task: Infer) -> tuple[float, dict[PhotoJob, Exception]]:
    """Run a batch and put each photo's results in place. Seconds of the run, and the photos it failed for.

    A batch that fails is run again photo by photo: one that breaks the network does not take the others with it. Where
    there is nobody to run it, that would only take longer.
    """
    began = time.monotonic()
    try:
        _run(task.lane, task.slices)
        failed: dict[PhotoJob, Exception] = {}
    except EngineAway as error:
        failed = {part.job: error for part in task.slices}
    except Exception as error:
        failed = {task.slices[0].job: error} if len(task.slices) == 1 else _one_by_one(task)
    seconds = time.monotonic() - began
    total = sum(part.count for part in task.slices)
    for part in task.slices:
        part.job.run_seconds += seconds * part.count / total
    return seconds, failed


def finish(job: PhotoJob) -> Judgement | None:
    """Stitch and judge; or, where the photo needs a second look, lay out the picture for it: None."""
    assert job.look is not None and job.steps is not None
    started = time.monotonic()
    try:
        job.look = TiledPass(job.steps.send(job.look.result()))
    except StopIteration as judged:
        detection: Detection = judged.value
    else:
        job.other_seconds += time.monotonic() - started
        return None
    ended = time.monotonic()
    job.other_seconds += ended - started
    spent = {
        "decode": job.decoded - job.began,
        "infer": job.inferred - job.decoded,
        "total": ended - job.began,
    }
    timings = {name: round(1000 * seconds, 1) for name, seconds in spent.items()}
    detection = detection.model_copy(update={"timings_ms": timings})
    return Judgement(detection, job.began - job.arrived, job.run_seconds + job.other_seconds)


def _run(lane: ModelRunner, slices: Sequence[TileSlice]) -> None:
    network = lane.network()
    at = 0
    for part in slices:
        part.look.copy_tiles(part.first, network.buffer[at : at + part.count])
        at += part.count
    kinds, maps = network.run(at)
    at = 0
    for part in slices:
        part.look.put(part.first, kinds[at : at + part.count], maps[at : at + part.count])
        at += part.count


def _one_by_one(task: Infer) -> dict[PhotoJob, Exception]:
    failed: dict[PhotoJob, Exception] = {}
    for part in task.slices:
        try:
            _run(task.lane, [part])
        except Exception as error:
            failed[part.job] = error
    return failed


SMOOTHING = 0.1
"""Weight of the newest photo in the running means: follows a change of load within some twenty photos."""


class Ahead(NamedTuple):
    """What is done before a new photo, in tiles: to be run, and to be decoded or judged. last: the highest rank of
    those photos."""

    run: int = 0
    other: int = 0
    last: float = -math.inf


class Load:
    """Seconds per tile. workers: threads that decode and judge. runners: threads that run batches; None where the
    workers do that as well. Guarded by the engine's lock."""

    def __init__(self, workers: int, runners: int | None) -> None:
        self._workers, self._runners = workers, runners
        self._run = 0.0
        self._other = 0.0

    def learn(self, job: PhotoJob) -> None:
        """Take a finished photo into account; the first one sets the means."""
        run, other = job.run_seconds / job.tiles, job.other_seconds / job.tiles
        weight = SMOOTHING if self._run else 1.0
        self._run += weight * (run - self._run)
        self._other += weight * (other - self._other)

    def forgive(self) -> None:
        """Believe in a little more speed: while nothing is judged, nothing could show that it is faster by now, and
        one slow photo would shut out impatient callers for good."""
        self._run *= 1 - SMOOTHING
        self._other *= 1 - SMOOTHING

    def seconds(self, ahead: Ahead, own: int) -> float:
        """Until a photo of `own` tiles is judged. Its tiles are shared by the threads, its other stages are one's."""
        runners = self._runners or self._workers
        run, other = ahead.run * self._run, ahead.other * self._other
        before = (
            (run + other) / self._workers
            if self._runners is None
            else max(run / runners, other / self._workers)
        )
        return before + -(-own // runners) * self._run + own * self._other


def ahead_of(
    jobs: Iterable[PhotoJob],
    rank: float,
    now: float,
    group: str = "",
    tiles: int = 0,
    priority: Priority = "interactive",
) -> Ahead:
    """What is done before a new photo of this rank, of `tiles` and of this group: of its own group, those of a lower
    rank; of each other group as much as of its own, since they take turns. Nobody waits for who does not pay, but
    others of the kind."""
    live = [job for job in jobs if not job.over(now) and (job.priority != "visitor" or priority == "visitor")]
    own = [job for job in live if job.group == group and job.rank <= rank]
    last = max((job.rank for job in own), default=-math.inf)
    run, other = sum(job.left for job in own), sum(job.tiles for job in own)
    others: dict[str, tuple[int, int]] = {}
    for job in live:
        if job.group != group and (job.group or job.rank <= rank):
            had = others.get(job.group, (0, 0))
            others[job.group] = (had[0] + job.left, had[1] + job.tiles)
    share = run + tiles if group else math.inf
    ahead = [(min(left, share), min(whole, share)) for left, whole in others.values()]
    return Ahead(int(run + sum(one[0] for one in ahead)), int(other + sum(one[1] for one in ahead)), last)
