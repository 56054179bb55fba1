"""Which language a visitor reads, from the Accept-Language header (RFC 9110, 12.5.4), and the service's texts in it.

>>> preferred("zh-CN,zh;q=0.9,en;q=0.8")
'zh'
>>> preferred("de,en;q=0.5"), preferred(None)
('en', 'en')
"""

from pathlib import Path
from typing import Any

from refundlens.model.texts.reader import LANGUAGES, Language, read_texts

__all__ = ["Language", "known", "preferred", "texts"]


def known(name: str | None) -> Language | None:
    """A language of ours by its name in BCP 47, such as `zh`; None for any other."""
    return next((one for one in LANGUAGES if one == name), None)


def preferred(header: str | None) -> Language:
    """The best of those that we have texts in; English where none is named."""
    best: Language = "en"
    best_weight = 0.0
    for part in (header or "").split(","):
        tag, _, parameter = part.strip().partition(";")
        weight = _weight(parameter)
        spoken = known(tag.lower().split("-")[0])
        if spoken is not None and weight > best_weight:
            best, best_weight = spoken, weight
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
