"""What Chinese generators write into a corner is read there, through chats, and nothing else is taken for it."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from refundlens.model.photo.image import read_photo
from refundlens.model.photo.provenance import read_provenance
from refundlens.model.photo.written_marks import FILE, find_written_marks
from refundlens.model.verdict.policy import rule
from refundlens.training import written_marks as drawing
from tests.support.scenes import scene

pytestmark = pytest.mark.slow

Pixels = NDArray[np.uint8]
_OPACITY = {"豆包AI生成": 0.62, "即梦AI": 0.8, "AI生成": 0.8, "AI生成 narrow": 0.8, "可灵AI": 0.8, "KlingAI": 0.8,
            "KlingAI latin": 0.8, "AI-generated": 0.8, "AI-generated latin": 0.8, "AI合成": 0.8,
            "AI generated latin": 0.8, "AI로 생성한 콘텐츠": 0.8, "Dola AI latin": 0.8}  # fmt: skip
"""By the names in FILE."""


def _drawn(name: str) -> Pixels:
    with np.load(FILE) as stored:
        return np.asarray(stored[name], np.uint8)


def _marked(
    pixels: Pixels, mark: Pixels, height: float, opacity: float, left: bool = False, top: bool = False, ink: int = 250
) -> Pixels:  # fmt: skip
    """A mark of that height, as a share of the short side, painted near a corner."""
    short = min(pixels.shape[:2])
    high = round(height * short)
    wide = round(mark.shape[1] * high / mark.shape[0])
    alpha = (
        np.asarray(Image.fromarray(mark).resize((wide, high), Image.Resampling.BOX), np.float32)
        / 255
        * opacity
    )
    margin = round(0.018 * short)
    y = margin if top else pixels.shape[0] - margin - high
    x = margin if left else pixels.shape[1] - margin - wide
    made = pixels.astype(np.float32)
    part = made[y : y + high, x : x + wide]
    part += (ink - part) * alpha[..., None]
    return np.rint(made).astype(np.uint8)


def _sent(pixels: Pixels, side: int, quality: int) -> Pixels:
    image = Image.fromarray(pixels)
    image.thumbnail((side, side))
    data = io.BytesIO()
    image.save(data, "JPEG", quality=quality)
    return np.asarray(Image.open(data))


@pytest.mark.parametrize("name", _OPACITY)
@pytest.mark.parametrize("seed", [3, 5])
def test_each_mark_is_read_as_painted_and_after_a_chat(name: str, seed: int) -> None:
    height = {
        "即梦AI": 0.055,
        "可灵AI": 0.0287,
        "KlingAI": 0.028,
        "KlingAI latin": 0.028,
        "Dola AI latin": 0.03,
    }.get(name, 0.037)
    left = name.startswith(("AI-", "AI로"))
    written = name.removesuffix(" latin").removesuffix(" narrow")
    marked = _marked(scene(seed, 1080, 1440), _drawn(name), height, _OPACITY[name], left)
    for pixels in (marked, _sent(marked, 960, 75)):
        (found,) = find_written_marks(pixels)
        high_side, wide_side = pixels.shape[:2]
        scale = min(high_side, wide_side) / 1080
        x, y, wide, high = found.box
        assert found.corner == ("lower_left" if left else "lower_right") and found.text == written
        aside = x if left else wide_side - x - wide
        assert abs(aside - 19 * scale) < 16 and abs(y + high + 19 * scale - high_side) < 16
        assert 0.75 * height < high / 1080 / scale < 1.5 * height


@pytest.mark.parametrize(("left", "top", "corner"), [(True, True, "upper_left"), (True, False, "lower_left")])
def test_writing_in_another_corner(left: bool, top: bool, corner: str) -> None:
    marked = _marked(scene(4, 900, 900), _drawn("AI生成"), 0.04, 0.85, left, top)
    assert [(one.text, one.corner) for one in find_written_marks(marked)] == [("AI生成", corner)]


def _latin(text: str) -> Pixels:
    page = Image.new("L", (80 * len(text), 120))
    ImageDraw.Draw(page).text((10, 10), text, font=ImageFont.load_default(60), fill=255)
    return np.asarray(page.crop(page.getbbox()))


@pytest.mark.parametrize(
    "text", ["SHOT ON XIAOMI 12", "2026-11-03 14:22", "AI CAMERA", "@seller", "Al fk", "IIIIII", "Klein & Co"]
)
def test_other_writing_is_not_taken_for_a_mark(text: str) -> None:
    for seed in (3, 6):
        for height in (0.03, 0.045):
            assert find_written_marks(_marked(scene(seed, 900, 1200), _latin(text), height, 0.9)) == []


def test_what_only_resembles_a_mark_is_none() -> None:
    pixels, mark = scene(3, 1080, 1440), _drawn("豆包AI生成")
    assert find_written_marks(_marked(pixels, mark[:, ::-1], 0.037, 0.62)) == []  # mirrored
    assert find_written_marks(_marked(pixels, mark[::-1], 0.037, 0.62)) == []
    assert find_written_marks(_marked(pixels, mark, 0.037, 0.62, ink=0)) == []  # painted in black
    marked = _marked(pixels, mark, 0.037, 0.62)
    assert find_written_marks(marked) != []
    assert (
        find_written_marks(np.pad(marked, ((0, 400), (0, 400), (0, 0)), mode="edge")) == []
    )  # in the middle
    for seed in range(12):
        assert find_written_marks(scene(seed, 720, 960)) == []
    for grey in (0, 128, 255):
        assert find_written_marks(np.full((600, 600, 3), grey, np.uint8)) == []
    assert find_written_marks(scene(1, 300, 300)) == []


def test_the_stored_marks_are_those_that_are_drawn() -> None:
    for name, shapes in (("豆包AI生成", drawing.DOUBAO), ("即梦AI", drawing.JIMENG)):
        assert np.array_equal(drawing.trimmed(drawing.drawn(shapes)), _drawn(name))


@pytest.mark.parametrize(("language", "corner"), [("en", "lower right"), ("zh", "右下角")])
def test_a_written_mark_is_a_reason_that_asks_for_a_person_and_never_accuses(
    language: str, corner: str
) -> None:
    data = io.BytesIO()
    Image.fromarray(_marked(scene(3, 1080, 1440), _drawn("豆包AI生成"), 0.037, 0.62)).save(
        data, "JPEG", quality=90
    )
    reasons = read_provenance(read_photo(data.getvalue()), language)  # type: ignore[arg-type]
    found = {reason.code: reason for reason in reasons}
    text = found["file.written_mark"].text
    assert "豆包AI生成" in text and corner in text
    assert found["file.written_mark"].basis == "derived"
    assert rule("authentic", reasons).verdict == "inconclusive" == rule("inconclusive", reasons).verdict
