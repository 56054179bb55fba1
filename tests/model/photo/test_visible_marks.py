"""Gemini's sparkle is seen where Gemini paints it, through chats, and nowhere else."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from refundlens.model.photo.image import read_photo
from refundlens.model.photo.provenance import read_provenance
from refundlens.model.photo.visible_marks import find_visible_marks
from refundlens.model.verdict.policy import rule
from tests.support.scenes import scene

pytestmark = pytest.mark.slow


def _marked(
    pixels: np.ndarray, width: int = 48, margin: int = 32, opacity: float = 0.6, left: bool = False
) -> np.ndarray:
    """A star drawn by Bezier-like arms, not by the formula that is looked for."""
    fine = 8 * width
    star = Image.new("L", (fine, fine))
    centre, waist = fine / 2, fine * 0.1
    angles = np.arange(8) * np.pi / 4
    corners = []
    for index, angle in enumerate(angles):
        reach = centre if index % 2 == 0 else waist * 1.35
        corners.append((centre + reach * np.cos(angle), centre + reach * np.sin(angle)))
    ImageDraw.Draw(star).polygon(corners, fill=255)
    alpha = (
        np.asarray(star.resize((width, width), Image.Resampling.BOX), np.float32)[..., None] / 255 * opacity
    )
    made = pixels.astype(np.float32).copy()
    high, wide = made.shape[:2]
    x = margin if left else wide - margin - width
    part = made[high - margin - width : high - margin, x : x + width]
    part += alpha * (255 - part)
    return np.rint(made).astype(np.uint8)


def _sent(pixels: np.ndarray, side: int, quality: int) -> np.ndarray:
    image = Image.fromarray(pixels)
    image.thumbnail((side, side))
    data = io.BytesIO()
    image.save(data, "JPEG", quality=quality)
    return np.asarray(Image.open(data))


@pytest.mark.parametrize(("width", "margin"), [(48, 32), (80, 24), (40, 20)])
@pytest.mark.parametrize("opacity", [0.5, 0.9])
def test_a_sparkle_is_seen_as_painted_and_after_a_chat(width: int, margin: int, opacity: float) -> None:
    marked = _marked(scene(3, 1024, 1024), width, margin, opacity)
    for pixels in (marked, _sent(marked, 720, 75)):
        (mark,) = find_visible_marks(pixels)
        side = len(pixels)
        x, y, wide, high = mark.box
        middle = (1024 - margin - width / 2) / 1024 * side
        assert mark.tool == "Gemini" and abs(x + wide / 2 - middle) < 4 and abs(y + high / 2 - middle) < 4
        assert 0.7 * width < wide / side * 1024 < 1.4 * width


def test_no_mark_is_seen_in_plain_pictures_elsewhere_or_in_dots() -> None:
    for seed in range(12):
        assert find_visible_marks(scene(seed, 720, 960)) == []
    assert find_visible_marks(_marked(scene(3, 1024, 1024), left=True)) == []
    dark = 255 - _marked(255 - scene(3, 1024, 1024), opacity=0.9)
    assert find_visible_marks(dark) == []  # painted in black
    assert find_visible_marks(scene(1, 190, 190)) == []
    assert find_visible_marks(np.full((600, 600, 3), 255, np.uint8)) == []


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_mark_is_a_reason_that_asks_for_a_person_and_never_accuses(language: str) -> None:
    data = io.BytesIO()
    Image.fromarray(_marked(scene(3, 1024, 1024))).save(data, "JPEG", quality=90)
    reasons = read_provenance(read_photo(data.getvalue()), language)  # type: ignore[arg-type]
    found = {reason.code: reason for reason in reasons}
    assert "Gemini" in found["file.visible_mark"].text
    assert rule("authentic", reasons).verdict == "inconclusive" == rule("inconclusive", reasons).verdict
