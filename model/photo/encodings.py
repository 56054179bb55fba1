"""Text of unknown encoding: which of the encodings that cameras, editors and Chinese apps write fits the bytes best.

In: bytes. Out: text without NULs. Never raises. The rules, in order: a byte order mark; UTF-8 where it is valid and
holds no NUL; two bytes a character where every other byte says so; GB18030 where it is valid and gives Chinese; two
bytes a character where they give Chinese and are no Latin text; Latin-1.
"""

import base64
import binascii
import codecs
import re

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
_PLAIN = re.compile(r"[\t\n\r -~\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
"""Characters that settings and labels are made of: ASCII and common Chinese."""
_LATIN = re.compile(rb"[ -~]")
_PACKED_OBJECT = re.compile(r"(?:base64[:,])?\s*(e[yw][\w+/=\s]{14,})\s*", re.ASCII)
"""Base64 of text that begins with a curly bracket."""
_SAMPLE = 2048
"""Characters that a guess rests on."""


def guess_text(raw: bytes, order: str = "") -> str:
    """order: "utf-16-le" or "utf-16-be" where the container says that the text has two bytes a character.

    Even then the bytes decide: files are met that say UTF-16 and hold the other order, or UTF-8.
    """
    for mark, encoding in _BOMS:
        if raw.startswith(mark):
            return _clean(raw[len(mark) :].decode(encoding, "replace"))
    if order:
        other = "utf-16-be" if order == "utf-16-le" else "utf-16-le"
        return max((_clean(raw.decode(name, "replace")) for name in (order, other, "utf-8")), key=_plausible)
    body = raw.rstrip(b"\0")
    if b"\0" in body:
        wide = [_clean(raw.decode(name, "replace")) for name in ("utf-16-le", "utf-16-be")]
        best = max(wide, key=_plausible)
        if _plausible(best) > 0.9:
            return best
        body = body.replace(b"\0", b" ")
    try:
        return _clean(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        if error.start >= len(body) - 3 and error.reason == "unexpected end of data":
            return _clean(body.decode("utf-8", "ignore"))
    latin = len(_LATIN.findall(body[:_SAMPLE])) > 0.75 * len(body[:_SAMPLE])
    for name in ("gb18030",) if latin or len(body) % 2 else ("gb18030", "utf-16-le", "utf-16-be"):
        try:
            chinese = body.decode(name)
        except UnicodeDecodeError:
            continue
        if _plausible(chinese) > 0.9:
            return _clean(chinese)
    return _clean(body.decode("latin-1"))


def without_base64(text: str) -> str:
    """The object that a text holds as Base64, or the text itself."""
    packed = _PACKED_OBJECT.fullmatch(text)
    if packed is None:
        return text
    try:
        letters = "".join(packed[1].split())
        plain = base64.b64decode(letters + "=" * (-len(letters) % 4), validate=True).decode()
    except (binascii.Error, ValueError):
        return text
    return plain if plain.lstrip().startswith("{") else text


def _plausible(text: str) -> float:
    """Share of characters that such texts are made of, 0 to 1; 0 for no text."""
    sample = text[:_SAMPLE]
    return len(_PLAIN.findall(sample)) / len(sample) if sample else 0.0


def _clean(text: str) -> str:
    return text.replace("\0", "").strip("\ufeff \t\r\n")
