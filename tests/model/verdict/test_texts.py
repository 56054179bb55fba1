"""Sentences take the words of their language, and never accuse a person."""

import re
from typing import get_args

import pytest

from refundlens.model.verdict.calibration import Gap
from refundlens.model.verdict.texts import LANGUAGES, reason_text, sentences, value_words


@pytest.mark.parametrize("code", sentences("en"))
def test_no_sentence_speaks_of_a_person(code: str) -> None:
    assert not re.search(r"\b(buyer|customer|fraud|lie|cheat|you)\b", sentences("en")[code])
    assert not re.search("买家|客户|欺诈|骗", sentences("zh")[code])


@pytest.mark.parametrize("gap", [*get_args(Gap), "format", "quality_unreadable"])
def test_every_gap_of_calibration_has_words_and_help(gap: str) -> None:
    for language in LANGUAGES:
        values = {"side": 480, "saved": "GIF", "gap": f"gap.{gap}", "help": f"help.{gap}"}
        text = reason_text("policy.unsupported_condition", language, **values)
        assert all(value_words(language)[values[name]] in text for name in ("gap", "help"))


def test_words_are_translated_inside_sentences() -> None:
    text = reason_text("pixel.defect_is_fake", "zh", defects=["mould"], marks=["1"])
    assert "霉斑" in text
    assert "标记 1" in text


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(KeyError):
        reason_text("metadata.camera", "en")
    with pytest.raises(KeyError):
        reason_text("no.such.code", "en")
