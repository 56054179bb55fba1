"""China's label for AI content (GB 45438-2025, in force since 1 September 2025), in the forms met in real files.

In: `Metadata`. Out: `AigcLabel` or None. The label is plain text that anyone can write or remove: it is declared, and
proves nothing. Forms: XMP `TC260:AIGC` as JSON, struct or single properties; a text named `AIGC`; `{"AIGC": {...}}` in
any comment or description of EXIF, PNG, JPEG, GIF or IPTC, escaped once more or not; Tencent's keys; the export JSON of
some apps (`aigc_info`, `aigc_label_type`).
"""

import ast
import html
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from refundlens.model.photo.encodings import guess_text
from refundlens.model.photo.metadata import Metadata

MAX_TEXT = 65_536
"""Characters of a candidate that are parsed: labels have some hundred."""
MAX_OBJECTS = 200
"""JSON objects of one text that are looked at."""

_LABELS = {"1": "label.generated", "2": "label.possible", "3": "label.suspected"}
_PRODUCERS = {
    "91110102MACQD9K640": "Doubao (豆包)", "9144030008867405X2": "Jimeng (即梦)",
    "91440101MA9Y9T4H7A": "Qwen (千问)", "91330106MA2CFLDG4R": "Wan (通义万相)",
    "91110108335469089C": "Kling (可灵)", "91440300708461136T": "Tencent (腾讯元宝等)",
    "91110000802100433B": "Baidu (百度)", "91110105MACJ6K1C8A": "LiblibAI", "91340100MAEB4N8H76": "RunningHub",
    "91440300MA5G49LC9K": "Honor YOYO (荣耀)", "91110108MACC4D63XF": "Vidu",
    "91441900557262083U": "vivo", "91110108562144110X": "Meituan (美团)",
}  # fmt: skip
"""Unified social credit codes that a ContentProducer holds, by the service that writes them, or the company where
several of its services do."""
_PRODUCTS = {
    "doubao": "Doubao (豆包)", "xinghui": "Xinghui (星绘)", "dreamina": "Jimeng (即梦)",
    "dreamina_oversea": "Dreamina", "aweme": "Douyin (抖音)", "capcut": "CapCut", "jianying": "Jianying (剪映)",
    "kling": "Kling (可灵)",
}  # fmt: skip
"""Names by which apps call themselves in what they export, and some in ContentProducer."""
_GENERATORS = frozenset({"doubao", "xinghui", "dreamina", "dreamina_oversea"})
"""Of those the ones that generate pictures, so that an export of type "generation" is one."""
_OTHERS = {"produceid", "contentpropagator", "propagateid"}
"""Keys beside `Label` that only a label has."""
_ANNOUNCED = re.compile(r"aigc", re.IGNORECASE)
_WORDS = ("aigc", "contentproducer", "content_producer", "contentpropagator", "serviceprovider", "exporttype")
"""Words of which every label has one, in any case."""
_KEYS = re.compile("|".join(_WORDS), re.IGNORECASE)
_PAIR = re.compile(
    r"\b(Label|Content_?Producer|Service_?Provider|Produce_?ID|Content_?Propagator|Propagate_?ID)\W{0,4}?\s{0,4}[:=：>]"
    r"[\s\"'\\]{0,6}([^\s\"'\\,;，；&|{}<>]{1,80})",
    re.IGNORECASE,
)
"""A key and its value in a label that is no JSON: unquoted, as a list of settings, as XML, or cut off."""
LONGEST_EMPTY = 300
"""Characters of a label that may be empty: all its keys without values."""
_NOTHING = re.compile(
    r"(?:[\s\"'{}\[\]:,\\]|\b(?:AIGC|Label|Content_?\w{7,10}|Produce_?ID|Propagate_?ID|"
    r"Reserved_?Code\d|0|false|no|none|null)\b"
    r"|无|否)*",
    re.IGNORECASE,
)
"""A label that is left empty, or says that there is none."""
_ESCAPES = re.compile(r'\\+"')
_QUOTES = str.maketrans({"“": '"', "”": '"', "＂": '"'})


@dataclass(frozen=True)
class AigcLabel:
    """level: key of model/texts's values. producer: a service's name, the raw code, or "" where none is given."""

    level: str
    producer: str


def read_aigc(metadata: Metadata) -> AigcLabel | None:
    """The first AIGC label found, None where there is none."""
    named = [text for key, text in metadata.texts.items() if key.upper() == "AIGC"]
    named += metadata.properties("AIGC")
    for node in metadata.xmp.find("AIGC"):
        label = _read(node.fields(), True)
        if label:
            return label
    single = {node.name: next(node.values(), "") for node in metadata.xmp.of("tc260")}
    found = next(_labels([(True, text) for text in named]), None)
    found = found or _read({key: value for key, value in single.items() if key.upper() != "AIGC"}, True)
    found = found or next(_labels([(False, text) for text in _loose(metadata)]), None)
    told = any(len(text) > LONGEST_EMPTY or not _NOTHING.fullmatch(text) for text in named)
    return found or (AigcLabel("label.unclear", "") if told else None)


