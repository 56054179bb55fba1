"""China's label for AI content (GB 45438-2025, in force since 1 September 2025), in the forms met in real files.

In: `Metadata`. Out: `AigcLabel` or None. The label is plain text that anyone can write or remove: it is declared, and
proves nothing. Forms: XMP `TC260:AIGC`; PNG text `AIGC`; EXIF UserComment or ImageDescription `{"AIGC": {...}}`; the
export JSON of some apps (`aigc_info`, `aigc_label_type`).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from refundlens.model.photo.metadata import Metadata

MAX_TEXT = 65_536
"""Characters of a candidate that are parsed: labels have some hundred."""

_LABELS = {"1": "label.generated", "2": "label.possible", "3": "label.suspected"}
_PRODUCERS = {
    "91110102MACQD9K640": "Doubao", "9144030008867405X2": "Jimeng", "91440101MA9Y9T4H7A": "Qwen",
    "91330106MA2CFLDG4R": "Wan", "91110108335469089C": "Kling", "91440300708461136T": "Yuanbao",
    "91110000802100433B": "Baidu", "91110105MACJ6K1C8A": "LiblibAI", "91110108MACC4D63XF": "Vidu",
}  # fmt: skip
"""Unified social credit codes that a ContentProducer holds, by the service that writes them."""


@dataclass(frozen=True)
class AigcLabel:
    """level: key of model.verdict.texts.WORDS. producer: a service's name, the raw code, or "" where none is given."""

    level: str
    producer: str


def _objects(text: str, named: bool) -> Iterator[tuple[dict[str, Any], bool]]:
    """JSON objects from the text's first brace on, and one level below; and whether a key "AIGC" announced them."""
    start = text.find("{", 0, MAX_TEXT)
    if start < 0:
        return
    try:
        value, _ = json.JSONDecoder().raw_decode(text[start : start + MAX_TEXT])
    except (ValueError, RecursionError):
        return
    if isinstance(value, dict):
        yield value, named
        for key, inner in value.items():
            announced = named or key.upper() == "AIGC"
            if isinstance(inner, dict):
                yield inner, announced
            elif isinstance(inner, str) and inner.startswith("{"):
                yield from _objects(inner, announced)


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int)


def _read(value: dict[str, Any], named: bool) -> AigcLabel | None:
    """named: whether the place itself says that this is an AIGC label, so that `Label` alone is enough."""
    keys = {key.lower(): item for key, item in value.items() if _is_plain(item)}
    maker = str(keys.get("contentproducer") or keys.get("serviceprovider") or "")
    if "label" in keys and (named or maker or "produceid" in keys):
        return AigcLabel(_LABELS.get(str(keys["label"]), "label.unclear"), _producer(maker))
    if "aigc_label_type" in keys:
        generated = str(keys.get("exporttype", "")).lower() == "generation"
        return AigcLabel("label.generated" if generated else "label.unclear", str(keys.get("product", "")))
    return AigcLabel("label.unclear", _producer(maker)) if maker and "contentid" in keys else None


def _producer(code: str) -> str:
    return next((name for known, name in _PRODUCERS.items() if known in code), code)


def read_aigc(metadata: Metadata) -> AigcLabel | None:
    """The first AIGC label found, None where there is none."""
    named = [text for key, text in metadata.texts.items() if key.upper() == "AIGC" and text]
    named += metadata.xmp_values("AIGC")
    loose = [*metadata.exif.texts.values(), *metadata.texts.values()]
    for sure, texts in ((True, named), (False, loose)):
        for text in texts:
            for value, announced in _objects(text, sure):
                label = _read(value, announced)
                if label is not None:
                    return label
    return AigcLabel("label.unclear", "") if named else None
