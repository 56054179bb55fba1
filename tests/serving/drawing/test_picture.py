"""Evidence pictures: always under the platform's limit, always readable, and they say what was found."""

import io
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from refundlens.model.verdict.texts import Language
from refundlens.serving.detection.schemas import EXAMPLE
from refundlens.serving.drawing import text as typeset
from refundlens.serving.drawing.cut import Cut, cut
from refundlens.serving.drawing.picture import LIMIT, evidence_jpeg
from refundlens.serving.drawing.text import chinese_font, clean, font, lacking, settable, wrap
from refundlens.serving.drawing.words import ReportFacts, words
from refundlens.serving.workflow.states import ReportState

FACTS = ReportFacts(
    report_id="rpt_01KAMZ7H2VJ4D8Q0S6W1Y3B5CE",
    refund_id="20261122000123",
    state=ReportState.ESTABLISHED,
    decided_by="detector",
    decided_at=datetime(2026, 11, 22, 8, tzinfo=UTC),
    bound=0.0071,
    claim_reason="Judged together.",
)


def _body(width: int = 320, height: int = 240, **changed: Any) -> dict[str, Any]:
    region = {"box": [0, 0, max(1, width // 2), max(1, height // 2)], "probability": 0.9}
    return {**EXAMPLE, "width": width, "height": height, "regions": [region], **changed}


def _heat(width: int, height: int) -> NDArray[np.float32]:
    cells = np.zeros((-(-height // 8), -(-width // 8)), np.float32)
    cells[: cells.shape[0] // 2 + 1, : cells.shape[1] // 2 + 1] = 1
    return cells


def _png(pixels: NDArray[np.uint8]) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


@pytest.mark.slow
@settings(max_examples=12, suppress_health_check=[HealthCheck.too_slow])
@given(
    width=st.integers(1, 900),
    height=st.integers(1, 900),
    noise=st.booleans(),
    language=st.sampled_from(["en", "zh"]),
    mapped=st.booleans(),
    text=st.text(max_size=900),
)
def test_evidence_is_a_jpeg_under_the_limit(
    width: int, height: int, noise: bool, language: Language, mapped: bool, text: str
) -> None:
    high = 256 if noise else 30
    pixels = np.random.default_rng(width).integers(0, high, (height, width, 3)).astype(np.uint8)
    reason = {"code": "metadata.camera", "basis": "declared", "text": text}
    body = _body(width, height, reasons=[reason] * 9)
    made = evidence_jpeg(
        _png(pixels), body, _heat(width, height) if mapped else None, FACTS, "buyer", language
    )
    assert len(made) < LIMIT
    with Image.open(io.BytesIO(made)) as picture:
        assert picture.format == "JPEG"
        picture.load()


@pytest.mark.slow
def test_noise_with_long_reasons_stays_under_the_limit() -> None:
    """What compresses worst, beside as much text as is ever set."""
    pixels = np.random.default_rng(1).integers(0, 256, (1200, 1200, 3)).astype(np.uint8)
    reason = {"code": "metadata.camera", "basis": "declared", "text": "龘成立该图片系伪造" * 200}
    model = {"name": "成立该图" * 100, "version": "1", "sha256": "0" * 64}
    body = _body(1200, 1200, reasons=[reason] * 9, model=model, id="伪造该图" * 100)
    assert len(evidence_jpeg(_png(pixels), body, _heat(1200, 1200), FACTS, "buyer", "zh")) < LIMIT


def test_the_heat_map_and_the_box_are_where_the_photo_is_changed(photo: Callable[..., bytes]) -> None:
    made = evidence_jpeg(photo("PNG"), _body(), _heat(320, 240), FACTS, "buyer", "en")
    pixels = np.asarray(Image.open(io.BytesIO(made)).convert("RGB"), np.int16)
    redness = pixels[..., 0] - pixels[..., 1:].max(axis=-1)
    right = redness[150:, 600:]
    rows, columns = np.nonzero(right > 150)
    assert rows.size > 160 * 120 * 0.8  # half the photo a side is hot
    assert np.ptp(columns) < 220
    assert np.ptp(rows) < 180


def test_the_same_report_gives_the_same_bytes(photo: Callable[..., bytes]) -> None:
    first, second = (evidence_jpeg(photo(), _body(), None, FACTS, "buyer", "zh") for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("state", "english", "chinese", "tone"),
    [
        (ReportState.ESTABLISHED, "Established", "举报成立", "fake"),
        (ReportState.FINAL_ESTABLISHED, "Established, final", "终审举报成立", "fake"),
        (ReportState.NOT_ESTABLISHED, "Not established", "举报不成立", "authentic"),
        (ReportState.FINAL_NOT_ESTABLISHED, "Not established, final", "终审举报不成立", "authentic"),
        (ReportState.NEEDS_REVIEW, "Not decided", "尚未判定", "inconclusive"),
    ],
)
def test_the_outcome_comes_first_in_words(state: ReportState, english: str, chinese: str, tone: str) -> None:
    facts = ReportFacts("rpt_1", "1", state)
    said = words(_body(), facts, "buyer", "en")
    assert said.heading.startswith(english)
    assert words(_body(), facts, "buyer", "zh").heading.startswith(chinese)
    assert said.tone == tone


def test_figures_and_names_are_on_it() -> None:
    said = words(_body(), FACTS, "buyer", "en")
    everything = "\n".join([*said.facts, *said.reasons, *said.footer])
    model = EXAMPLE["model"]
    parts = [FACTS.report_id, FACTS.refund_id, EXAMPLE["sha256"], model["name"], model["version"]]
    parts += [EXAMPLE["created_at"], "2026-11-22T08:00:00.000Z", "97.3%", "1.00%", "0.71%", "AI-edited"]
    for part in [*parts, "Judged together."]:
        assert part in everything
    assert said.subheading.startswith("Decided by the detector")


def test_no_bound_is_said_where_there_is_none() -> None:
    body = _body(false_accusation_bound=None, verdict="inconclusive")
    said = words(body, None, "caller", "en")
    assert said.heading == "Detector: inconclusive"
    assert any("No false-accusation bound" in line for line in said.facts)


@pytest.mark.parametrize(("share", "shown"), [(0.07, "7.00%"), (0.00701, "0.71%"), (0.00001, "0.01%")])
def test_a_bound_is_never_rounded_down(share: float, shown: str) -> None:
    assert any(
        shown in line for line in words(_body(false_accusation_bound=share), None, "caller", "en").facts
    )


def test_a_stored_sentence_that_needs_values_stays_as_it_was() -> None:
    reasons = [
        {"code": "metadata.camera", "basis": "declared", "text": "The metadata names a camera (X100)."},
        {"code": "pixel.no_trace", "basis": "inferred", "text": "No trace."},
    ]
    said = words(_body(reasons=reasons), None, "caller", "zh").reasons
    assert said[0].startswith("The metadata names a camera (X100).")
    assert said[1].startswith("未在像素中发现")


@pytest.mark.skipif(chinese_font() is None, reason="no font with Chinese here; install fonts-noto-cjk")
def test_the_font_has_every_character_we_write() -> None:
    assert lacking() == frozenset()


def test_without_a_chinese_font_pictures_are_in_english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(typeset, "CHINESE", ())
    monkeypatch.setattr(typeset, "_PACKAGE", "no_such_package")
    chinese_font.cache_clear()
    font.cache_clear()
    try:
        assert (settable("zh"), settable("en")) == ("en", "en")
        assert font(20).getlength("evidence") > 0
    finally:
        chinese_font.cache_clear()
        font.cache_clear()


def test_what_strangers_wrote_cannot_turn_the_writing_round() -> None:
    assert clean("a\u202eb\x00c\n\td") == "abc d"
    assert len(clean("x" * 5000)) == 300


@settings(max_examples=40)
@given(st.text(max_size=200), st.integers(60, 400))
def test_lines_fit_and_nothing_is_lost(text: str, width: int) -> None:
    face = font(20)
    lines = wrap(text, face, width)
    assert "".join("".join(lines).split()) == "".join(clean(text).split())
    for line in lines:
        body = line.rstrip("，。、；：？！“”‘’（）《》【】％,.;:?!)]%")
        assert face.getlength(body) <= width or len(body) <= 1


@pytest.mark.skipif(chinese_font() is None, reason="no font with Chinese here; install fonts-noto-cjk")
@pytest.mark.slow
def test_a_font_is_cut_elsewhere_not_by_the_process_that_serves(tmp_path: Path) -> None:
    """It is seconds of Python's own work: everybody would wait for it."""
    ask = "import sys; from refundlens.serving.drawing.text import font_for; print(font_for('甲').stat().st_size); "
    told = subprocess.run(
        [sys.executable, "-c", ask + "print('fontTools' in sys.modules)"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    ).stdout.split()
    assert int(told[0]) > 10_000 and told[1] == "False"
    with pytest.raises(OSError, match="could not be cut"):
        cut(Cut(str(tmp_path / "none.otf"), 0, "a", str(tmp_path / "cut.otf")))
