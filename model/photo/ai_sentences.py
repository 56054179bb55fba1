"""Sentences by which a file says of its picture that an AI made it, in the languages that phones, apps and sites write.

In: a text. Out: whether one of its sentences says so. `ai_sentences.toml` gives each language a few patterns of verb
and name of AI. Before them stand only words such as "this picture was", behind them what a picture is called, a
preposition or the sentence's end: so denials, questions, and what is said of goods ("KI-generierte Musik") say nothing.
Abbreviations count in capitals alone, since "ai" is "who" in Vietnamese and "have" in Romanian. Letters are compared
without their marks, which many writers leave out.

>>> says_ai_made("Bild mit KI erstellt"), says_ai_made("Nicht mit KI erstellt")
(True, False)
"""

import re
import tomllib
import unicodedata
from functools import lru_cache
from pathlib import Path

LONGEST = 600
"""Characters of a text that are searched: such a sentence is a label, and stands first or alone."""
MOST_CLAUSES = 8
"""Sentences of a text that are looked at."""
_MARKS = re.compile("[\u0300-\u036f\u064b-\u0652\u200c-\u200f]")
_LETTERS = str.maketrans({
    "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "ø": "o", "ı": "i", "æ": "ae", "ی": "ي", "ک": "ك", "’": "'", "‘": "'",
    "ʼ": "'", "\u00a0": " ", "\u202f": " ", "‑": "-", "Ａ": "A", "Ｉ": "I",
})  # fmt: skip
_JOINED = "\u0e00-\u0e7f\u3000-\u9fff\uac00-\ud7a3"
"""Letters of languages that write words without spaces between them."""


def _plain(text: str) -> str:
    """A text without the marks on its letters, in one spelling of quotes and of "A.I."."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", _MARKS.sub("", unicodedata.normalize("NFD", text)))
        text = text.translate(_LETTERS)
    return text.replace("A.I.", "AI").replace("I.A.", "IA")


def _any_of(lines: str) -> str:
    """A regular expression that matches what any of some lines does."""
    return f"(?:{'|'.join(_plain(lines).split(chr(10))[:-1])})"


_WORDS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
_SAYINGS = "|".join(
    _any_of(said).replace("{ai}", _plain(_WORDS["names"].get(language, "")))
    for language, said in _WORDS["sentences"].items()
)
_NOUNS, _BEFORE, _BEHIND, _NO = (
    _any_of(_WORDS["around"][kind]) for kind in ("nouns", "before", "behind", "denials")
)
_SENTENCE = re.compile(
    rf"\W*(?:(?:{_NOUNS}|{_BEFORE})(?:\W+|(?<=[{_JOINED}]))){{0,7}}(?:{_SAYINGS})(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_ENDS = re.compile(
    rf"(?!\w|-\w)\s*(?:$|[,:()\[\]（）「」/·•–—\"'»”、]|-\s|(?:{_NOUNS}|{_BEHIND})(?!\w))", re.IGNORECASE
)
"""What stands behind such a sentence, or nothing."""
_DENIED = re.compile(
    rf"\s*[?？؟]|\s*[:=：,،、(（/·–—-]\s*(?:\w{{1,12}} )?{_NO}(?!\w)|"
    r".{0,24}?(?:では?(?:あり|な)|じゃな|ていませ|ていな|ておりませ|しませ|아[님닙니]|않|안 ?함|नहीं|না\b|degil|ไม่)",
    re.IGNORECASE,
)
"""A denial or a question behind it."""
_CLAUSES = re.compile(r"[.!;\n|。！；]+\s*")


def says_ai_made(text: str) -> bool:
    """Whether a sentence of the text says of the picture that an AI made it, in a language of the table."""
    return bool(text) and _says(text[:LONGEST])


@lru_cache(maxsize=512)
def _says(text: str) -> bool:
    """Several readers ask about the same few texts of one file."""
    return any(_is_label(clause) for clause in _CLAUSES.split(_plain(text), MOST_CLAUSES)[:MOST_CLAUSES])


def _is_label(clause: str) -> bool:
    said = _SENTENCE.match(clause)
    return said is not None and not _DENIED.match(said["rest"]) and bool(_ENDS.match(said["rest"]))
