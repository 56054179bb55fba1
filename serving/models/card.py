"""The front matter of a model card, as `training.card` writes it: YAML of a simple kind, read without a YAML library.

In: a card. Out: its tags, and the figures of its model index; nothing of either where the card has no front matter.
"""

import re
from collections.abc import Iterator
from typing import Any

NOT_FOR_SERVING = "not-for-serving"
"""A card with this tag says that its model is not calibrated for serving."""
_FRONT = re.compile(r"\A---\n(.*?)\n---(?:\n|\Z)", re.DOTALL)
_ENTRY = re.compile(r"(?P<indent> *)(?P<dash>- )?(?P<key>[A-Za-z_-]+): *(?P<value>.*)")
_ITEM = re.compile(r" *- (?P<value>.+)")


def tags(text: str) -> list[str]:
    found: list[str] = []
    inside = False
    for line in _lines(text):
        if item := _ITEM.fullmatch(line):
            if inside:
                found.append(_plain(item["value"]))
        else:
            inside = line.strip() == "tags:"
    return found


def figures(text: str) -> list[dict[str, Any]]:
    """The metrics of the model index: `type`, `name`, `value`. One without a number is left out."""
    found: list[dict[str, Any]] = []
    depth: int | None = None
    for line in _lines(text):
        entry = _ENTRY.fullmatch(line)
        if entry is None:
            continue
        indent = len(entry["indent"])
        if entry["key"] == "metrics" and not entry["value"]:
            depth = indent
        elif depth is not None and (indent < depth or (indent == depth and not entry["dash"])):
            depth = None
        elif depth is not None:
            if entry["dash"]:
                found.append({})
            if found:
                found[-1][entry["key"]] = _plain(entry["value"])
    return [{**one, "value": value} for one in found if (value := _number(one.get("value"))) is not None]


def _lines(text: str) -> Iterator[str]:
    front = _FRONT.match(text)
    yield from front[1].splitlines() if front else ()


def _plain(value: str) -> str:
    value = value.strip()
    quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if quoted else value


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if number - number == 0 else None  # JSON has neither infinity nor NaN
