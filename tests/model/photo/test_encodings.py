"""A text comes out as it was written, whatever its language and however its bytes are ordered."""

import pytest

from refundlens.model.photo.encodings import guess_text

TEXTS = {
    "russian": "Порвана рубашка — пятно", "one russian word": "Да", "japanese": "シャツに穴があります",
    "korean": "셔츠에 구멍이 있습니다", "german": "Größe XL, müffelt – „kaputt“", "arabic": "قميص ممزق",
    "thai": "เสื้อขาด", "hindi": "शर्ट फटी है", "greek": "Σκισμένο πουκάμισο", "hebrew": "חולצה קרועה",
    "polish": "Koszula z dziurą", "vietnamese": "Áo bị rách ở tay", "chinese": "衬衫破了一个洞",
    "traditional chinese": "襯衫破了一個洞", "emoji": "broken 😀 cup", "a dash": "a — b", "ascii": "a torn shirt",
}  # fmt: skip


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("written", ["utf-16-le", "utf-16-be", "utf-16", "utf-8"])
@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_text_said_to_have_two_bytes_a_character(text: str, written: str, order: str) -> None:
    assert guess_text(text.encode(written), order) == text


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_utf_8_needs_no_mark(text: str) -> None:
    assert guess_text(text.encode()) == text


@pytest.mark.parametrize("text", ["Größe müffelt", "Éléphant déchiré", "niño pequeño", "Ø 30 cm, blå"])
def test_latin_letters_with_marks_are_not_taken_for_chinese(text: str) -> None:
    assert guess_text(text.encode("latin-1")) == text


@pytest.mark.parametrize("text", ["美图秀秀", "破了, size L", "shirt 衬衫 torn"])
def test_chinese_in_gbk(text: str) -> None:
    assert guess_text(text.encode("gbk")) == text
