"""Sets text into pictures with the font that ships: Latin and Chinese, wrapped by measured width.

In: text, part of which strangers wrote (a file's metadata). Out: lines that fit; what cannot be seen is left out.
"""

import re
from functools import cache
from pathlib import Path

from PIL import ImageFont

FONT = Path(__file__).parent / "fonts" / "NotoSansCJKsc-subset.otf"
_PIECES = re.compile(r"[!-~]+|\s+|.")
"""Latin words stay whole; Chinese breaks between any two characters."""
_NOT_FIRST = frozenset("，。、；：？！”’）》】％,.;:?!)]%")
"""Punctuation that never begins a line."""
_LONGEST = 300
"""Characters of one text that are set: six lines of Chinese. Metadata may hold a novel."""


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """The font at a size in pixels."""
    return ImageFont.truetype(str(FONT), size)


def clean(text: str) -> str:
    """One line of visible characters: no line breaks, no controls that turn the writing round."""
    shown = "".join(" " if mark.isspace() else mark for mark in text if mark.isspace() or mark.isprintable())
    shown = " ".join(shown.split())
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…"


def wrap(text: str, face: ImageFont.FreeTypeFont, width: int) -> list[str]:
    """Lines of at most `width` pixels; a word that is wider is broken."""
    lines = [""]
    for piece in _pieces(clean(text), face, width):
        longer = lines[-1] + piece
        hangs = piece in _NOT_FIRST  # and may stand a little over the edge
        if face.getlength(longer.rstrip()) <= width or hangs:
            lines[-1] = longer
        else:
            lines[-1] = lines[-1].rstrip()
            lines.append(piece.lstrip())
    return [line.rstrip() for line in lines if line.strip()]


def _pieces(text: str, face: ImageFont.FreeTypeFont, width: int) -> list[str]:
    found: list[str] = []
    for piece in _PIECES.findall(text):
        found.extend(piece if face.getlength(piece) > width else [piece])
    return found
