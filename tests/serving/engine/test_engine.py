"""The engine at work: right whatever else is under way, on time or told so, and never at the neighbours' expense."""

import asyncio
import io
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper
from PIL import Image

from refundlens.model.bundle import CALIBRATION, VERSION, BundleError, bundled_path
from refundlens.model.detect import Detector, Observations
from refundlens.model.detection import Detection
from refundlens.model.photo.image import ImageError, Photo
from refundlens.serving.engine import stages
from refundlens.serving.engine.engine import Engine
from refundlens.serving.engine.job import Closed, Expired, Judgement, Overloaded, PhotoJob, Priority
from refundlens.serving.engine.scheduler import Infer, TileSlice
from refundlens.serving.kit.language import Language
from refundlens.serving.observability import Metrics
from refundlens.serving.settings import Settings
from tests.support.waiting import until

MakePhoto = Callable[..., bytes]
PATIENCE = 60.0
"""Seconds that no test needs; a test that hangs ends."""


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


@pytest.fixture
def engine(detector: Detector, settings: Settings, metrics: Metrics) -> Iterator[Engine]:
    engine = Engine(detector, settings, metrics.engine)
    yield engine
    engine.close()


@pytest.fixture
def successor(bundle: Path, tmp_path: Path) -> Callable[..., Path]:
    """Writes the tiny bundle as another version; other entries of its metadata by name, None leaves one out."""

    def write(version: str, **changes: str | None) -> Path:
        model = onnx.load(str(bundle))
        facts: dict[str, str | None] = {item.key: item.value for item in model.metadata_props}
        facts |= {VERSION: version, **changes}
        helper.set_model_props(model, {key: value for key, value in facts.items() if value is not None})
        path = tmp_path / f"{version}.onnx"
        onnx.save(model, str(path))
        return path

    return write


class Slow(Detector):
    """A detector whose last step waits for `go`."""

    def __init__(self, bundle: Path) -> None:
        super().__init__(bundle, threads=1)
        self.go, self.busy = threading.Event(), threading.Event()

    def judge(self, *arguments: object, **named: object) -> Detection:
        self.busy.set()
        assert self.go.wait(PATIENCE)
        return super().judge(*arguments, **named)  # type: ignore[arg-type]


@pytest.fixture
def slow(bundle: Path, settings: Settings, metrics: Metrics) -> Iterator[tuple[Engine, Slow]]:
    """An engine of one thread, held up as soon as its first photo is to be judged."""
    detector = Slow(bundle)
    engine = Engine(detector, settings.model_copy(update={"workers": 1}), metrics.engine)
    yield engine, detector
    detector.go.set()
    engine.close()


def _same(one: Detection, other: Detection) -> None:
    """The contract: the same numbers to 1e-4, whatever else was in the batch."""
    assert one.sha256 == other.sha256 and one.verdict == other.verdict
    assert one.probability == pytest.approx(other.probability, abs=1e-4)
    assert one.kind == pytest.approx(other.kind, abs=1e-4)
    np.testing.assert_allclose(one.heatmap, other.heatmap, atol=1e-4)
    assert [item.box for item in one.regions] == [item.box for item in other.regions]


@pytest.mark.slow
def test_the_bundled_model_gives_the_same_numbers_in_any_company(settings: Settings) -> None:
    rng = np.random.default_rng(3)
    photos = []
    for size in [(200, 220), (180, 250), (240, 400)]:
        file = io.BytesIO()
        small = Image.fromarray(rng.integers(0, 256, (20, 20, 3)).astype(np.uint8))
        small.resize(size, Image.Resampling.BICUBIC).save(file, "JPEG", quality=88)
        photos.append(file.getvalue())
    detector = Detector(bundled_path(), threads=1)
    alone = [detector.detect(photo) for photo in photos]
    engine = Engine(detector, settings)
    try:
        jobs = [engine.job(photo) for photo in photos * 2]
        engine.submit(jobs)
        together = [job.future.result(PATIENCE).detection for job in jobs]
    finally:
        engine.close()
    for one, other in zip(alone * 2, together, strict=True):
        _same(one, other)


