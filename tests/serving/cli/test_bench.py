"""The bench's own arithmetic, and a short real run of `refundlens bench --serve` and `--soak` with the tiny model."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from refundlens.model.bundle import load
from refundlens.model.detect import Detector
from refundlens.model.photo.image import ImageError, read_photo
from refundlens.serving.cli.main import app
from tests.bench import servers
from tests.bench.client import Plan, Sample
from tests.bench.figures import fate, median, percentiles, steady_rate, summarise
from tests.bench.photos import SCENES, SIZES, mark, prepare, spoil
from tests.bench.process import supported
from tests.bench.soak import renamed, slope

pytestmark = pytest.mark.slow

PLAN = Plan("127.0.0.1", 1, "/", (), seconds=10, rate=1.0)
needs_proc = pytest.mark.skipif(not supported(), reason="the bench reads /proc")


def sample(**changed: object) -> Sample:
    """A right answer to photo 0 after 0.2 s."""
    values = {
        "photo": 0, "bad": False, "due": 1.0, "sent": 1.0, "ended": 1.2, "status": 200, "probability": 0.5,
        "right_file": True, "error": None, "model": None,
    }  # fmt: skip
    return Sample(**{**values, **changed})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, "right"),
        ({"probability": 0.50005}, "right"),
        ({"probability": 0.5002}, "wrong"),
        ({"right_file": False}, "wrong"),
        ({"probability": None, "error": "corrupt"}, "wrong"),
        ({"probability": None, "error": "deadline"}, "expired"),
        ({"ended": 2.1}, "late"),
        ({"sent": 1.9, "ended": 2.1}, "late"),
        ({"status": 503}, "refused"),
        ({"status": 429}, "refused"),
        ({"status": 503, "ended": 1.95}, "expired"),
        ({"status": 408}, "expired"),
        ({"status": 0, "error": "TimeoutError"}, "lost"),
        ({"status": 500}, "lost"),
        ({"bad": True, "probability": None, "error": "corrupt"}, "rejected"),
        ({"bad": True, "status": 422, "probability": None}, "rejected"),
        ({"bad": True}, "wrong"),
        ({"bad": True, "status": 500}, "lost"),
    ],
)
def test_every_request_has_one_fate(changed: dict[str, object], expected: str) -> None:
    assert fate(sample(**changed), [0.5], deadline=1.0) == expected


def test_goodput_counts_what_was_right_and_in_time() -> None:
    samples = [
        sample(),
        sample(ended=2.5),
        sample(status=503, probability=None),
        sample(bad=True, status=400, probability=None),
    ]
    found = summarise(samples, PLAN, [0.5], 1.0, cpu_seconds=3.0)
    assert found["goodput_per_second"] == pytest.approx(0.1)
    assert found["photos_per_second"] == pytest.approx(0.2)
    assert found["p99_ms"] > 1400 and found["cpu_ms_per_photo"] == pytest.approx(1500)
    assert (found["late_count"], found["refused_count"], found["rejected_count"]) == (1, 1, 1)


def test_nothing_answered_has_no_figures() -> None:
    found = summarise([sample(status=0)], PLAN, [0.5], 1.0, cpu_seconds=1.0)
    assert found["p50_ms"] is None and found["cpu_ms_per_photo"] is None and found["goodput_per_second"] == 0


def test_a_steady_rate_leaves_both_ends_out() -> None:
    assert steady_rate([0.5, 1.0, 3.0, 5.0, 9.0, 10.5], seconds=10) == pytest.approx(3 / 8)


def test_rounds_are_merged_by_median_and_counts_added() -> None:
    rounds = [{"p50_ms": ms, "lost_count": 1, "clients": None, "errors": [str(ms)]} for ms in (1.0, 9.0, 2.0)]
    merged = median(rounds)
    assert merged == {"p50_ms": 2.0, "lost_count": 3, "clients": None, "errors": ["1.0", "2.0", "9.0"]}
    assert percentiles([0.1, 0.2, 0.3])["p50_ms"] == pytest.approx(200)


def test_a_slope_is_found_after_the_warming() -> None:
    filling = [(float(second), 50.0 + 30 * second) for second in range(4)]
    steady = [(float(second), 200.0 + 0.5 * second) for second in range(4, 16)]
    assert slope(filling + steady)["mb_per_minute"] == pytest.approx(30)
    assert slope([(0.0, 1.0)])["mb_per_minute"] is None


def test_marked_photos_differ_in_bytes_and_not_in_pixels(photo: Callable[..., bytes]) -> None:
    plain = photo()
    first, second = mark(plain, 1), mark(plain, 2)
    assert len({plain, first, second}) == 3
    assert (read_photo(first).pixels == read_photo(plain).pixels).all()


def test_no_spoilt_file_is_a_photo(photo: Callable[..., bytes]) -> None:
    rng = np.random.default_rng(0)
    files = {spoil(photo(), rng) for _ in range(40)}
    assert len(files) >= 5
    for data in files:
        with pytest.raises(ImageError):
            read_photo(data)


def test_drawn_photos_come_from_their_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "tests.bench.photos.SIZES", tuple((width // 8, height // 8) for width, height in SIZES)
    )
    drawn = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        folder = tmp_path / name
        folder.mkdir()
        drawn.append([path.read_bytes() for path in prepare(folder, seed, None)])
    assert drawn[0] == drawn[1] != drawn[2]
    assert len(drawn[0]) == len(SIZES) * len(SCENES)


def test_a_folder_needs_jpeg_photos(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no JPEG photos"):
        prepare(tmp_path, 0, tmp_path)
    (tmp_path / "a.jpg").write_bytes(b"\x89PNG")
    with pytest.raises(ValueError, match=r"a\.jpg"):
        prepare(tmp_path, 0, tmp_path)


def test_a_renamed_bundle_is_the_same_model_with_another_hash(bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "other.onnx"
    path.write_bytes(renamed(bundle.read_bytes(), 1))
    first, other = load(bundle, 1), load(path, 1)
    assert first.name.version == other.name.version and first.name.sha256 != other.name.sha256
    assert first.calibration == other.calibration
    tiles = np.zeros((1, 224, 224, 3), np.uint8)
    assert all((a == b).all() for a, b in zip(first.run(tiles), other.run(tiles), strict=True))


def test_peers_that_are_missing_are_told_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(servers.importlib.util, "find_spec", lambda name: None)
    assert servers.missing("ray") == 'ray is not installed; pip install "ray[serve]"'
    result = CliRunner().invoke(app, ["bench", "--against", "apache"])
    assert result.exit_code == 2


@pytest.mark.parametrize("peer", sorted({one.package for one in servers.PEERS.values()}))
def test_every_peer_has_its_server(peer: str) -> None:
    path = servers.ROOT / "tests/bench/peers" / f"{peer}.py"
    compile(path.read_text(encoding="utf-8"), str(path), "exec")


def test_peers_judge_as_the_detector_does(
    detector: Detector, photo: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Photos of several sizes, a bad one among them and one that is looked at twice, in one batch."""
    monkeypatch.syspath_prepend(str(servers.ROOT))
    from tests.bench.peers import common

    files = [photo(), photo(red=True), b"no photo", photo(size=(700, 500))]
    answers = common.judge(detector, [common.decode(data) for data in files])
    assert answers[2]["error"]["code"]
    for data, answer in zip(files, answers, strict=True):
        if "error" not in answer:
            alone = detector.detect(data).public()
            assert answer["probability"] == pytest.approx(alone["probability"], abs=1e-4)
            assert (answer["verdict"], answer["sha256"]) == (alone["verdict"], alone["sha256"])


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A folder with one small photo."""
    folder = tmp_path / "photos"
    folder.mkdir()
    pixels = np.random.default_rng(3).integers(0, 255, (240, 320, 3)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=80)
    (folder / "a.jpg").write_bytes(file.getvalue())
    return folder


def _bench(bundle: Path, photos: Path, out: Path, *options: str) -> dict[str, object]:
    arguments = ["bench", "--model", str(bundle), "--photos-dir", str(photos), "--out", str(out), "--json"]
    arguments += ["--deadline-ms", "5000", "--clients", "2", "--seconds", "0.6", "--rounds", "1", *options]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    found: dict[str, object] = json.loads(out.read_text(encoding="utf-8"))
    assert json.loads(result.stdout) == found
    return found


@needs_proc
def test_the_real_service_is_measured(bundle: Path, small: Path, tmp_path: Path) -> None:
    found = _bench(bundle, small, tmp_path / "out.json", "--serve", "--rate", "8")
    assert found["failed"] == {}
    measured = found["servers"]
    assert isinstance(measured, dict) and list(measured) == ["bare", "refundlens"]
    one = measured["refundlens"]
    assert one["cold_seconds"] > 0
    loads = [figures for figures in one.values() if isinstance(figures, dict)]
    assert len(loads) == 6 and sum(load["requests"] for load in loads) > 4
    assert all(load["wrong_count"] == load["lost_count"] == 0 for load in loads), loads
    assert measured["bare"]["network"]["alone"]["p50_ms"] > 0


@needs_proc
def test_a_soak_swaps_models_and_loses_nothing(bundle: Path, small: Path, tmp_path: Path) -> None:
    found = _bench(bundle, small, tmp_path / "out.json", "--soak", "0.1", "--rate", "10")
    assert found["lost_count"] == found["wrong_count"] == 0, found["errors"]
    models = found["answers_by_model"]
    assert isinstance(models, list) and len(models) == 3 and all(one["known"] for one in models)
    told_no = sum(int(str(found[f"{fate}_count"])) for fate in ("refused", "expired", "rejected"))
    assert sum(one["answers"] for one in models) + told_no == found["requests"] != 0
