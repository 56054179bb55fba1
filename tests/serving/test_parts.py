"""Small parts of serving on their own: ids, languages, order, bounds, references, progress."""

import io
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from refundlens.model.detect import Detector
from refundlens.model.detection import Region
from refundlens.model.verdict.selection import with_reasons
from refundlens.serving.cli.backends import HeatmapFolder
from refundlens.serving.cli.common import AHEAD, in_order
from refundlens.serving.demo.samples import SAMPLES, draw_sample
from refundlens.serving.detection.references import read_reference, with_references
from refundlens.serving.detection.views import marked_by, marked_in, seen_in_others
from refundlens.serving.kit.clock import rfc3339
from refundlens.serving.kit.ids import DETECTION_ID, make_id
from refundlens.serving.kit.language import preferred
from refundlens.serving.settings import Settings
from refundlens.training.references.views import from_another_side
from tests.support.scenes import scene

MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


@given(st.integers(0, 10**11), st.integers(1, 10**9))
def test_ids_sort_by_time(start: int, later: int) -> None:
    first = MOMENT + timedelta(milliseconds=start)
    early, late = make_id("det", first), make_id("det", first + timedelta(milliseconds=later))
    assert early < late and DETECTION_ID.fullmatch(early)


def test_times_are_rfc_3339_in_utc() -> None:
    assert rfc3339(datetime.fromisoformat("2026-01-01T08:00:00.1204+08:00")) == "2026-01-01T00:00:00.120Z"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"), ("", "en"), ("zh", "zh"), ("zh-Hant-TW", "zh"), ("en;q=0.3, zh;q=0.4", "zh"),
        ("zh;q=0", "en"), ("zh;q=x", "en"), ("*", "en"), ("en-GB,zh;q=0.9", "en"),
    ],
)  # fmt: skip
def test_language_of_the_header(header: str | None, language: str) -> None:
    assert preferred(header) == language


def test_results_keep_their_order_and_few_are_held() -> None:
    drawn, finished = 0, 0

    def items() -> object:
        nonlocal drawn
        for number in range(50):
            drawn += 1
            assert drawn - finished <= 2 * AHEAD + 1
            yield number

    def slow_for_some(number: int) -> int:
        time.sleep(0.005 if number % 7 == 0 else 0)
        return number

    for expected, result in enumerate(in_order(slow_for_some, items(), 2)):  # type: ignore[arg-type]
        assert result == expected
        finished += 1
    assert finished == 50


def test_work_runs_side_by_side() -> None:
    barrier = threading.Barrier(2, timeout=10)
    assert len(list(in_order(lambda _: barrier.wait(), range(2), 2))) == 2


def test_heat_map_names_never_collide(tmp_path: Path) -> None:
    folder = HeatmapFolder(tmp_path / "maps")
    names = [
        folder.write(Path(name), b"x").name for name in ("a.jpg", "b/a.png", "a-2.jpg", "A.heic", "a-2.png")
    ]
    assert names == ["a.png", "a-2.png", "a-2-2.png", "A-3.png", "a-2-3.png"]


def test_a_heat_map_never_takes_the_place_of_a_photo(tmp_path: Path) -> None:
    photos = [tmp_path / "a.png", tmp_path / "b.jpg"]
    folder = HeatmapFolder(tmp_path / "x" / "..", photos)
    assert [folder.write(photo, b"x").name for photo in photos] == ["a-2.png", "b.png"]


def test_a_reliability_map_lies_beside_its_heat_map_and_never_takes_the_place_of_a_photo(
    tmp_path: Path,
) -> None:
    photos = [tmp_path / "reliability" / "a.png", tmp_path / "b.jpg"]
    photos[0].parent.mkdir()
    photos[0].write_bytes(b"photo")
    folder = HeatmapFolder(tmp_path, photos)
    for photo in photos:
        folder.write(photo, b"heat", b"trust")
    assert photos[0].read_bytes() == b"photo"
    assert {path.name for path in photos[0].parent.iterdir()} == {"a.png", "a-2.png", "b.png"}
    assert (photos[0].parent / "b.png").read_bytes() == b"trust"


@pytest.fixture(scope="module")
def sample() -> bytes:
    return draw_sample(SAMPLES[1])


def _resaved(data: bytes, scale: float, quality: int, patch: bool = False) -> bytes:
    photo = Image.open(io.BytesIO(data))
    if patch:
        photo.paste((90, 60, 30), (300, 500, 560, 800))
    file = io.BytesIO()
    photo.resize((round(photo.width * scale), round(photo.height * scale))).save(
        file, "JPEG", quality=quality
    )
    return file.getvalue()


