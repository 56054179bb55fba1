"""The engine's parts without its threads: who goes first, what a batch takes, what it costs, how long it takes."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundlens.model.detect import Detector
from refundlens.model.network import pooling
from refundlens.model.network.tiles import TILE
from refundlens.serving.engine import scheduler
from refundlens.serving.engine.job import LATER, PhotoJob, Priority, TiledPass
from refundlens.serving.engine.runner import (
    NEAR,
    TRY_EVERY,
    BoundNetwork,
    CostCurve,
    DirectNetwork,
    ModelRunner,
)
from refundlens.serving.engine.scheduler import (
    LARGE_AREA,
    STAGES,
    Decode,
    Drop,
    Finish,
    Infer,
    Observe,
    Scheduler,
)
from refundlens.serving.engine.stages import Ahead, Load, ahead_of

ALL = STAGES
MakeJob = Callable[..., PhotoJob]


@pytest.fixture
def lane(detector: Detector) -> ModelRunner:
    return ModelRunner(detector)


@pytest.fixture
def make(lane: ModelRunner) -> MakeJob:
    """A job of a picture of `tiles` tiles in a row."""

    def make(
        arrived: float = 0.0,
        tiles: int = 1,
        priority: Priority = "interactive",
        deadline: float = math.inf,
        down: ModelRunner = lane,
    ) -> PhotoJob:
        width = TILE * tiles
        job = PhotoJob(b"", None, "en", priority, arrived, deadline, tiles, TILE * width, down)
        job.look = TiledPass(np.zeros((TILE, width - 16 * (tiles - 1), 3), np.uint8))
        assert job.look.count == tiles
        return job

    return make


def _pixels(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3)).astype(np.uint8)


@pytest.mark.parametrize("size", [(100, 90), (224, 224), (300, 700), (533, 401)])
@pytest.mark.parametrize("piece", [1, 3, 100])
def test_a_look_in_pieces_gives_what_the_detector_gives(
    detector: Detector, size: tuple[int, int], piece: int
) -> None:
    pixels = _pixels(*size)
    look, network = TiledPass(pixels), DirectNetwork(detector.bundle.session, 100)
    for first in range(0, look.count, piece):
        count = min(piece, look.count - first)
        look.copy_tiles(first, network.buffer[:count])
        look.put(first, *network.run(count))
    whole = pooling.score_picture(pixels, detector.bundle.run, 8)
    np.testing.assert_allclose(look.result().scores.maps, whole.maps, atol=1e-5)
    np.testing.assert_allclose(look.result().scores.kinds, whole.kinds, atol=1e-5)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_bound_memory_and_padding_change_no_result(bundle: Path, count: int) -> None:
    session = onnxruntime.InferenceSession(str(bundle), providers=["CPUExecutionProvider"])
    direct, bound = DirectNetwork(session, 4), BoundNetwork(session, (1, 2, 4), device="cpu")
    bound.buffer[:] = 255  # what an earlier batch may have left there
    for seed in range(2):
        tiles = _pixels(TILE * count + seed, TILE)[: TILE * count].reshape(count, TILE, TILE, 3)
        direct.buffer[:count] = bound.buffer[:count] = tiles
        for one, other in zip(direct.run(count), bound.run(count), strict=True):
            assert one.shape == other.shape
            np.testing.assert_allclose(one, other, atol=1e-5)


def test_the_cap_is_the_smallest_size_that_is_nearly_the_fastest() -> None:
    curve = CostCurve((1, 2, 4, 8))
    assert curve.cap == 8, "before anything is known"
    for size, seconds in {1: 10.0, 2: 12.0, 4: 16.0, 8: 16.0 * 2 * (1 - NEAR / 2)}.items():
        curve.observe(size, seconds)
    assert curve.cap == 4 and curve.per_tile() == 4.0
    curve.observe(3, 0.001)
    assert curve.cap == 4, "sizes between those of the curve are no part of it"


def test_the_cap_follows_the_machine_and_looks_again_now_and_then() -> None:
    curve = CostCurve((1, 2))
    curve.observe(1, 1.0)
    curve.observe(2, 2.0)
    limits = [curve.next_limit() for _ in range(2 * TRY_EVERY)]
    assert limits.count(2) == 2 and curve.cap == 1
    for _ in range(50):
        curve.observe(2, 1.2)
    assert curve.cap == 2


@given(st.dictionaries(st.sampled_from([1, 2, 4, 8, 16]), st.floats(1e-4, 10), min_size=1))
def test_a_cap_is_never_far_from_the_best(costs: dict[int, float]) -> None:
    curve = CostCurve((1, 2, 4, 8, 16))
    for size, seconds in costs.items():
        curve.observe(size, seconds)
    best = max(size / seconds for size, seconds in costs.items())
    assert curve.cap / costs[curve.cap] >= (1 - NEAR) * best * (1 - 1e-9)


def test_photos_go_in_the_order_they_came_and_bulk_lets_others_past_for_a_while(make: MakeJob) -> None:
    board = Scheduler(10**9)
    bulk = make(0.0, priority="bulk")
    early, late = make(LATER["bulk"] - 1), make(LATER["bulk"] + 1)
    shadow = make(-100.0, priority="shadow")
    for job in (shadow, late, bulk, early):
        board.add(job, "decode")
    order = [board.take(ALL, 0.0, 1) for _ in range(4)]
    assert [task.job for task in order if isinstance(task, Decode)] == [early, bulk, late, shadow]
    assert board.take(ALL, 0.0, 1) is None


def test_a_photo_is_finished_before_the_next_is_begun(make: MakeJob) -> None:
    board = Scheduler(10**9)
    first, second, third = make(1.0), make(2.0), make(3.0)
    board.add(first, "decode")
    board.add(second, "infer")
    board.add(third, "finish")
    assert isinstance(board.take(ALL, 0.0, 1), Decode)
    assert isinstance(board.take(ALL, 0.0, 1), Infer)
    assert isinstance(board.take(ALL, 0.0, 1), Finish)


def test_threads_only_get_what_they_do(make: MakeJob) -> None:
    board = Scheduler(10**9)
    board.add(make(), "infer")
    assert board.take(("decode", "finish"), 0.0, 1) is None
    assert isinstance(board.take(("infer",), 0.0, 1), Infer)


def test_photos_share_a_batch_and_idle_threads_share_the_tiles(make: MakeJob, lane: ModelRunner) -> None:
    lane.curve = CostCurve((1, 2, 4, 8))
    for size, seconds in {1: 4.0, 2: 5.0, 4: 6.0, 8: 7.0}.items():
        lane.curve.observe(size, seconds)
    board = Scheduler(10**9)
    jobs = [make(0.0, 3), make(1.0, 2), make(2.0, 9)]
    for job in jobs:
        board.add(job, "infer")
    task = board.take(ALL, 0.0, 1)
    assert isinstance(task, Infer)
    assert [(part.job, part.first, part.count) for part in task.slices] == [
        (jobs[0], 0, 3),
        (jobs[1], 0, 2),
        (jobs[2], 0, 3),
    ]
    task = board.take(ALL, 0.0, 3)
    assert isinstance(task, Infer), "six tiles are left, for three idle threads"
    assert [(part.job, part.first, part.count) for part in task.slices] == [(jobs[2], 3, 2)]


def test_models_do_not_share_a_batch(make: MakeJob, detector: Detector) -> None:
    board = Scheduler(10**9)
    other = ModelRunner(detector)
    for job in (make(0.0), make(1.0, down=other), make(2.0)):
        board.add(job, "infer")
    lanes = []
    while (task := board.take(ALL, 0.0, 1)) is not None:
        assert isinstance(task, Infer)
        lanes.append((task.lane is other, len(task.slices)))
    assert lanes == [(False, 1), (True, 1), (False, 1)]


@pytest.mark.parametrize("stage", ALL)
def test_late_and_abandoned_photos_are_dropped_before_every_stage(make: MakeJob, stage: str) -> None:
    board = Scheduler(10**9)
    late, gone, good = make(0.0, deadline=5.0), make(1.0), make(2.0)
    gone.future.cancel()
    for job in (late, gone, good):
        board.add(job, stage)  # type: ignore[arg-type]
    tasks = [board.take(ALL, 5.0, 1) for _ in range(3)]
    assert tasks[:2] == [Drop(gone), Drop(late)]
    assert not isinstance(tasks[2], Drop) and tasks[2] is not None


def test_a_late_photo_is_never_part_of_anothers_batch(make: MakeJob) -> None:
    board = Scheduler(10**9)
    board.add(make(0.0), "infer")
    board.add(make(1.0, deadline=5.0), "infer")
    task = board.take(ALL, 6.0, 1)
    assert isinstance(task, Infer) and len(task.slices) == 1
    assert isinstance(board.take(ALL, 6.0, 1), Drop)


def test_a_thread_is_kept_from_visitors_and_large_photos(make: MakeJob) -> None:
    board = Scheduler(10**9, slow_threads=1)
    visitors, large = [make(0.0, priority="visitor") for _ in range(2)], make(0.0)
    large.area = LARGE_AREA
    for stage in ALL:
        for job in visitors:
            board.add(job, stage)
        first = board.take(ALL, 1.0, 2)
        assert first is not None and board.take(ALL, 1.0, 2) is None, "the other thread waits for who pays"
        small = make(5.0)
        board.add(small, stage)
        second = board.take(ALL, 5.0, 2)
        assert second is not None and not isinstance(second, Drop)
        assert (second.slices[0].job if isinstance(second, Infer) else second.job) is small
        board.done(first)
        third = board.take(ALL, 5.0, 2)
        assert third is not None
        board.done(third)
        board.done(second)
        assert board.slow_running == 0
        board.clear()
    board.add(large, "decode")
    board.add(make(1.0), "decode")
    assert board.take(ALL, 1.0, 2) == Decode(large)
    other = board.take(ALL, 1.0, 2)
    assert isinstance(other, Decode) and other.job is not large


def test_groups_take_turns_by_what_was_done_for_each(make: MakeJob) -> None:
    board = Scheduler(10**9)
    many, one = [make(float(n)) for n in range(6)], make(100.0)
    for job in many:
        job.group = "many"
        board.add(job, "decode")
    done = [board.take(ALL, 100.0, 1) for _ in range(2)]
    one.group = "one"
    board.add(one, "decode")
    done += [board.take(ALL, 100.0, 1) for _ in range(3)]
    order = [task.job.group for task in done if isinstance(task, Decode)]
    assert order[2:].index("one") <= 1, "who comes last waits for one at most"
    for job in (*many, one):
        board.release(job)
    assert not board._spent and not board._members


def test_a_group_that_took_less_than_its_part_goes_first_for_a_while(make: MakeJob) -> None:
    """And not anew because it went and came again."""
    board = Scheduler(10**9)

    def add(group: str, count: int, at: float) -> None:
        for _ in range(count):
            job = make(at, tiles=50)  # to decode one is 5 tiles' work
            job.group = group
            board.add(job, "decode")

    def take(count: int) -> list[str]:
        order = []
        for _ in range(count):
            task = board.take(ALL, 100.0, 1)
            assert isinstance(task, Decode)
            order.append(task.job.group)
            board.release(task.job)
        return order

    add("many", 30, 0.0)
    assert take(8) == ["many"] * 8
    add("few", 4, 50.0)
    assert take(4) == ["few"] * 4, "a head start of twenty"
    add("few", 4, 51.0)
    paid_back = take(12)
    assert paid_back[:4] == ["many"] * 4 and paid_back.count("few") == 4, (
        "no other one before that is made up for"
    )
    assert take(5) == ["many"] * 5
    add("few", 2, 52.0)
    add("new", 2, 53.0)
    assert sorted(take(4)) == ["few", "few", "new", "new"], (
        "those who took little and those who are new alike"
    )


def test_who_is_over_is_dropped_once_whatever_it_waits_for(make: MakeJob) -> None:
    board, late = Scheduler(10**9), make(0.0, tiles=3, deadline=1.0)
    for stage in ("observe", "infer"):
        board.add(late, stage)
    assert board.take(ALL, 2.0, 1) == Drop(late)
    assert board.take(ALL, 2.0, 1) is None, "two threads would count it twice"


def test_a_shadow_s_batch_is_never_empty_where_visitors_have_no_thread(make: MakeJob) -> None:
    """Empty, it ended the thread."""
    board = Scheduler(10**9, slow_threads=1)
    visitor, shadow = make(0.0, tiles=3, priority="visitor"), make(1.0, tiles=3, priority="shadow")
    for job in (visitor, shadow):
        board.add(job, "observe")
        board.add(job, "infer")
    assert board.take(("observe",), 0.0, 1) == Observe(visitor)
    task = board.take(("infer",), 0.0, 1)
    assert isinstance(task, Infer) and {part.job for part in task.slices} == {shadow}


def test_pixels_in_memory_are_bounded_and_shadows_give_way(make: MakeJob) -> None:
    large = make(0.0, tiles=3)
    board = Scheduler(large.area * 3)
    board.add(large, "decode")
    assert board.take(ALL, 0.0, 1) == Decode(large), "one photo is let in however large it is"
    small = make(1.0)
    board.add(small, "decode")
    assert board.take(ALL, 0.0, 1) is None
    shadow = make(0.0, priority="shadow")
    board.hold(shadow, shadow.area)
    board.add(shadow, "infer")
    assert board.take(("decode",), 0.0, 1) is None, "a thread looks at it: its memory would not be free"
    board.add(shadow, "observe")
    assert board.take(("decode",), 0.0, 1) == Drop(shadow)
    board.release(shadow)
    board.release(large)
    assert board.take(ALL, 0.0, 1) == Decode(small) and board.held == small.area * 3


def test_the_wait_is_the_tiles_before_times_what_tiles_cost(make: MakeJob) -> None:
    load = Load(workers=2, runners=None)
    assert load.seconds(Ahead(100, 100), 100) == 0, "before anything is known"
    done = make(tiles=4)
    done.run_seconds, done.other_seconds = 4.0, 2.0
    load.learn(done)
    assert load.seconds(Ahead(8, 4), 0) == pytest.approx((8 * 1.0 + 4 * 0.5) / 2)
    assert load.seconds(Ahead(), 4) == pytest.approx(2 * 1.0 + 4 * 0.5), "threads share its tiles"
    assert load.seconds(Ahead(), 1) == pytest.approx(1.5), "one tile is one thread's"
    split = Load(workers=2, runners=1)
    split.learn(done)
    assert split.seconds(Ahead(8, 8), 0) == pytest.approx(8.0), "the slower of two stages side by side"
    load.forgive()
    assert load.seconds(Ahead(), 1) < 1.5


def test_only_what_goes_before_is_waited_for(make: MakeJob) -> None:
    gone = make(0.0, 7)
    gone.future.cancel()
    half = make(0.0, 4)
    assert half.look is not None
    half.look.scored = 1
    jobs = [half, gone, make(0.0, 5, "bulk"), make(0.0, 6, "shadow"), make(0.0, 8, deadline=1.0)]
    assert ahead_of(jobs, 2.0, 2.0) == Ahead(3, 4, last=0.0)
    assert ahead_of(jobs, 2.0 + LATER["bulk"], 2.0) == Ahead(3 + 5, 4 + 5, last=LATER["bulk"])
    assert ahead_of(jobs, LATER["bulk"] + 1, LATER["bulk"] + 1).run == 3 + 5, "bulk has aged"
    assert ahead_of([], 2.0, 2.0) == Ahead() == Ahead(0, 0, last=-math.inf)


def test_a_large_photo_lets_small_ones_past_for_as_long_as_it_takes_itself(make: MakeJob) -> None:
    board = Scheduler(10**9)
    arrivals = [("large", 0.0, 3.0), ("small", 1.0, 0.1), ("second large", 1.5, 3.0), ("in time", 2.8, 0.1)]
    arrivals += [("too late", 3.1, 0.1), ("later", 4.3, 0.1)]
    names = {}
    for name, now, alone in arrivals:
        job = make(now)
        job.rank = scheduler.priority_of(now, alone, math.inf, -math.inf)
        names[job] = name
        board.add(job, "infer")
    order = []
    while (task := board.take(ALL, 0.0, idle=9)) is not None:
        assert isinstance(task, Infer)
        order += [names[part.job] for part in task.slices]
    assert order == ["small", "in time", "large", "too late", "later", "second large"]


def _serve(arrivals: list[PhotoJob], board: Scheduler) -> dict[PhotoJob, float]:
    """When each photo is done, on one thread and a clock of its own: a tile takes a second, all else no time."""
    now, done, ahead = 0.0, {}, sorted(arrivals, key=lambda job: job.arrived)
    while len(done) < len(arrivals):
        while ahead and ahead[0].arrived <= now:
            board.add(ahead.pop(0), "decode")
        task = board.take(ALL, now, 1)
        if isinstance(task, Decode):
            board.add(task.job, "infer")
        elif isinstance(task, Infer):
            now += sum(part.count for part in task.slices)
            for part in task.slices:
                part.look.scored += part.count
                if part.look.scored == part.look.count:
                    board.add(part.job, "finish")
        elif isinstance(task, Finish):
            done[task.job] = now
        else:
            now = ahead[0].arrived
    return done


def test_nobody_starves_and_no_time_is_lost(make: MakeJob, lane: ModelRunner) -> None:
    for size in lane.curve.sizes:
        lane.curve.observe(size, float(size))  # batches gain nothing, as on a processor
    large_tiles, small_tiles, every = 42, 4, 5.0

    def load() -> list[PhotoJob]:
        """One large photo in a stream of small ones that asks for four fifths of the time."""
        return [make(0.5, large_tiles), *(make(every * index, small_tiles) for index in range(80))]

    in_order, fair = load(), load()
    for job in fair:
        job.rank = scheduler.priority_of(job.arrived, scheduler.patience_of(job.tiles), math.inf, -math.inf)
    before, after = _serve(in_order, Scheduler(10**9)), _serve(fair, Scheduler(10**9))
    assert max(before.values()) == max(after.values()), "the thread was as busy"
    waits = [[done[job] - job.arrived for job in jobs] for done, jobs in ((before, in_order), (after, fair))]
    assert waits[0][0] < waits[1][0] <= (1 + scheduler.STRETCH) * large_tiles
    assert max(waits[0][1:]) > large_tiles, (
        "in the order they came, small ones waited for all of the large one"
    )
    assert max(waits[1][1:]) <= large_tiles / 2, "now they wait for what was left when its patience was over"
    inside = [wait for job, wait in zip(fair[1:], waits[1][1:], strict=True) if job.arrived < 3 * large_tiles]
    assert max(inside) <= small_tiles + 1, "and before that for one batch of it"
    assert sum(waits[1]) < 0.5 * sum(waits[0])


@given(*(st.floats(0, 100) for _ in range(3)), st.one_of(st.just(-math.inf), st.floats(0, 100)))
def test_a_turn_keeps_the_promises_given_before(now: float, later: float, spare: float, last: float) -> None:
    """last: of those that go before it at its full rank, so never above that."""
    last = min(last, now + later)
    rank = scheduler.priority_of(now, later, spare, last)
    assert last <= rank <= now + later, (
        "behind all that went before it, and past for no longer than it takes itself"
    )
    assert rank <= max(now + scheduler.GIVEN * spare, last), (
        "nobody who comes goes before it once its deadline is in danger"
    )


def test_what_nobody_waits_for_leaves_the_board_at_once(make: MakeJob) -> None:
    board = Scheduler(10**9)
    first, gone, back = make(0.0), make(1.0), make(9.0)
    for job in (first, gone):
        board.add(job, "decode")
    assert board.remove(gone) and not board.remove(gone) and board.waiting("decode") == [first]
    back.future.cancel()
    board.add(back, "infer")
    assert board.take(("infer",), 0.0, 1) == Drop(back), "it was given up while it was decoded"
    assert board.take(ALL, 0.0, 1) == Decode(first)
