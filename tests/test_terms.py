"""Chinese as natives write it: the terms of docs/terms.md and the rules of setting, over every Chinese text we have."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from refundlens.model.texts.reader import flat, read_texts
from refundlens.serving.kit.language import FOLDER
from refundlens.serving.kit.money import money
from refundlens.serving.platforms import taobao_calls
from refundlens.serving.workflow.states import ReportState

ROOT = Path(__file__).parent.parent
TERMS = (ROOT / "docs" / "terms.md").read_text(encoding="utf-8")
HAN = r"\u4e00-\u9fff"
OWN_LANGUAGE = ("page.other_language", "track.other_language")
"""The switch to the other language is in that language."""
COMMAND = re.compile(
    r"[（，。](?:可用)?(?:命令|接口)[：\s].*|安装程序（.*|若有原图（.*|REFUNDLENS_\w+|evidence\.json"
)
"""What a person types, or finds on a disk."""


def _texts() -> Iterator[tuple[str, str]]:
    for folder in (ROOT / "model" / "texts", FOLDER):
        for file in sorted((folder / "zh").glob("*.toml")):
            yield from (
                (f"{file.stem}.{key}", text)
                for key, text in flat(read_texts(folder, file.stem, "zh")).items()
            )
    for name, table in vars(taobao_calls).items():
        if isinstance(table, dict) and all(isinstance(key, ReportState) for key in table):
            yield from ((f"{name}.{key}", text) for key, text in table.items() if isinstance(text, str))


TEXTS = dict(_texts())


def _rows() -> list[list[str]]:
    table = TERMS.split("## One word for each thing")[1].split("##")[0]
    rows = [line.strip("|").split("|") for line in table.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in row] for row in rows[2:]]


def test_all_texts_are_looked_at() -> None:
    assert len(TEXTS) > 800 and any(ReportState.EXPIRED in key for key in TEXTS) and len(_rows()) >= 20


@pytest.mark.parametrize(("english", "term", "others"), _rows())
def test_one_word_for_each_thing(english: str, term: str, others: str) -> None:
    assert any(term in text for text in TEXTS.values()), f"{term} ({english}) is nowhere: out with it"
    for other in filter(None, others.split("、")):
        assert [key for key, text in TEXTS.items() if other in text] == [], f"{other}: say {term}"


def test_punctuation_is_full_width() -> None:
    wrong = [
        key
        for key, text in TEXTS.items()
        if re.search(rf"[{HAN}][,;:?!()]|[,;:?!()][{HAN}]|[{HAN}]\.(?!\w)|\d %", text)
    ]
    assert wrong == []


def test_one_space_beside_latin_and_none_beside_punctuation() -> None:
    joined = rf"[{HAN}][A-Za-z0-9]|[A-Za-z0-9%][{HAN}]|[，。：；？！（）“”、] | [，。：；？！（）”、]|[{HAN}] [{HAN}]"
    assert [key for key, text in TEXTS.items() if re.search(joined, text)] == []


def test_no_english_inside() -> None:
    named = re.split(r"[\s,.]+", TERMS.split("Names that have no Chinese in use:")[1].split("\n\n")[0])
    technical = re.split(
        r"[\s,.:_-]+", TERMS.split("administrators and developers also:")[1].split("\n\n")[0]
    )
    for key, text in TEXTS.items():
        for_them = technical if key.startswith(("admin", "developers")) else ()
        bare = COMMAND.sub("", re.sub(r"\{[^}]*\}", "", text))
        words = set(re.findall(r"[A-Za-z][A-Za-z0-9]*", bare))
        assert key in OWN_LANGUAGE or key.endswith(".lang") or words <= {*named, *for_them, "T", "B"}, (
            key,
            words,
        )


def test_templates_have_no_words_of_their_own() -> None:
    """Nor punctuation that one language sets otherwise."""
    for file in (ROOT / "serving" / "web" / "templates").rglob("*.html"):
        code = file.read_text("utf-8")
        assert not re.search(rf"[{HAN}\uff00-\uffef]", code), file.name
        assert not re.search(r"\}\}: |\}\}:<| \(\{\{|\}\}, \{\{ [cbt]\.|\bpx, ", code), file.name
        assert not re.search(r"join\([\"'][,;]+ ", code), f"{file.name}: join by t.between"


def test_percentages_have_no_space_in_english_either() -> None:
    """As figures beside them are written."""
    wrong = [
        f"{file.stem}.{key}"
        for file in sorted((FOLDER / "en").glob("*.toml"))
        for key, text in flat(read_texts(FOLDER, file.stem, "en")).items()
        if re.search(r"[\d}] %", text)
    ]
    assert wrong == []


def test_no_english_sentence_counts_one_things() -> None:
    """`sessions_one` beside `sessions`, or words that do for one as for many; what is never one has its reason here."""
    never_one = {"page.sum", "sharing.too_many", "statistics.cut", "admin_buyers.shared", "models.steps"}
    every = {
        f"{file.stem}.{key}": text
        for file in sorted((FOLDER / "en").glob("*.toml"))
        for key, text in flat(read_texts(FOLDER, file.stem, "en")).items()
    }
    counts = {
        key for key, text in every.items() if re.match(r"\{(count|refunds|photos|entries)\} [a-z]+s\b", text)
    }
    assert {key for key in counts - never_one if f"{key}_one" not in every} == set()


def test_yuan_has_its_sign() -> None:
    assert money(128000, "CNY", "zh") == "¥1,280.00"
