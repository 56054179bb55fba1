"""The detector on a network that takes red for manipulated and blue for a hole (see conftest)."""

import io
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from refundlens.model import detect as module
from refundlens.model.bundle import BundleError
from refundlens.model.detect import BATCH, Detector, Scored, run_steps
from refundlens.model.detection import Detection
from refundlens.model.network.pooling import FEATURES
from refundlens.model.network.tiles import plan
from refundlens.model.photo.image import ImageError, read_photo
from refundlens.model.verdict.calibration import Calibration
from refundlens.model.verdict.claim import PhotoFinding

Make = Callable[..., Path]
Calibrated = Callable[..., Calibration]
Pixels = NDArray[np.uint8]
SPOT = (120, 200, 200, 280)
"""Where pictures are red: x0, y0, x1, y1."""


def cloth(height: int = 480, width: int = 360, seed: int = 0) -> Pixels:
    grey = np.random.default_rng(seed).integers(90, 150, (height, width, 1))
    return np.repeat(grey, 3, axis=2).astype(np.uint8)


def spotted(colour: tuple[int, int, int] = (255, 0, 0)) -> Pixels:
    picture = cloth()
    x0, y0, x1, y1 = SPOT
    picture[y0:y1, x0:x1] = colour
    return picture


def file(pixels: Pixels, kind: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


def codes(found: Detection) -> list[str]:
    return [reason.code for reason in [*found.reasons, *found.details.reasons]]


@pytest.fixture
def detector(make_bundle: Make) -> Detector:
    return Detector(make_bundle(), threads=1)


def test_a_spot_is_found_called_and_explained(detector: Detector) -> None:
    found = detector.detect(file(spotted()))
    assert (found.verdict, found.false_accusation_bound) == ("fake", 0.01)
    assert found.probability == pytest.approx(1 - found.kind["authentic"])
    assert sum(found.kind.values()) == pytest.approx(1)
    assert max(found.kind, key=lambda kind: found.kind[kind]) == "ai_edited"
    assert [region.box for region in found.regions] == [SPOT]
    assert codes(found)[0] == "pixel.local_regeneration"
    assert found.heatmap.shape == (60, 45) and found.heatmap.max() > 0.99


def test_a_photo_below_the_fake_threshold_may_be_suspect_and_says_with_which_bound(
    make_bundle: Make, calibration: Calibrated
) -> None:
    strict = calibration(threshold=0.999999)
    lower = tuple(one.model_copy(update={"threshold": 0.5, "bound": 0.016}) for one in strict.bins)
    path = make_bundle(strict.model_copy(update={"suspect": lower}))
    found = Detector(path, threads=1).detect(file(spotted()))
    assert (found.verdict, found.suspect, found.suspect_bound) == ("inconclusive", True, 0.016)
    assert PhotoFinding.model_validate(found.public()).suspect
    clean = Detector(path, threads=1).detect(file(cloth()))
    assert (clean.verdict, clean.suspect, clean.suspect_bound) == ("authentic", False, 0.016)
    outside = Detector(path, threads=1).detect(file(spotted(), "GIF"))
    assert (outside.verdict, outside.suspect, outside.suspect_bound) == ("inconclusive", False, None)
    without = Detector(make_bundle(strict), threads=1).detect(file(spotted()))
    assert (without.suspect, without.suspect_bound) == (False, None)


def test_an_untouched_picture_is_authentic(detector: Detector) -> None:
    found = detector.detect(file(cloth(), "JPEG", quality=90))
    assert found.verdict == "authentic" and found.regions == [] and found.defects == []
    assert codes(found)[:2] == ["pixel.no_trace", "conditions.compression"]


def test_a_defect_is_fake_only_where_its_own_pixels_are(detector: Detector) -> None:
    real = detector.detect(file(spotted((0, 0, 255))))
    assert [(one.type, one.box) for one in real.defects] == [("hole", SPOT)]
    assert real.defects[0].fake_probability < 0.1 and "pixel.defect_is_fake" not in codes(real)
    fake = detector.detect(file(spotted((255, 0, 255))))
    assert fake.defects[0].fake_probability > 0.9 and "pixel.defect_is_fake" in codes(fake)


def test_a_claimed_defect_is_looked_for_harder_and_changes_no_probability(detector: Detector) -> None:
    faint = spotted((120, 120, 240))  # logit -0.6: between the two thresholds
    plain, claimed = detector.detect(file(faint)), detector.detect(file(faint), claim="hole")
    assert plain.defects == [] and [one.type for one in claimed.defects] == ["hole"]
    assert plain.probability == claimed.probability


@pytest.mark.parametrize("probability", [0.55, 0.95])
def test_what_is_more_likely_fake_than_not_never_reads_as_free_of_traces(
    make_bundle: Make, calibration: Calibrated, probability: float
) -> None:
    """Also where each of the three kinds of manipulation is less likely than "authentic" alone."""
    plain = Detector(make_bundle(), threads=1)
    margin = float(plain.score(cloth()).features[0])
    offset = float(np.log(probability / (1 - probability))) - margin
    found = Detector(make_bundle(calibration(offset=offset, threshold=0.5)), threads=1).detect(file(cloth()))
    assert found.probability == pytest.approx(probability, abs=1e-3) and found.verdict == "fake"
    assert "pixel.no_trace" not in codes(found)


def test_between_the_thresholds_a_person_is_asked(make_bundle: Make, calibration: Calibrated) -> None:
    silent = Detector(make_bundle(calibration(threshold=None)), threads=1).detect(file(spotted()))
    assert (silent.verdict, silent.false_accusation_bound) == ("inconclusive", None)
    assert "policy.inconclusive_band" in codes(silent)


def test_metadata_never_changes_the_probability(detector: Detector) -> None:
    exif = Image.Exif()
    exif[0x0131] = "Adobe Photoshop 25.0"
    plain = detector.detect(file(cloth(), "JPEG", quality=90))
    declared = detector.detect(file(cloth(), "JPEG", quality=90, exif=exif))
    assert "metadata.editing_software" in codes(declared)
    assert (plain.probability, plain.verdict) == (declared.probability, declared.verdict)


@pytest.mark.parametrize("kind", ["GIF", "AVIF"])
def test_a_format_that_calibration_never_saw_gets_no_verdict(detector: Detector, kind: str) -> None:
    if kind not in Image.registered_extensions().values():
        pytest.skip(f"this Pillow writes no {kind}")
    found = detector.detect(file(spotted(), kind))
    assert (found.verdict, found.false_accusation_bound) == ("inconclusive", None)
    assert not found.conditions.supported
    assert any(
        kind in reason.text for reason in found.reasons if reason.code == "policy.unsupported_condition"
    )


@pytest.mark.parametrize("size", [(200, 150), (40, 900), (900, 70)])
def test_scraps_and_strips_get_no_verdict(detector: Detector, size: tuple[int, int]) -> None:
    scrap = cloth(*size)
    scrap[:, :] = (255, 0, 0)
    found = detector.detect(file(scrap))
    assert found.verdict == "inconclusive" and "policy.too_small" in codes(found)


@pytest.mark.parametrize("size", [(1, 1), (7, 300), (225, 224), (1000, 9)])
def test_any_size_is_scored(detector: Detector, size: tuple[int, int]) -> None:
    found = detector.detect(file(cloth(*size)))
    assert (found.height, found.width) == size
    assert found.heatmap.shape == found.defectmap.shape == (-(-size[0] // 8), -(-size[1] // 8))


def test_batches_change_nothing(detector: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = cloth(700, 1000, seed=3)
    assert len(plan(700, 1000).origins) > BATCH
    many = detector.score(picture)
    monkeypatch.setattr(module, "BATCH", 1)
    one = detector.score(picture)
    np.testing.assert_allclose(one.features, many.features, atol=1e-4)
    np.testing.assert_allclose(one.scores.maps, many.scores.maps, atol=1e-4)


@pytest.mark.slow
def test_threads_change_nothing(detector: Detector) -> None:
    files = [file(cloth(seed=seed), "JPEG", quality=80) for seed in range(4)] + [file(spotted())]
    alone = [detector.detect(data).probability for data in files]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda data: detector.detect(data).probability, files * 3))
    assert together == pytest.approx(alone * 3, abs=1e-6)


def test_the_total_counts_what_comes_after_the_network(
    detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(*given: object) -> list[object]:
        time.sleep(0.05)
        return []

    monkeypatch.setattr(module.provenance, "read_provenance", slow)
    told = detector.detect(file(cloth())).timings_ms
    assert told["total"] >= told["decode"] + told["infer"] + 49


def test_reasons_come_in_the_asked_language(detector: Detector) -> None:
    english, chinese = (detector.detect(file(spotted()), language=language) for language in ("en", "zh"))
    assert codes(english) == codes(chinese)
    assert all(a.text != b.text for a, b in zip(english.reasons, chinese.reasons, strict=True))


def test_bad_input_and_an_uncalibrated_bundle_are_told_apart(detector: Detector, make_bundle: Make) -> None:
    with pytest.raises(ImageError):
        detector.detect(b"%PDF-1.7")
    scoring = Detector(make_bundle(facts={"calibration": None}), threads=1)
    assert len(scoring.score(cloth()).features) == len(FEATURES)
    with pytest.raises(BundleError, match="refundlens calibrate"):
        scoring.detect(file(cloth()))


def test_no_pixel_is_surer_than_its_picture(detector: Detector) -> None:
    for picture in (spotted(), cloth(), spotted((0, 0, 255)), spotted((190, 60, 60))):
        found = detector.detect(file(picture))
        assert float(found.heatmap.max()) <= found.probability + 1e-6
        assert all(region.probability <= found.probability + 1e-6 for region in found.regions)


def washed_out(pixels: Pixels) -> Pixels:
    """A copy in which the red is gone."""
    return np.full_like(pixels, 120)


def test_fake_is_looked_at_twice_and_stays_fake(detector: Detector) -> None:
    found = detector.detect(file(spotted()))
    assert found.verdict == "fake" and found.stability.measured and found.stability.stable
    assert found.stability.probability_reencoded == pytest.approx(found.probability, abs=0.05)


def test_an_accusation_that_one_more_upload_would_undo_is_not_made(
    detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module.stability, "reencode", washed_out)
    found, plain = detector.detect(file(spotted())), detector.detect(file(spotted()), recheck="never")
    assert (found.verdict, plain.verdict) == ("inconclusive", "fake")
    assert found.probability == plain.probability
    assert found.stability.measured and not found.stability.stable
    assert found.stability.probability_reencoded is not None
    assert found.stability.probability_reencoded < 0.5 < found.probability
    assert "policy.unstable" in codes(found) and "policy.unstable" not in codes(plain)
    assert "再压缩" in next(
        reason.text
        for reason in detector.detect(file(spotted()), language="zh").reasons
        if reason.code == "policy.unstable"
    )


def test_only_what_would_be_fake_costs_a_second_look(
    detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = []
    monkeypatch.setattr(module.stability, "reencode", lambda pixels: looks.append(1) or pixels)
    quiet = detector.detect(file(cloth()))
    assert looks == [] and not quiet.stability.measured and quiet.stability.probability_reencoded is None
    detector.detect(file(spotted()), recheck="never")
    assert looks == []
    assert detector.detect(file(cloth()), recheck="always").stability.measured
    detector.detect(file(spotted()))
    assert len(looks) == 2


def test_one_who_batches_drives_the_same_steps(detector: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
    files = [file(spotted()), file(cloth())]
    rounds: list[int] = []

    def score(pictures: Sequence[Pixels]) -> list[Scored]:
        rounds.append(len(pictures))
        return [detector.score(pixels) for pixels in pictures]

    def together() -> list[Detection]:
        return run_steps([detector.steps(read_photo(data)) for data in files], score)

    for one, other in zip(together(), map(detector.detect, files), strict=True):
        assert one.public() == other.public() | {"timings_ms": {}}
    assert rounds == [2, 1]  # both, then the copy of the one that would be called fake
    monkeypatch.setattr(module.stability, "reencode", washed_out)
    assert [one.verdict for one in together()] == ["inconclusive", "authentic"]


def test_what_was_observed_is_not_observed_again(detector: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
    photo = read_photo(file(spotted()))
    scored, known = detector.score(photo.judged), detector.observe(photo)
    plain = detector.judge(photo, scored).public()
    monkeypatch.setattr(detector, "observe", None)
    assert detector.judge(photo, scored, observed=known).public() == plain
    steps = detector.steps(photo, recheck="never", observed=lambda: known)
    assert [one.public() for one in run_steps([steps], lambda _: [scored])] == [plain]


def test_a_condition_that_is_not_covered_says_what_is_wrong_and_what_helps(
    make_bundle: Make, calibration: Calibrated
) -> None:
    known = calibration()
    small = tuple(one.model_copy(update={"long_side": (240, 400)}) for one in known.bins)
    detector = Detector(make_bundle(known.model_copy(update={"bins": small})), threads=1)
    for language, words in (
        ("en", ("larger", "480 px", "chat")),
        ("zh", ("尺寸大于", "长边 480 像素，PNG", "聊天")),
    ):
        found = detector.detect(file(spotted()), language=language)
        assert found.verdict == "inconclusive" and not found.stability.stable
        text = next(one.text for one in found.reasons if one.code == "policy.unsupported_condition")
        assert all(word in text for word in words)


def large_spot(scale: int = 8) -> Pixels:
    """2,880 x 3,840 pixels with the spot in its place."""
    picture = cloth(480 * scale, 360 * scale)
    x0, y0, x1, y1 = (place * scale for place in SPOT)
    picture[y0:y1, x0:x1] = (255, 0, 0)
    return picture


@pytest.mark.slow
def test_a_large_photo_is_judged_smaller_and_answered_in_its_own_pixels(detector: Detector) -> None:
    found = detector.detect(file(large_spot(), "JPEG", quality=92))
    assert (found.verdict, found.width, found.height) == ("fake", 2880, 3840)
    assert (found.conditions.long_side, found.conditions.judged_long_side) == (3840, 1600)
    assert found.conditions.supported
    [region] = found.regions
    assert region.box == pytest.approx([place * 8 for place in SPOT], abs=24)
    for cells in (found.heatmap, found.tracemap, found.defectmap):
        assert cells.shape == (480, 360)
    y, x = np.unravel_index(int(found.heatmap.argmax()), found.heatmap.shape)
    assert SPOT[0] <= x < SPOT[2] and SPOT[1] <= y < SPOT[3]
    again = detector.judge(
        read_photo(file(large_spot(), "JPEG", quality=92)),
        detector.score(read_photo(file(large_spot(), "JPEG", quality=92)).judged),
    )
    assert again.probability == found.probability


def test_an_enlarged_thumbnail_is_never_fake_and_told_why(detector: Detector) -> None:
    thumb = Image.fromarray(spotted()).resize((90, 120), Image.Resampling.BICUBIC)
    for kind, options in (("PNG", {}), ("JPEG", {"quality": 85})):
        large = np.array(thumb.resize((720, 960), Image.Resampling.BICUBIC))
        found = detector.detect(file(large, kind, **options))
        assert found.verdict == "inconclusive" and found.false_accusation_bound is None
        text = next(one.text for one in found.reasons if one.code == "policy.unsupported_condition")
        assert "enlarged" in text


def test_every_answer_that_could_be_authentic_says_how_many_fakes_are_called_so(detector: Detector) -> None:
    found = detector.detect(file(cloth())).public()
    assert found["verdict"] == "authentic" and found["miss_bound"] == 0.15
    assert found["miss_bound_of"] == {
        "kinds": {"ai_edited": 40, "ai_generated": 20}, "editors": 5, "pictures": 60, "missed": 4,
    }  # fmt: skip
    assert detector.detect(file(spotted())).miss_bound == 0.15


def test_the_map_before_it_is_held_down_points_at_the_place_in_a_doubtful_picture(
    make_bundle: Make, calibration: Calibrated
) -> None:
    doubtful = Detector(make_bundle(calibration(offset=-11.0)), threads=1).detect(file(spotted()))
    assert doubtful.probability < 0.5 and doubtful.heatmap.max() < 0.5
    assert doubtful.tracemap.max() > 0.9
