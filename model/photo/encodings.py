"""Text of unknown encoding: which of the encodings that cameras, editors and Chinese apps write fits the bytes best.

In: bytes. Out: text without NULs. Never raises. The rules, in order: a byte order mark; UTF-8 where it is valid and
holds no NUL; two bytes a character where every other byte says so; the older encoding that explains the bytes best
(`model.photo.old_encodings`). What two bytes a character give is likely where its letters are common ones of one
script, so that every language is told from the other order.
"""

import base64
import binascii
import codecs
import re

from refundlens.model.photo.old_encodings import guess_old

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32-le"), (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"),
)  # fmt: skip
_COMMON = re.compile(
    r"[\t\n\r -~\u00a0-\u052f\u0590-\u06ff\u0900-\u0e5b\u1e00-\u1fff\u2010-\u203a\u20a0-\u20bf\u2122\u2190-\u21ff"
    r"\u2600-\u27bf\u3000-\u30ff\uff00-\uffef\U0001f300-\U0001faff\ufe0f]"
)
"""Letters of the scripts of Europe, the Near East and South Asia, kana, signs and emoji."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_RARE_SCRIPTS = 3
"""Groups of 256 characters that a text of an alphabet has at most: its own letters, ASCII and signs."""
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
        return _wide(raw, order)
    body = raw.rstrip(b"\0")
    if b"\0" in body:
        wide = [_clean(raw.decode(name, "replace")) for name in ("utf-16-le", "utf-16-be")]
        best = max(wide, key=_likely)
        if _likely(best) > 0.9:
            return best
        body = body.replace(b"\0", b" ")
    try:
        return _clean(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        if error.start >= len(body) - 3 and error.reason == "unexpected end of data":
            return _clean(body.decode("utf-8", "ignore"))
    return _clean(guess_old(body))


def _wide(raw: bytes, order: str) -> str:
    """Text said to have two bytes a character: so in either order, or UTF-8 or an older encoding after all."""
    body = raw.rstrip(b"\0")
    if b"\0" not in body:
        try:
            plain = body.decode("utf-8")
        except UnicodeDecodeError:
            plain = ""
        letters = len(plain) > 4 or not plain.isascii()
        if plain and letters and not _CONTROL.search(plain):
            return _clean(plain)
    other = "utf-16-be" if order == "utf-16-le" else "utf-16-le"
    # the order that is said comes first, and wins a draw
    best = max((_clean(raw.decode(name, "replace")) for name in (order, other)), key=_likely)
    return best if b"\0" in body or _likely(best) > 0.8 else _clean(guess_old(body))


def _likely(text: str) -> float:
    """How likely it is that somebody wrote this text: the share of its characters that are common ones, less what
    too many alphabets at once take away; 0 for no text."""
    sample = text[:_SAMPLE]
    if not sample:
        return 0.0
    common, pages = 0, set()
    for letter in sample:
        if "\u3400" <= letter <= "\u9fff" or "\uac00" <= letter <= "\ud7a3":
            common += _is_common_east_asian(letter)
        elif _COMMON.match(letter):
            common += 1
            pages.add(ord(letter) >> 8)
    return common / len(sample) - max(0, len(pages) - _RARE_SCRIPTS) / len(sample)


def _is_common_east_asian(letter: str) -> bool:
    for name in ("gb2312", "big5", "shift_jis", "euc_kr"):
        try:
            packed = letter.encode(name)
        except UnicodeEncodeError:
            continue
        # the rarer half of Big5 begins there; EUC-KR's longer ones are spelled letter by letter
        if len(packed) == 2 and (name != "big5" or packed[0] <= 0xC6):
            return True
    return False


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


def _clean(text: str) -> str:
    return text.replace("\0", "").strip("\ufeff \t\r\n")
