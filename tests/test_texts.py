"""Texts for people: both languages say everything, with the same places for values, and nothing is kept that no one
reads. One reader for both folders."""

import re
from functools import cache
from pathlib import Path
from string import Formatter

import pytest

from refundlens.model.texts.reader import LANGUAGES, flat, read_texts
from refundlens.serving.kit import language as serving_texts
from refundlens.serving.reports.schemas import REASON_CODES
from refundlens.serving.workflow.states import PhotoWish, ReportState, Source, Supplier
from refundlens.training.evaluation.dimensions import dimensions

ROOT = Path(__file__).parent.parent
FOLDERS = {"model": ROOT / "model" / "texts", "serving": serving_texts.FOLDER}
AREAS = [
    (name, file.stem) for name, folder in FOLDERS.items() for file in sorted((folder / "en").glob("*.toml"))
]
VOCABULARIES = {
    ("values", "action"): "steps that C2PA's and other tools' manifests name",
    ("values", "source"): "IPTC's digital source types",
    ("undelivered", "says"): "how sentences begin that deliveries store",
    ("models", "dimensions"): "what a report of `training.evaluation`, which is above serving, is cut by",
}
"""Tables whose keys no code names as they are: words of a standard, which files bring with them, or beginnings."""
WHOLE = {
    ("models", "dimensions"): set(dimensions(())),
    ("queue", "states"): set(ReportState),
    ("refunds", "states"): set(ReportState),
    ("refunds", "headings"): set(ReportState),
    ("refunds", "leads"): set(ReportState),
    ("track", "states"): set(ReportState),
    ("queue", "wishes"): set(PhotoWish),
    ("track", "wishes"): set(PhotoWish),
    ("queue", "sources"): set(Source),
    ("refunds", "sources"): set(Source),
    ("queue", "suppliers"): {*Supplier, "unknown"},
    ("refunds", "suppliers"): {*Supplier, "unknown"},
    ("evidence_picture", "suppliers"): {*Supplier, "caller", "unknown"},
    ("queue", "codes"): set(REASON_CODES),
    ("queue", "sentences"): set(REASON_CODES),
}
"""Tables that must have each of these keys, and no other."""


@pytest.mark.parametrize(("folder", "area"), AREAS)
def test_both_languages_have_the_same_keys_and_places(folder: str, area: str) -> None:
    english, chinese = (flat(read_texts(FOLDERS[folder], area, language)) for language in LANGUAGES)
    assert list(english) == list(chinese), "in the same order, so that they can be read side by side"
    for key, text in english.items():
        assert _places(text) == _places(chinese[key]), key
        assert bool(text) == bool(chinese[key]), key


def test_templates_find_every_key() -> None:
    """Jinja finds a dict's own method before a key of its name."""
    for folder, area in AREAS:
        keys = {part for key in flat(read_texts(FOLDERS[folder], area, "en")) for part in key.split(".")}
        assert folder == "model" or not keys & set(dir(dict)), area


def test_no_area_is_in_one_language_only() -> None:
    for folder in FOLDERS.values():
        english, chinese = ({file.name for file in (folder / language).iterdir()} for language in LANGUAGES)
        assert english == chinese


@pytest.mark.parametrize(("folder", "area"), AREAS)
def test_every_text_is_read_by_some_code(folder: str, area: str) -> None:
    """Its key is written in code or a template: whole, as the last part of a table's key, or put together of two."""
    keys = flat(read_texts(FOLDERS[folder], area, "en"))
    unread = [key for key in keys if (area, key.partition(".")[0]) not in VOCABULARIES and not _is_read(key)]
    assert unread == []


@pytest.mark.parametrize(("area", "table"), WHOLE)
def test_tables_have_a_text_for_every_value(area: str, table: str) -> None:
    assert set(serving_texts.texts(area, "en")[table]) == WHOLE[area, table]


def test_english_has_no_chinese_and_chinese_is_chinese() -> None:
    for folder, area in AREAS:
        for key, text in flat(read_texts(FOLDERS[folder], area, "en")).items():
            assert key == "other_language" or not re.search(r"[\u3000-\u9fff\uff00-\uffef]", text), (
                area,
                key,
            )


def _places(text: str) -> set[tuple[str, str]]:
    """Names of values, and how they are written."""
    return {(name, form or "") for _, name, form, _ in Formatter().parse(text) if name}


@cache
def _written() -> frozenset[str]:
    """Every name in quotes, as an attribute or as an enum's value, in the code and the templates."""
    files = [file for layer in ("model", "serving") for file in (ROOT / layer).rglob("*")]
    code = "\n".join(file.read_text("utf-8") for file in files if file.suffix in (".py", ".html", ".js"))
    names = re.findall(r"""(?<=["'.])[\w.-]+(?=["'])|(?<=\.)\w+|(?<=["'])[\w.-]+[_.](?=\{)""", code)
    parts = [name.split(".") for name in names]
    return frozenset(".".join(part[start:]) for part in parts for start in range(len(part))) | {
        part[0] for part in parts
    }


def _is_read(key: str) -> bool:
    if key in _written():
        return True
    table, _, name = key.partition(".")
    if name:
        return table in _written() and _is_read(name)
    name = key
    halves = [(name[:at], name[at + 1 :]) for at, letter in enumerate(name) if letter == "_"]
    return name in _written() or any(
        ({f"{first}_", second} <= _written()) or ({first, f"_{second}"} <= _written())
        for first, second in halves
    )


def test_the_reader_tells_what_is_unread() -> None:
    assert _is_read("no_photos") and _is_read("error_empty_file") and _is_read("states.submitted")
    assert not _is_read("states.no_such_state") and not _is_read("nobody_reads_this")
