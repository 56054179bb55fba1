"""Both languages say everything, with the same values, and never accuse a person."""

import re
from string import Formatter
from typing import get_args

import pytest

from refundlens.model.verdict.calibration import Gap
from refundlens.model.verdict.texts import LANGUAGES, TEXTS, WORDS, reason_text


def _fields(text: str) -> set[str]:
    return {re.split(r"[\[.]", name)[0] for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("code", TEXTS)
def test_languages_are_complete_and_take_the_same_values(code: str) -> None:
    assert set(TEXTS[code]) == set(LANGUAGES)
    assert _fields(TEXTS[code]["en"]) == _fields(TEXTS[code]["zh"])
    assert re.search(r"[\u4e00-\u9fff]", TEXTS[code]["zh"])
    assert not re.search(r"[\u4e00-\u9fff]", TEXTS[code]["en"])


@pytest.mark.parametrize("code", TEXTS)
def test_no_sentence_speaks_of_a_person(code: str) -> None:
    assert not re.search(r"\b(buyer|customer|fraud|lie|cheat|you)\b", TEXTS[code]["en"])
    assert not re.search("买家|客户|欺诈|骗", TEXTS[code]["zh"])


@pytest.mark.parametrize("gap", [*get_args(Gap), "format", "quality_unreadable"])
def test_every_gap_of_calibration_has_words_and_help(gap: str) -> None:
    for language in LANGUAGES:
        values = {"what": "480 px", "gap": f"gap.{gap}", "help": f"help.{gap}"}
        text = reason_text("policy.unsupported_condition", language, **values)
        assert WORDS[f"gap.{gap}"][language] in text and WORDS[f"help.{gap}"][language] in text


def test_words_are_translated_inside_sentences() -> None:
    assert set(map(frozenset, WORDS.values())) == {frozenset(LANGUAGES)}
    text = reason_text("pixel.defect_is_fake", "zh", defects=["mould"], marks=["1"])
    assert "霉斑" in text
    assert "标记 1" in text


def test_a_missing_value_is_an_error() -> None:
    with pytest.raises(KeyError):
        reason_text("metadata.camera", "en")
    with pytest.raises(KeyError):
        reason_text("no.such.code", "en")