@pytest.mark.slow
def test_many_photos_from_many_threads_all_get_their_own_answer(
    engine: Engine, detector: Detector, photo: MakePhoto, metrics: Metrics
) -> None:
    engine.warm_up()
    photos = [photo(size=(230 + 90 * n, 240), red=n % 2 == 0) for n in range(5)]
    alone = [detector.detect(data) for data in photos]

    async def all_at_once() -> list[Detection]:
        answers = await asyncio.gather(*(engine.detect(data, patience=PATIENCE) for data in photos * 4))
        assert all(answer.work > 0 and answer.queued >= 0 for answer in answers)
        return [answer.detection for answer in answers]

    for one, other in zip(alone * 4, asyncio.run(all_at_once()), strict=True):
        _same(one, other)
    assert set(other.timings_ms) == {"decode", "infer", "total"}
    text = metrics.text().decode()
    assert "refundlens_waiting_tiles 0.0" in text and "refundlens_batch_tiles_count" in text
    assert engine.expected_wait(100) > engine.expected_wait(1) > 0


def test_a_photo_to_be_called_fake_is_looked_at_twice(
    engine: Engine, detector: Detector, photo: MakePhoto, metrics: Metrics
) -> None:
    data = photo(red=True)
    answer = engine.detect_now(data, patience=PATIENCE)
    assert (
        answer.detection.verdict == "fake" and answer.detection.stability == detector.detect(data).stability
    )
    assert answer.detection.stability is not None
    tiles = engine.job(data).tiles
    assert f"refundlens_batch_tiles_sum {2 * tiles}.0" in metrics.text().decode()
    once = engine.detect_now(photo(), patience=PATIENCE)
    assert once.detection.verdict != "fake"
    assert f"refundlens_batch_tiles_sum {3 * tiles}.0" in metrics.text().decode()


