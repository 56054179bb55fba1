"""Local facts against a plain loop, and what a table makes of them."""

import numpy as np
import pytest
from numpy.typing import NDArray

from refundlens.model.detection import Region
from refundlens.model.verdict.reliability import FACTS, Curve, ReliabilityMap, ReliabilityTable, local_facts

Pixels = NDArray[np.uint8]


def table(overall: float = 0.6) -> ReliabilityTable:
    """Clipped, flat and blurred are each worth a tenth; what is none of them, 0.8; contrast 1 to 3 lies between."""
    return ReliabilityTable(
        saturation=Curve(at=(0.2, 0.3), worth=(0.8, 0.1)), contrast=Curve(at=(1.0, 3.0), worth=(0.1, 0.8)),
        sharpness=Curve(at=(0.06, 0.1), worth=(0.1, 0.8)), overall=overall, pictures=100,
    )  # fmt: skip


def noise(height: int = 96, width: int = 128) -> Pixels:
    grey = np.random.default_rng(0).integers(60, 190, (height, width, 1))
    return np.repeat(grey, 3, axis=2).astype(np.uint8)


def ramp(height: int = 96, width: int = 128) -> Pixels:
    """Contrast without detail, as far out of focus."""
    grey = 128 + 60 * np.sin(np.arange(width) / 12)
    return np.repeat(np.broadcast_to(grey[None, :, None], (height, width, 1)), 3, axis=2).astype(np.uint8)


def flat(level: int, height: int = 96, width: int = 128) -> Pixels:
    return np.full((height, width, 3), level, np.uint8)


def by_hand(pixels: Pixels) -> NDArray[np.float64]:
    """The definition, cell by cell."""
    luma = pixels.astype(np.float64) @ [0.299, 0.587, 0.114]
    rows, columns = -(-luma.shape[0] // 8), -(-luma.shape[1] // 8)
    facts = np.zeros((3, rows, columns))
    for i in range(rows):
        for j in range(columns):
            count = clipped = squares = energy = pairs = 0.0
            for y in range(max(0, i - 1), min(rows, i + 2)):
                for x in range(max(0, j - 1), min(columns, j + 2)):
                    cell = luma[8 * y : 8 * y + 8, 8 * x : 8 * x + 8]
                    count += cell.size
                    clipped += ((cell >= 250) | (cell <= 5)).sum()
                    squares += ((cell - cell.mean()) ** 2).sum()
                    steps = [*np.diff(cell, axis=0).ravel(), *np.diff(cell, axis=1).ravel()]
                    energy, pairs = energy + float(np.square(steps).sum()), pairs + len(steps)
            variance = squares / count
            detail = energy / max(pairs, 1) / 2
            facts[:, i, j] = clipped / count, variance**0.5, detail / (variance + 0.25)
    return facts


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (67, 45), (40, 64), (7, 20), (33, 9)])
def test_the_facts_are_as_defined_at_any_size(size: tuple[int, int]) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (*size, 3), dtype=np.uint8)
    pixels[: size[0] // 2] = 255
    found = local_facts(pixels)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, by_hand(pixels), atol=1e-3)


def test_facts_tell_clipped_flat_blurred_and_textured_places_apart() -> None:
    white, grey, smooth, rough = (
        dict(zip(FACTS, local_facts(pixels).mean(axis=(1, 2)), strict=True))
        for pixels in (flat(255), flat(120), ramp(), noise())
    )
    assert white["saturation"] == 1 and grey["saturation"] == smooth["saturation"] == 0
    assert grey["contrast"] < 0.01 < 3 < smooth["contrast"] and rough["contrast"] > 20
    assert smooth["sharpness"] < 0.05 and rough["sharpness"] == pytest.approx(1, abs=0.05)


def test_the_map_is_what_the_worst_fact_is_worth() -> None:
    pixels = noise()
    pixels[:, :64] = 255
    found = ReliabilityMap(pixels, table()).map
    assert found.shape == (12, 16) and found.dtype == np.float32
    np.testing.assert_allclose(found[:, :7], 0.1, atol=1e-6)
    np.testing.assert_allclose(found[:, 9:], 0.8, atol=1e-6)
    # beside the border a third of the window is clipped: contrast alone would be worth 0.8
    np.testing.assert_allclose(found[:, 8], 0.1, atol=1e-6)


def test_between_its_points_a_curve_is_a_line() -> None:
    faint = flat(120)
    faint[::2] += 4  # contrast 2 exactly, and as sharp as can be
    np.testing.assert_allclose(ReliabilityMap(faint, table()).map, 0.45, atol=1e-3)


def test_the_summary_speaks_of_the_picture_and_of_the_regions() -> None:
    pixels = noise()
    pixels[:, :64] = 120
    whole = ReliabilityMap(pixels, table())
    inside = whole.summary([Region(box=(0, 0, 40, 96), probability=0.9)])
    assert inside.over_regions == pytest.approx(0.1)
    # the window of the cells beside the border holds enough of the texture
    assert inside.low_share == pytest.approx(7 / 16)
    assert inside.mean == pytest.approx(0.1 * 7 / 16 + 0.8 * 9 / 16)
    assert whole.summary([]).over_regions is None


@pytest.mark.parametrize(
    ("pixels", "word"), [(flat(255), "over- or underexposed"), (flat(2), "underexposed"), (ramp(), "blurred")]
)
def test_a_picture_that_is_mostly_unreliable_says_why(pixels: Pixels, word: str) -> None:
    [reason] = ReliabilityMap(pixels, table()).reasons([], "en")
    assert (reason.code, reason.basis) == ("conditions.low_reliability", "derived")
    assert "% of the picture is " in reason.text and word in reason.text
    [chinese] = ReliabilityMap(pixels, table()).reasons([], "zh")
    assert chinese.text.startswith("约 ") and chinese.details == reason.details


def test_regions_come_before_the_picture_and_a_reliable_picture_says_nothing() -> None:
    pixels = noise()
    pixels[:, :40] = 120
    trust = ReliabilityMap(pixels, table())
    assert trust.reasons([], "en") == []  # less than half of it
    [reason] = trust.reasons([Region(box=(0, 0, 32, 96), probability=0.9)], "en")
    assert "100% of the marked area is flat" in reason.text
    assert trust.reasons([Region(box=(64, 0, 128, 96), probability=0.9)], "en") == []


def test_a_place_beyond_the_best_is_named_by_what_it_is() -> None:
    grain = Curve(at=(0.1, 0.5), worth=(0.8, 0.1))
    [reason] = ReliabilityMap(noise(), table().model_copy(update={"sharpness": grain})).reasons([], "en")
    assert "of the picture is grainy" in reason.text


def test_low_is_low_for_this_model() -> None:
    weak = table(overall=0.15)
    assert ReliabilityMap(flat(120), weak).summary([]).low_share == 0
    assert ReliabilityMap(flat(120), table(overall=0.6)).summary([]).low_share == 1


@pytest.mark.parametrize(
    ("at", "worth"), [((1.0, 2.0), (0.5,)), ((2.0, 1.0), (0.5, 0.6)), ((1.0, 1.0), (0.5, 0.6)), ((), ())]
)
def test_a_curve_that_is_none_is_refused(at: tuple[float, ...], worth: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"reliability curve|at least 1"):
        Curve(at=at, worth=worth)


def test_blur_that_costs_nothing_is_not_blamed() -> None:
    harmless = table().model_copy(update={"sharpness": Curve(at=(0.04, 0.06), worth=(0.8, 0.7))})
    assert ReliabilityMap(ramp(), harmless).reasons([], "en") == []
