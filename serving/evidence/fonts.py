"""The font of PDFs: what they need of this machine's Chinese font, else Pillow's own, which has Latin only.

In: characters. Out: a font file that lives as long as the process. A whole Chinese font takes seconds to read each
time, so the characters that we write are cut out of it once; only a text of strangers with others costs that again.
"""

import tempfile
from functools import cache, lru_cache
from pathlib import Path

from serving import typeset
from serving.evidence.words import every_text as own_text
from serving.reports.evidence_words import every_text as picture_text

_LATIN = frozenset(map(chr, (*range(0x20, 0x7F), *range(0xA0, 0x100)))) | frozenset("–—‘’“”…•≤≥→←")
_KEPT = 8
"""Fonts with strangers' characters that are remembered; some 200 kB each."""
_ANY_SIZE = 20
_UNUSED = ("GSUB", "GPOS", "GDEF", "BASE", "VORG", "vhea", "vmtx")
"""Tables for shaping and vertical writing."""


def font_for(text: str) -> Path:
    """A font file with every character of a text that the machine's font has. Slow the first time. Raises OSError."""
    return _cut(frozenset(text) - _own())


@lru_cache(maxsize=_KEPT)
def _cut(more: frozenset[str]) -> Path:
    found = typeset.chinese_font()
    if found is None:
        return _latin()
    from fontTools import subset
    from fontTools.ttLib import TTFont

    options = subset.Options(layout_features=[], hinting=False, notdef_outline=True)
    options.drop_tables += _UNUSED
    file, face = found
    with TTFont(file, fontNumber=face, lazy=True) as whole:
        cutter = subset.Subsetter(options)
        cutter.populate(text="".join(_own() | more))
        cutter.subset(whole)
        target = _new_file(".otf")
        whole.save(target)
    return target


@cache
def _latin() -> Path:
    """Pillow's own."""
    target = _new_file(".ttf")
    target.write_bytes(typeset.font(_ANY_SIZE).font_bytes)
    return target


@cache
def _own() -> frozenset[str]:
    """Every character of our own texts."""
    return frozenset("".join((*own_text(), *picture_text()))) | _LATIN


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Removed when the process ends."""
    return tempfile.TemporaryDirectory(prefix="refundlens-fonts-")


def _new_file(suffix: str) -> Path:
    with tempfile.NamedTemporaryFile(dir=_folder().name, suffix=suffix, delete=False) as file:
        return Path(file.name)
