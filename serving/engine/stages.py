"""What is done to a photo at each stage. Runs on worker threads, without the engine's lock.

In: a job, or a batch. Out: the job moved on, or the error it failed with; an error never leaves the job it belongs to.
"""

import time
from collections.abc import Sequence
from dataclasses import replace

from model import conditions, stability
from model.image import read_photo
from serving.engine.board import Infer, Slice
from serving.engine.job import Answer, Job, Look
from serving.engine.lane import Lane


def decode(job: Job) -> None:
    """Open the photo and lay out its tiles. Raises ImageError."""
    job.began = time.monotonic()
    job.photo = read_photo(job.data)
    job.look = Look(job.photo.judged)
    job.tiles = job.look.count
    job.decoded = time.monotonic()
    job.other_seconds += job.decoded - job.began


def infer(task: Infer) -> tuple[float, dict[Job, Exception]]:
    """Run a batch and put each photo's results in place. Seconds of the run, and the photos it failed for.

    A batch that fails is run again photo by photo: one that breaks the network does not take the others with it.
    """
    began = time.monotonic()
    try:
        _run(task.lane, task.slices)
        failed: dict[Job, Exception] = {}
    except Exception as error:
        failed = {task.slices[0].job: error} if len(task.slices) == 1 else _one_by_one(task)
    seconds = time.monotonic() - began
    total = sum(part.count for part in task.slices)
    for part in task.slices:
        part.job.run_seconds += seconds * part.count / total
    return seconds, failed


def finish(job: Job) -> Answer | None:
    """Stitch and judge; or, where the photo would be called fake, lay out its JPEG copy for a second look: None."""
    assert job.look is not None and job.photo is not None
    started = time.monotonic()
    detector, scored = job.lane.detector, job.look.result()
    if job.first is None:
        scored = replace(scored, conditions=conditions.measure(job.photo))
        if detector.needs_recheck(job.photo, scored):
            job.first, job.look = scored, Look(stability.reencode(job.photo.judged))
            job.other_seconds += time.monotonic() - started
            return None
    found, again = (job.first, scored) if job.first else (scored, None)
    detection = detector.judge(job.photo, found, job.claim, job.language, again)
    ended = time.monotonic()
    job.other_seconds += ended - started
    spent = {
        "decode": job.decoded - job.began,
        "infer": job.inferred - job.decoded,
        "total": ended - job.began,
    }
    timings = {name: round(1000 * seconds, 1) for name, seconds in spent.items()}
    detection = detection.model_copy(update={"timings_ms": timings})
    return Answer(detection, job.began - job.arrived, job.run_seconds + job.other_seconds)


def _run(lane: Lane, slices: Sequence[Slice]) -> None:
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


def _one_by_one(task: Infer) -> dict[Job, Exception]:
    failed: dict[Job, Exception] = {}
    for part in task.slices:
        try:
            _run(task.lane, [part])
        except Exception as error:
            failed[part.job] = error
    return failed
