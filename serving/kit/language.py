"""Which language a visitor reads, from the Accept-Language header (RFC 9110, 12.5.4), and the service's texts in it.

>>> preferred("zh-CN,zh;q=0.9,en;q=0.8")
'zh'
>>> preferred("de,en;q=0.5"), preferred(None)
('en', 'en')
"""

from pathlib import Path
from typing import Any

from refundlens.model.texts.reader import Language, read_texts

__all__ = ["Language", "preferred", "texts"]


def preferred(header: str | None) -> Language:
    """The best of English and Chinese; English where neither is named."""
    best: Language = "en"
    best_weight = 0.0
    for part in (header or "").split(","):
        tag, _, parameter = part.strip().partition(";")
        weight = _weight(parameter)
        primary = tag.lower().split("-")[0]
        if weight > best_weight and primary in ("en", "zh"):
            best, best_weight = ("zh" if primary == "zh" else "en"), weight
    return best


def _weight(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    try:
        return float(value) if name == "q" else 1.0
    except ValueError:
        return 0.0


FOLDER = Path(__file__).parents[1] / "web" / "texts"


def texts(area: str, language: Language) -> dict[str, Any]:
    """An area's texts: the file of that name in `serving/web/texts`. A test holds that both languages have the same
    keys and the same places for values."""
    return read_texts(FOLDER, area, language)
