"""Sets text into pictures, wrapped by measured width, with a font of this machine that has Chinese, if there is one.

In: text, part of which strangers wrote (a file's metadata). Out: lines that fit; what cannot be seen is left out. No
font ships with us (each is somebody else's work): the Docker image installs Debian's `fonts-noto-cjk`, desktops bring
one, and the extra `fonts` does anywhere. Without one, pictures are set in English.

The font of PDFs: what they need of this machine's Chinese font, else Pillow's own, which has Latin only.

In: characters. Out: a font file that lives as long as the process. A whole Chinese font takes seconds to read each
time, so the characters that we write are cut out of it once, by a process of its own (`cut`) that holds nobody up;
only a text of strangers with others costs that again.
"""

import re
import tempfile
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

from refundlens.model.texts.reader import flat
from refundlens.model.verdict.texts import sentences, value_words
from refundlens.serving.drawing.cut import Cut, cut
from refundlens.serving.kit.language import Language, texts

CHINESE: tuple[tuple[str, int], ...] = (
    ("/usr/share/fonts/opentype/noto/NotoSansCJK-Regular.ttc", 2),
    ("/usr/share/fonts/noto-cjk/NotoSansCJK-Regular.ttc", 2),
    ("/usr/share/fonts/google-noto-cjk/NotoSansCJK-Regular.ttc", 2),
    ("/usr/share/fonts/truetype/wqy/wqy-microhei.ttc", 0),
    ("/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc", 0),
    ("/System/Library/Fonts/PingFang.ttc", 2),
    ("/System/Library/Fonts/STHeiti Light.ttc", 1),
    ("C:/Windows/Fonts/msyh.ttc", 0),
    ("C:/Windows/Fonts/simhei.ttf", 0),
)
"""Where systems keep a font with Chinese, and which face of the file is the simplified one."""
_PACKAGE, _IN_PACKAGE = "mplfonts", "fonts/NotoSansCJKsc-Regular.otf"
"""The package of the extra `fonts`; its file is used, it is never imported."""
_PIECES = re.compile(r"[!-~]+|\s+|.")
"""Latin words stay whole; Chinese breaks between any two characters."""
_NOT_FIRST = frozenset("，。、；：？！”’）》】％,.;:?!)]%")
"""Punctuation that never begins a line."""
_LONGEST = 300
"""Characters of one text that are set: six lines of Chinese. Metadata may hold a novel."""


@cache
def chinese_font() -> tuple[Path, int] | None:
    """File and face of a font with Chinese; none where this machine has none."""
    for name, face in CHINESE:
        if Path(name).is_file():
            return Path(name), face
    package = find_spec(_PACKAGE)
    for folder in (package.submodule_search_locations or []) if package else []:
        file = Path(folder) / _IN_PACKAGE
        if file.is_file():
            return file, 0
    return None


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """A font at a size in pixels: the one with Chinese, else Pillow's own, which has Latin only."""
    found = chinese_font()
    if found is None:
        own = ImageFont.load_default(size)
        assert isinstance(own, ImageFont.FreeTypeFont), "Pillow was built without FreeType"
        return own
    return ImageFont.truetype(str(found[0]), size, index=found[1])


def settable(language: Language) -> Language:
    """The language, or English where it cannot be written here."""
    return language if language == "en" or chinese_font() else "en"


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


_LATIN = frozenset(map(chr, (*range(0x20, 0x7F), *range(0xA0, 0x100)))) | frozenset("–—‘’“”…•≤≥→←")
_KEPT = 8
"""Fonts with strangers' characters that are remembered; some 200 kB each."""
_ANY_SIZE = 20


def font_for(text: str) -> Path:
    """A font file with every character of a text that the machine's font has. Slow the first time. Raises OSError."""
    return _cut(frozenset(text) - own_characters())


@lru_cache(maxsize=_KEPT)
def _cut(more: frozenset[str]) -> Path:
    found = chinese_font()
    if found is None:
        return _latin()
    file, face = found
    target = _new_file(".otf")
    cut(Cut(str(file), face, "".join(sorted(own_characters() | more)), str(target)))
    return target


@cache
def _latin() -> Path:
    """Pillow's own."""
    target = _new_file(".ttf")
    target.write_bytes(font(_ANY_SIZE).font_bytes)
    return target


def lacking() -> frozenset[str]:
    """Characters of our own texts that the font here does not have."""
    face = font(20)
    missing = bytes(face.getmask("\uffff"))
    return frozenset(
        mark for mark in own_characters() if not mark.isspace() and bytes(face.getmask(mark)) == missing
    )


@cache
def own_characters() -> frozenset[str]:
    """Every character of our own texts; the font must have each."""
    return frozenset("".join(text for table in _written() for text in table.values())) | _LATIN


def _written() -> Iterator[dict[str, str]]:
    """Our own Chinese that is set in pictures and PDFs, by table."""
    yield sentences("zh")
    yield value_words("zh")
    for area in ("evidence_picture", "evidence_pack", "refusal", "queue"):
        yield flat(texts(area, "zh"))


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    """Removed when the process ends."""
    return tempfile.TemporaryDirectory(prefix="refundlens-fonts-")


def _new_file(suffix: str) -> Path:
    with tempfile.NamedTemporaryFile(dir=_folder().name, suffix=suffix, delete=False) as file:
        return Path(file.name)
