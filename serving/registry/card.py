"""The front matter of a model card, as `training.evaluation.card` writes it and strangers may.

In: a card. Out: its tags, and the figures of its model index; nothing of either where the front matter has none, or is
no YAML.
"""

import math
import re
from typing import Any

import yaml

NOT_FOR_SERVING = "not-for-serving"
"""A card with this tag says that its model is not calibrated for serving."""
MOST = 10_000
"""Characters of front matter that are read, ten times our own cards'; the parser's time grows with their square."""
_FRONT = re.compile(r"\A---\n(.*?)\n---(?:\n|\Z)", re.DOTALL)


def tags(text: str) -> list[str]:
    return [tag for tag in _items(_front_matter(text), "tags") if isinstance(tag, str)]


def figures(text: str) -> list[dict[str, Any]]:
    """The metrics of the model index: `type`, `name`, `value`. One without a number is left out."""
    index = _items(_front_matter(text), "model-index")
    results = [result for model in index for result in _items(model, "results")]
    found = [metric for result in results for metric in _items(result, "metrics")]
    return [
        {**{name: said for name, said in metric.items() if isinstance(said, str)}, "value": value}
        for metric in found
        if isinstance(metric, dict) and (value := _number(metric.get("value"))) is not None
    ]


def card_body(text: str) -> str:
    """The card without its front matter: Markdown."""
    return _FRONT.sub("", text)


def _front_matter(text: str) -> Any:
    """Texts, lists and tables of the card's front matter; None without any. Nothing in it is code or a date to YAML."""
    front = _FRONT.match(text)
    try:
        return yaml.load(front[1], yaml.BaseLoader) if front and len(front[1]) <= MOST else None
    except (yaml.YAMLError, RecursionError):
        return None


def _items(table: Any, name: str) -> list[Any]:
    items = table.get(name) if isinstance(table, dict) else None
    return items if isinstance(items, list) else []


def _number(said: Any) -> float | None:
    try:
        number = float(said)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None  # JSON has neither infinity nor NaN