def test_a_bad_picture_fails_alone(engine: Engine, photo: MakePhoto) -> None:
    with pytest.raises(ImageError, match="empty"):
        engine.job(b"")
    cut = photo(size=(900, 300))
    cut = cut[: len(cut) // 2]
    jobs = [engine.job(data) for data in (photo(), cut, photo(red=True))]
    engine.submit(jobs)
    assert jobs[0].future.result(PATIENCE) and jobs[2].future.result(PATIENCE)
    with pytest.raises(ImageError) as caught:
        jobs[1].future.result(PATIENCE)
    assert caught.value.code == "truncated_image"


class Poisoned:
    """A session that cannot bear a tile that begins with a red pixel."""

    def __init__(self, session: object) -> None:
        self._session = session

    def run(self, names: list[str], feed: dict[str, np.ndarray]) -> object:
        if (feed["tiles"][:, 0, 0] == (250, 10, 10)).all(axis=1).any():
            raise RuntimeError("poisoned")
        return self._session.run(names, feed)  # type: ignore[attr-defined]

    def get_providers(self) -> list[str]:
        return ["CPUExecutionProvider"]


def test_a_picture_that_breaks_the_network_does_not_break_its_batch(slow: tuple[Engine, Slow]) -> None:
    engine, detector = slow
    object.__setattr__(detector.bundle, "session", Poisoned(detector.bundle.session))
    engine = Engine(detector, Settings(workers=1))
    pictures = []
    for colour in [(90, 90, 90), (250, 10, 10), (120, 120, 120)]:
        file = io.BytesIO()
        Image.new("RGB", (250, 230), colour).save(file, "PNG")
        pictures.append(file.getvalue())
    plug = engine.job(pictures[0])
    engine.submit([plug])
    assert detector.busy.wait(PATIENCE)
    jobs = [engine.job(data) for data in pictures]
    engine.submit(jobs)
    detector.go.set()
    assert jobs[0].future.result(PATIENCE) and jobs[2].future.result(PATIENCE)
    with pytest.raises(RuntimeError, match="poisoned"):
        jobs[1].future.result(PATIENCE)
    assert engine.detect_now(pictures[2], patience=PATIENCE), "it goes on"
    engine.close()


def test_a_photo_that_failed_in_one_batch_is_not_finished_by_another(
    engine: Engine, photo: MakePhoto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two runners have its tiles; the second comes back while the first is failing it."""
    crew, job, error = engine._workers, engine.job(photo(size=(700, 240))), RuntimeError("broken")
    stages.decode(job)
    crew._enter(job)
    look = job.look
    assert look is not None
    look.taken = look.count
    head, tail = (Infer(crew.lane, [TileSlice(job, look, *part)]) for part in ((0, 1), (1, look.count - 1)))
    end = crew._end

    def meanwhile(job: PhotoJob, result: Judgement | Exception) -> None:
        crew._infer(tail)
        end(job, result)

    monkeypatch.setattr(stages, "infer", lambda task: (0.01, {job: error} if task is head else {}))
    monkeypatch.setattr(stages, "finish", lambda job: None)
    monkeypatch.setattr(crew, "_end", meanwhile)
    crew._infer(head)
    assert job.future.exception() is error and crew._scheduler.waiting("finish") == []
    crew._finish(job)
    assert crew._scheduler.held == 0 and crew._scheduler.waiting("infer") == [], (
        "no second look at what has ended"
    )


def test_a_photo_past_its_deadline_is_told_so_at_once_and_never_decoded(
    slow: tuple[Engine, Slow], photo: MakePhoto, metrics: Metrics
) -> None:
    engine, detector = slow
    first = engine.job(photo())
    engine.submit([first])
    assert detector.busy.wait(PATIENCE)
    second = engine.job(photo(red=True))
    engine.submit([second])
    second.deadline = time.monotonic()
    with pytest.raises(Expired):
        asyncio.run(engine.result(second))
    with pytest.raises(Expired):
        engine.detect_now(photo(red=True), patience=1.0)
    assert not first.future.done()
    detector.go.set()
    assert first.future.result(PATIENCE)
    last = engine.detect_now(photo(), patience=PATIENCE)
    assert last.detection.sha256 == first.future.result().detection.sha256
    assert 'refundlens_expired_total{stage="decode"} 2.0' in metrics.text().decode()


def test_groups_take_turns(slow: tuple[Engine, Slow], photo: MakePhoto) -> None:
    """Who sends twelve photos at once delays another's one by one or two; visitors wait for both."""
    engine, detector = slow
    first = engine.job(photo())
    engine.submit([first])
    assert detector.busy.wait(PATIENCE)
    order: list[str] = []

    def send(group: str, count: int, priority: Priority = "interactive") -> list[PhotoJob]:
        jobs = [engine.job(photo(), group=group, priority=priority) for _ in range(count)]
        for job in jobs:
            job.future.add_done_callback(lambda _: order.append(group))
            engine.submit([job])
        return jobs

    with engine._workers.changed:  # what a photo costs, as it would be known after some
        engine._workers._load._run = engine._workers._load._other = 0.05
    jobs = send("visitors:", 3, "visitor") + send("tenant:many", 12) + send("tenant:one", 1)
    detector.go.set()
    for job in jobs:
        job.future.result(PATIENCE)
    assert order.index("tenant:one") <= 3, order
    assert order[-3:] == ["visitors:"] * 3, order


def test_an_idle_engine_always_tries_a_small_photo(engine: Engine, photo: MakePhoto) -> None:
    """However slow the last one was: only trying shows how long this one takes."""
    engine.detect_now(photo(), patience=PATIENCE)
    with engine._workers.changed:
        engine._workers._load._run = engine._workers._load._other = 48.0
    assert engine.detect_now(photo(size=(40, 30)), patience=10.0).detection.width == 40


def test_a_deadline_that_cannot_be_met_is_refused_and_an_idle_engine_forgives(
    engine: Engine, photo: MakePhoto, metrics: Metrics
) -> None:
    engine.detect_now(photo(), patience=PATIENCE)
    wait = engine.expected_wait(4)
    assert wait > 0
    with pytest.raises(Overloaded) as caught:
        engine.submit([engine.job(photo(), deadline=time.monotonic() - 1)])
    assert caught.value.wait > 0 and engine.expected_wait(4) < wait
    assert 'refundlens_shed_total{reason="deadline"} 1.0' in metrics.text().decode()


def test_a_caller_who_goes_away_takes_the_photo_along(
    slow: tuple[Engine, Slow], photo: MakePhoto, metrics: Metrics
) -> None:
    engine, detector = slow
    first = engine.job(photo())
    engine.submit([first])
    assert detector.busy.wait(PATIENCE)

    async def leave() -> None:
        task = asyncio.create_task(engine.detect(photo(red=True)))
        await asyncio.sleep(0.01)
        task.cancel()
        await task

    with pytest.raises((asyncio.CancelledError, CancelledError)):
        asyncio.run(leave())
    detector.go.set()
    assert engine.detect_now(photo(), patience=PATIENCE)
    assert 'refundlens_shed_total{reason="abandoned"} 1.0' in metrics.text().decode()


def test_interactive_photos_go_first(slow: tuple[Engine, Slow], photo: MakePhoto) -> None:
    engine, detector = slow
    done: list[str] = []
    plug = engine.job(photo())
    engine.submit([plug])
    assert detector.busy.wait(PATIENCE)
    for name in ("bulk", "bulk", "interactive"):
        job = engine.job(photo(), priority=name)  # type: ignore[arg-type]
        job.future.add_done_callback(lambda _, name=name: done.append(name))  # type: ignore[misc]
        engine.submit([job])
    detector.go.set()
    engine.detect_now(photo(), patience=PATIENCE, priority="bulk")
    assert done == ["interactive", "bulk", "bulk"]


class Gated:
    """A session that stops in the first run of each picture that has white tiles, until `go` is set."""

    def __init__(self, session: object) -> None:
        self._session = session
        self.go, self.reached = threading.Event(), threading.Event()
        self.tiles: list[int] = []

    def run(self, names: list[str], feed: dict[str, np.ndarray]) -> object:
        self.tiles += [int(tile[0, 0, 0]) for tile in feed["tiles"]]
        if (feed["tiles"][:, 0, 0] == 255).any():
            self.reached.set()
            assert self.go.wait(PATIENCE)
        return self._session.run(names, feed)  # type: ignore[attr-defined]

    def get_providers(self) -> list[str]:
        return ["CPUExecutionProvider"]


@pytest.fixture
def gated(bundle: Path, settings: Settings, metrics: Metrics) -> Iterator[tuple[Engine, Gated]]:
    """An engine of one thread that stops within a white picture; it believes that a tile takes a second."""
    detector = Detector(bundle, threads=1)
    session = Gated(detector.bundle.session)
    object.__setattr__(detector.bundle, "session", session)
    engine = Engine(detector, settings.model_copy(update={"workers": 1}), metrics.engine)
    engine._workers._load._run = 1.0
    yield engine, session
    session.go.set()
    engine.close()


def _plain(width: int, height: int, grey: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (width, height), grey).save(file, "PNG")
    return file.getvalue()


@pytest.mark.slow
def test_a_large_photo_makes_way_for_small_ones_and_loses_nothing(gated: tuple[Engine, Gated]) -> None:
    engine, session = gated
    done: list[str] = []
    jobs = {}
    for name, data in {
        "large": _plain(1500, 1200, 255),
        "small": _plain(300, 240, 10),
        "as large": _plain(1500, 1200, 20),
        "smaller": _plain(200, 200, 30),
    }.items():
        jobs[name] = job = engine.job(data)
        job.future.add_done_callback(lambda _, name=name: done.append(name))  # type: ignore[misc]
        engine.submit([job])
        if name == "large":
            assert session.reached.wait(PATIENCE), "it has begun"
    tiles = jobs["large"].tiles
    wait = engine.expected_wait(1)
    assert 1 < wait < tiles, "a small one is told of those that go before it, and of no others"
    assert engine.expected_wait(tiles) > 2 * tiles, "a large one of all"
    session.go.set()
    answers = {name: job.future.result(PATIENCE) for name, job in jobs.items()}
    assert done == ["smaller", "small", "large", "as large"]
    for name, grey in (("large", 255), ("as large", 20)):
        assert session.tiles.count(grey) == tiles, "no tile was run twice"
        _same(Detector.detect(engine.detector, _plain(1500, 1200, grey)), answers[name].detection)


def test_a_large_photo_in_a_hurry_lets_nobody_past_and_overtakes_nobody(gated: tuple[Engine, Gated]) -> None:
    engine, session = gated
    done: list[str] = []
    plug = engine.job(_plain(300, 240, 255))
    engine.submit([plug])
    assert session.reached.wait(PATIENCE)
    for name, size in (("early", (300, 240)), ("large", (1500, 1200)), ("late", (300, 240))):
        job = engine.job(_plain(*size, 10))
        if name == "large":
            wait = engine.expected_wait(job.tiles)
            job.deadline = (
                time.monotonic() + wait * 1.3 + 20
            )  # half of it is less than the early one's own patience
            with pytest.raises(Overloaded):
                engine.submit([engine.job(_plain(*size, 10), deadline=time.monotonic() + wait)])
        job.future.add_done_callback(lambda _, name=name: done.append(name))  # type: ignore[misc]
        engine.submit([job])
    session.go.set()
    assert job.future.result(PATIENCE)
    assert done == ["early", "large", "late"]


def test_what_is_given_up_is_not_begun_and_its_memory_is_there_at_once(
    gated: tuple[Engine, Gated], metrics: Metrics
) -> None:
    engine, session = gated
    begun, waiting = engine.job(_plain(1500, 1200, 255)), engine.job(_plain(300, 240, 10))
    engine.submit([begun])
    assert session.reached.wait(PATIENCE)
    engine.submit([waiting])
    held = engine._workers._scheduler.held
    engine.abandon([begun, waiting])
    assert held > 0 and engine._workers._scheduler.held == 0 and engine._workers.waiting_tiles() == 0
    session.go.set()
    assert engine.detect_now(_plain(300, 240, 20), patience=PATIENCE)
    assert session.tiles.count(10) == 0 and session.tiles.count(255) < begun.tiles
    engine.abandon([begun])
    assert 'refundlens_shed_total{reason="abandoned"} 2.0' in metrics.text().decode()


def test_pixels_are_let_go_with_the_verdict(engine: Engine, photo: MakePhoto) -> None:
    job = engine.job(photo())
    engine.submit([job])
    assert job.future.result(PATIENCE)
    engine.close()
    assert (job.photo, job.look, job.data) == (None, None, b"")


def test_idle_threads_keep_no_job_and_so_no_old_model(engine: Engine, photo: MakePhoto) -> None:
    job = engine.job(photo())
    engine.submit([job])
    assert job.future.result(PATIENCE)
    kept = weakref.ref(job)
    del job
    until(lambda: kept() is None)  # the thread that set the result may still be on its way to the next task


def test_large_and_small_photos_pass_through_little_memory(
    detector: Detector, settings: Settings, photo: MakePhoto
) -> None:
    tight = Engine(detector, settings.model_copy(update={"max_decoded_bytes": 1}))
    jobs = [tight.job(photo(size=(200 + 90 * n, 230))) for n in range(6)]
    tight.submit(jobs)
    assert all(job.future.result(PATIENCE) for job in jobs)
    tight.close()


@pytest.mark.slow
def test_swapping_under_load_loses_no_photo(
    engine: Engine, photo: MakePhoto, successor: Callable[..., Path], metrics: Metrics
) -> None:
    stop, seen, errors = threading.Event(), [], []

    def ask() -> None:
        while not stop.is_set():
            try:
                seen.append(engine.detect_now(photo(), patience=PATIENCE).detection)
            except Exception as error:
                errors.append(error)

    askers = [threading.Thread(target=ask) for _ in range(3)]
    for asker in askers:
        asker.start()
    for version in ("0.0.2", "0.0.3"):
        assert engine.swap(successor(version)).version == version
        assert engine.detect_now(photo(), patience=PATIENCE).detection.model.version == version
    stop.set()
    for asker in askers:
        asker.join(PATIENCE)
    assert not errors and {item.model.version for item in seen} <= {"0.0.1", "0.0.2", "0.0.3"}
    assert len({round(item.probability, 6) for item in seen}) == 1
    assert 'refundlens_swaps_total{result="done"} 2.0' in metrics.text().decode()


def test_photos_under_way_keep_their_model(
    slow: tuple[Engine, Slow], photo: MakePhoto, successor: Callable[..., Path]
) -> None:
    engine, detector = slow
    early = engine.job(photo())
    engine.submit([early])
    assert detector.busy.wait(PATIENCE)
    threading.Timer(0.3, detector.go.set).start()
    engine.swap(successor("0.0.2"))
    assert early.future.done(), "the swap waits until the old model is drained"
    assert early.future.result().detection.model.version == "0.0.1"


@pytest.mark.parametrize("broken", ["missing", "uncalibrated"])
def test_a_model_that_cannot_judge_is_not_swapped_in(
    engine: Engine,
    photo: MakePhoto,
    successor: Callable[..., Path],
    metrics: Metrics,
    broken: str,
    tmp_path: Path,
) -> None:
    path = tmp_path / "no.onnx" if broken == "missing" else successor("0.0.2", **{CALIBRATION: None})
    with pytest.raises(BundleError):
        engine.swap(path)
    with pytest.raises(BundleError):
        engine.shadow(path)
    assert engine.detect_now(photo(), patience=PATIENCE).detection.model.version == "0.0.1"
    assert 'refundlens_swaps_total{result="failed"} 1.0' in metrics.text().decode()


def test_a_model_that_gets_no_gpu_does_not_replace_one_that_has(
    engine: Engine, successor: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = successor("0.0.2")
    monkeypatch.setattr(engine._workers.lane, "gpu", True)
    for change in (engine.swap, engine.shadow):
        with pytest.raises(BundleError, match="GPU"):
            change(path)
    assert engine.detector.name.version == "0.0.1" and engine.agreement is None


def test_a_challenger_sees_its_share_and_is_compared(
    engine: Engine, photo: MakePhoto, successor: Callable[..., Path], metrics: Metrics
) -> None:
    assert engine.agreement is None
    engine.shadow(successor("0.0.9"), share=1.0)
    for red in (True, False):
        answer = engine.detect_now(photo(red=red), patience=PATIENCE)
        assert answer.detection.model.version == "0.0.1", "callers never see the challenger"
        seen = 1 + (not red)
        until(lambda seen=seen: engine.agreement is None or engine.agreement.photos >= seen)  # type: ignore[misc]
    agreement = engine.agreement
    assert agreement is not None and agreement.challenger.version == "0.0.9"
    assert (agreement.photos, agreement.same_verdict) == (2, 2)
    assert agreement.difference == pytest.approx(0.0, abs=1e-6)
    assert 'refundlens_shadow_verdicts_total{agreement="same"} 2.0' in metrics.text().decode()
    engine.shadow(successor("0.0.9"), share=0.0)
    engine.detect_now(photo(), patience=PATIENCE)
    assert engine.agreement is not None and engine.agreement.photos == 0


def test_what_the_challenger_has_no_room_for_is_let_go_at_once(
    engine: Engine, photo: MakePhoto, successor: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[PhotoJob] = []

    def refuse(job: PhotoJob, most: int) -> bool:
        refused.append(job)
        return False

    monkeypatch.setattr(engine._workers, "submit_decoded", refuse)
    engine.shadow(successor("0.0.9"), share=1.0)
    engine.detect_now(photo(), patience=PATIENCE)
    (job,) = refused
    assert (job.photo, job.look, job.steps) == (None, None, None)


def test_a_failing_challenger_costs_nobody_a_verdict(
    engine: Engine, photo: MakePhoto, successor: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine.shadow(successor("0.0.9"), share=1.0)

    def broken(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("refundlens.serving.engine.shadow.PhotoJob", broken)
    assert engine.detect_now(photo(), patience=PATIENCE).detection.verdict


def test_a_closed_engine_says_so(slow: tuple[Engine, Slow], photo: MakePhoto) -> None:
    engine, detector = slow
    first, second = engine.job(photo()), engine.job(photo())
    engine.submit([first])
    assert detector.busy.wait(PATIENCE)
    engine.submit([second])
    threading.Timer(0.1, detector.go.set).start()
    engine.close()
    assert first.future.result(PATIENCE), "what is being worked on is finished"
    with pytest.raises(Closed):
        second.future.result(PATIENCE)
    with pytest.raises(Closed):
        engine.detect_now(photo())


class Observer(Detector):
    """A detector whose first look at what needs no network waits for `go`, and which tells when tiles were run."""

    def __init__(self, bundle: Path) -> None:
        super().__init__(bundle, threads=1)
        self.go, self.looking = threading.Event(), threading.Event()

    def observe(self, photo: Photo, language: Language = "en") -> Observations:
        self.looking.set()
        assert self.go.wait(PATIENCE)
        return super().observe(photo, language)


@pytest.fixture
def observed(bundle: Path, settings: Settings) -> Iterator[tuple[Engine, Observer]]:
    """An engine of two threads."""
    detector = Observer(bundle)
    engine = Engine(detector, settings.model_copy(update={"workers": 2}))
    yield engine, detector
    detector.go.set()
    engine.close()


def test_what_needs_no_network_is_seen_while_tiles_are_run(
    observed: tuple[Engine, Observer], detector: Detector, photo: MakePhoto
) -> None:
    engine, watched = observed
    job = engine.job(photo(size=(700, 500)))
    engine.submit([job])
    assert watched.looking.wait(PATIENCE)
    until(lambda: job.left == 0)  # every tile, while the other thread still looks
    assert not job.future.done()
    watched.go.set()
    _same(job.future.result(PATIENCE).detection, detector.detect(photo(size=(700, 500))))


def test_looking_does_not_wait_for_tiles(bundle: Path, settings: Settings, photo: MakePhoto) -> None:
    watched = Observer(bundle)
    engine = Engine(watched, settings.model_copy(update={"workers": 1}))
    job = engine.job(photo(size=(700, 500)))
    engine.submit([job])
    assert watched.looking.wait(PATIENCE)
    left = job.left
    watched.go.set()
    assert job.future.result(PATIENCE)
    assert left == job.tiles > 1
    engine.close()


def test_a_photo_given_up_while_it_is_looked_at_leaves_nothing_behind(
    observed: tuple[Engine, Observer], photo: MakePhoto
) -> None:
    engine, watched = observed
    job = engine.job(photo(size=(700, 500)))
    engine.submit([job])
    assert watched.looking.wait(PATIENCE)
    engine.abandon([job])
    watched.go.set()
    assert engine.detect_now(photo(), patience=PATIENCE)
    until(lambda: job.photo is None and job.look is None and job.observations is None)
    assert engine.expected_wait() == 0.0


@pytest.mark.parametrize("step", ["observe", "judge"])
def test_a_fault_stays_with_its_photo(
    bundle: Path, settings: Settings, photo: MakePhoto, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    detector = Detector(bundle, threads=1)
    done = getattr(detector, step)

    def faulty(photo: Photo, *rest: object, **named: object) -> object:
        if photo.width > 400:
            raise RuntimeError("fault")
        return done(photo, *rest, **named)

    monkeypatch.setattr(detector, step, faulty)
    engine = Engine(detector, settings)
    jobs = [engine.job(photo(size=size)) for size in [(300, 240), (500, 240), (320, 240)]]
    engine.submit(jobs)
    assert jobs[0].future.result(PATIENCE) and jobs[2].future.result(PATIENCE)
    with pytest.raises(RuntimeError, match="fault"):
        jobs[1].future.result(PATIENCE)
    engine.close()