def is_label(text: str) -> bool:
    """Whether a text is an AIGC label, whatever its field is called."""
    return next(_labels([(False, text)]), None) is not None


def _loose(metadata: Metadata) -> Iterator[str]:
    yield from metadata.free_texts
    for part in (metadata.trailer[:MAX_TEXT], metadata.trailer[-MAX_TEXT:]):
        # phones append whole pictures; a label's words are ASCII, in two bytes a character, too
        plain = part.replace(b"\0", b"").lower()
        if any(word.encode() in plain for word in _WORDS):
            written = part.lstrip(b"\0\r\n ").startswith(b"{") or b"{\0" in part or b"\0{" in part
            yield guess_text(part) if written else part.decode("utf-8", "replace")


def _labels(texts: list[tuple[bool, str]]) -> Iterator[AigcLabel]:
    for named, text in texts:
        for value, announced in _objects(text, named):
            label = _read(value, announced)
            if label is not None:
                yield label


def _objects(text: str, named: bool) -> Iterator[tuple[dict[str, Any], bool]]:
    """JSON objects of a text and inside them; and whether the name AIGC announced them."""
    text = unquote(text[:MAX_TEXT]) if "%7B" in text[:64].upper() else text[:MAX_TEXT]
    text = unicodedata.normalize("NFKC", text) if "｛" in text else text
    word = None if named else _KEYS.search(text)
    if word is None and not named:
        return
    first = text.find("{")
    before = text.rfind("{", 0, word.start()) if word else -1
    after = text.find("{", word.end()) if word else -1
    for start in dict.fromkeys((first, before, after)):
        if start >= 0:
            announced = named or bool(_ANNOUNCED.search(text[max(0, start - 64) : start]))
            yield from _inside(_parse(text[start:]), announced, [MAX_OBJECTS])
    if named or _ANNOUNCED.search(text):
        yield dict(_PAIR.findall(text)), False


def _parse(text: str) -> Any:
    """A text's first object, written as JSON, escaped once more (HTML, backslashes), or with other quotes."""
    plain = html.unescape(text)
    for candidate in (
        text,
        plain,
        plain.translate(_QUOTES),
        plain.replace('\\"', '"'),
        _ESCAPES.sub('"', plain),
    ):
        try:
            return json.JSONDecoder(strict=False).raw_decode(candidate)[0]
        except (ValueError, RecursionError):
            continue
    try:
        return ast.literal_eval(plain[: plain.rfind("}") + 1][:4096])
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        # {{…}} is read as a set of sets: a TypeError
        return None


def _inside(value: Any, named: bool, left: list[int]) -> Iterator[tuple[dict[str, Any], bool]]:
    left[0] -= 1
    if not isinstance(value, dict) or left[0] < 0:
        return
    yield value, named
    for key, inner in value.items():
        announced = named or bool(_ANNOUNCED.fullmatch(str(key)))
        if isinstance(inner, str) and "{" in inner[:16]:
            inner = _parse(inner[:MAX_TEXT])
        yield from _inside(inner, announced, left)


def _read(value: dict[str, Any], named: bool) -> AigcLabel | None:
    """named: whether the place itself says that this is an AIGC label, so that `Label` alone is enough."""
    keys = {
        str(key).lower().replace("_", ""): item
        for key, item in value.items()
        if isinstance(item, str | int | float)
    }
    maker = str(keys.get("contentproducer") or keys.get("serviceprovider") or "")
    if _level(keys.get("label", "")) == "" and str(keys.get("label", "")).strip():
        return None  # "0": none of the levels of the standard, and written where there is nothing to label
    announced = named or keys.get("contentproducer") or keys.keys() & _OTHERS
    announced = announced or (maker and _level(keys.get("label", "")) in _LABELS)
    if str(keys.get("label", "")).strip() and announced:
        return AigcLabel(_LABELS.get(_level(keys["label"]), "label.unclear"), _producer(maker))
    product, exported = str(keys.get("product", "")).lower(), str(keys.get("exporttype", "")).lower()
    generated = exported == "generation" and product in _GENERATORS
    if generated or str(keys.get("aigclabeltype")) in ("1", "2") or str(keys.get("aigctype")) == "1":
        return AigcLabel("label.generated" if generated else "label.unclear", _producer(product))
    return AigcLabel("label.unclear", _producer(maker)) if maker and (named or "contentid" in keys) else None


def _level(value: object) -> str:
    """ "1" of 1, 1.0, "01" and " 1 "."""
    return str(value).strip().removesuffix(".0").lstrip("0")


def _producer(code: str) -> str:
    upper = code.upper()
    return next(
        (name for known, name in _PRODUCERS.items() if known in upper), _PRODUCTS.get(code.lower(), code)
    )