def _codes(detector: Detector, data: bytes, *references: bytes) -> list[tuple[str, str]]:
    prepared = [read_reference("shop.jpg", reference) for reference in references]
    before = detector.detect(data)
    after = with_references(before, data, prepared, "en")
    assert after.probability == before.probability and after.verdict == before.verdict
    asked = [reason for reason in after.reasons if reason.code.startswith("reference.")]
    assert after.reasons[: len(asked)] == asked, "who asks is told first"
    return [(reason.code, reason.basis) for reason in asked]


@pytest.mark.slow
def test_the_merchants_own_picture_is_recognised(detector: Detector, sample: bytes) -> None:
    same, none = "reference.same_picture", "reference.not_comparable"
    assert _codes(detector, sample, sample) == [(same, "observed")]
    assert _codes(detector, sample, _resaved(sample, 0.5, 50)) == [(same, "derived")]
    [(patched, basis)] = _codes(detector, _resaved(sample, 0.7, 60, patch=True), sample)
    assert patched in ("reference.defect_added", "reference.marked") and basis == "derived"
    assert _codes(detector, sample, draw_sample(SAMPLES[0])) == [(none, "derived")]
    assert _codes(detector, sample) == []


def test_samples_are_the_same_each_time_and_half_of_them_edited(sample: bytes) -> None:
    assert draw_sample(SAMPLES[1]) == sample
    assert sum(item.edited for item in SAMPLES) * 2 == len(SAMPLES)
    assert len({item.slug for item in SAMPLES}) == len(SAMPLES)


def test_settings_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REFUNDLENS_API_KEYS", "alpha, beta,")
    monkeypatch.setenv("REFUNDLENS_WORKERS", "3")
    settings = Settings()
    assert [key.get_secret_value() for key in settings.api_keys] == [
        "alpha",
        "beta",
    ] and settings.workers == 3
    assert "alpha" not in repr(settings)
    monkeypatch.setenv("REFUNDLENS_MAX_IMAGES", "17")
    with pytest.raises(ValueError, match="16"):
        Settings()


def test_a_folder_that_cannot_be_read_is_an_error_line(
    tmp_path: Path, detector: Detector, photo: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    import os

    from refundlens.serving.cli import backends
    from refundlens.serving.cli.backends import LocalBackend

    (tmp_path / "closed").mkdir()
    (tmp_path / "open.jpg").write_bytes(photo())
    scandir = os.scandir

    def guarded(path: Path) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(backends.os, "scandir", guarded)
    judged = [LocalBackend(detector).judge(path) for path in backends.files_under([tmp_path])]
    assert [result.line.get("error", {}).get("code") for result in judged] == ["unreadable_file", None]


@pytest.mark.slow
def test_photos_of_one_claim_are_held_against_each_other(detector: Detector) -> None:
    rng = np.random.default_rng(1)
    goods = scene(3, 800, 600)
    stained = goods.copy()
    stained[220:264, 300:344] = np.random.default_rng(2).integers(0, 60, (44, 44, 1), dtype=np.uint8)
    files = {name: _png(pixels) for name, pixels in (
        ("spoilt", stained), ("again", from_another_side(goods, rng)), ("other", scene(9, 800, 600)))}  # fmt: skip
    found = detector.detect(files["spoilt"])
    with_region = found.model_copy(update={"regions": [Region(box=(300, 220, 344, 264), probability=0.9)]})
    marked = marked_by(with_region)
    assert marked_in(with_region.public()) == marked
    said = seen_in_others({"spoilt": marked}, {}, files, "en")["spoilt"]
    assert {one.code: one.details for one in said} == {
        "claim.same_thing": {"count": 1}, "claim.spot_in_one": {"count": 1}}  # fmt: skip
    assert with_reasons(with_region, said).verdict == found.verdict
    plain = marked_by(found.model_copy(update={"regions": [], "defects": []}))
    later = seen_in_others({"again": plain}, {"spoilt": marked}, files, "zh")["again"]
    assert [one.code for one in later] == ["claim.same_thing", "claim.earlier_spot_in_one"]
    alone = {"spoilt": files["spoilt"]}
    assert seen_in_others({"spoilt": marked}, {}, {**alone, "text": b"no picture"}, "zh") == {}
    assert seen_in_others({"spoilt": marked}, {}, alone, "en") == {}


def _png(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
