"""The pages: both languages, what they must say, fonts that are embedded, and a machine without Chinese."""

import io
from collections.abc import Iterator
from typing import Any

import pypdfium2
import pytest
from pypdf import PdfReader

from refundlens.serving.drawing import text as fonts
from refundlens.serving.drawing import text as typeset
from refundlens.serving.drawing.pack_words import hash_rows, model_rows, report_rows
from refundlens.serving.drawing.text import chinese_font, font
from refundlens.serving.evidence.pack import split

pytestmark = pytest.mark.slow

AT = "2026-11-22T08:00:00.000Z"
DECISION = {
    "id": "dec_1",
    "established": True,
    "appeal_id": None,
    "reason_code": "edit_visible",
    "created_at": AT,
}
APPEAL = {"id": "apl_1", "side": "buyer", "against": "established", "state": "open", "created_at": AT}
DECIDED: dict[str, Any] = {
    "id": "rpt_1", "state": "appealed", "decided_by": "person", "rule": "several_fake", "false_accusation_bound": 0.026,
    "rule_text": {"en": "Several photos of this claim were found to be fake.", "zh": "该退款的多张图片判定为假图。"},
    "decisions": [DECISION], "appeal": {**APPEAL, "decided_at": None},
}  # fmt: skip


@pytest.fixture
def no_chinese(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A machine without a font for it."""
    monkeypatch.setattr(typeset, "CHINESE", ())
    monkeypatch.setattr(typeset, "_PACKAGE", "no_such_package")
    for cached in (chinese_font, font, fonts._cut):
        cached.cache_clear()
    yield
    for cached in (chinese_font, font, fonts._cut):
        cached.cache_clear()


def _pages(pdf: bytes) -> list[str]:
    """Their text without spaces, as Chrome's reader of PDF finds it."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        texts = []
        for page in document:
            words = page.get_textpage()
            texts.append("".join(words.get_text_range().split()))
            words.close()
            page.close()
        return texts
    finally:
        document.close()


@pytest.mark.skipif(chinese_font() is None, reason="no font with Chinese here; install fonts-noto-cjk")
def test_both_languages_are_on_a4_pages_the_asked_one_first(case: Any) -> None:
    for language, order in (("zh-CN", "zh"), ("en", "en")):
        pdf = case.pdf(language=language)
        pages = _pages(pdf)
        first = "举报成立：该图片判定为假图" if order == "zh" else "Established:thisphotoisfake"
        second = "Established:thisphotoisfake" if order == "zh" else "举报成立：该图片判定为假图"
        assert first in pages[0]
        assert any(second in page for page in pages[1:])
        (width, height) = PdfReader(io.BytesIO(pdf)).pages[0].mediabox[2:]
        assert (round(width), round(height)) == (595, 842)


def test_the_pages_say_by_what_it_can_be_checked(case: Any) -> None:
    everything = "".join(_pages(case.pdf()))
    document = split(case.pack())[1]
    said = [
        document["photo"]["sha256"], document["heatmap"]["sha256"], document["model"]["sha256"], case.key.id,
        document["model"]["calibration"]["sha256"], document["audit"]["head"]["hash"], case.report_id,
        "/.well-known/refundlens-evidence.json", "refundlensverify", "screened_fake", "[themodel'sestimate]",
    ]  # fmt: skip
    assert [one for one in said if one not in everything] == []


def test_every_font_is_embedded_and_photo_and_heat_map_are_there(case: Any) -> None:
    page = PdfReader(io.BytesIO(case.pdf())).pages[0]
    assert len(page.images) == 2
    for used in page["/Resources"]["/Font"].values():  # type: ignore[index]
        descriptor = used.get_object()["/DescendantFonts"][0].get_object()["/FontDescriptor"]
        assert any(name.startswith("/FontFile") for name in descriptor.get_object())


def test_the_same_pack_gives_the_same_pdf(case: Any) -> None:
    assert case.pdf() == case.pdf()


def test_without_a_chinese_font_the_pages_are_in_english(case: Any, no_chinese: None) -> None:
    pages = _pages(case.pdf(language="zh"))
    assert "Established:thisphotoisfake" in pages[0]
    assert not any("证据" in page for page in pages)


def test_decisions_and_appeals_are_told_without_names() -> None:
    english, chinese = dict(report_rows(DECIDED, "en")), dict(report_rows(DECIDED, "zh"))
    assert english["Decided by"] == "an adjudicator"
    assert english["Rule of the claim"] == "Several photos of this claim were found to be fake. 2.60%"
    assert english["Decision"].startswith("2026-11-22T08:00:00.000Z: established")
    assert "buyer" in english["Appeal"]
    assert "成立" in chinese["人工判定"] and "买家" in chinese["申诉"]


def test_a_threshold_of_a_wider_condition_says_so(case: Any) -> None:
    document = split(case.pack())[1]
    facts = document["model"]["calibration"]
    facts["condition"]["counted_on"] = [[0, 4000], [50, 102]]
    assert "long side 0 to 3999 pixels" in dict(model_rows(document, "en"))["Threshold from"]
    facts["condition"] = None
    assert "not cover" in dict(model_rows(document, "en"))["Condition"]
    document["model"]["calibration"] = None
    assert "Another model" in dict(model_rows(document, "en"))["Calibration"]
    assert dict(hash_rows(document, "key", "zh"))["密钥"] == "key"
