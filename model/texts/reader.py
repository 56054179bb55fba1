"""The one reader of texts for people: `FOLDER/en/AREA.toml` and `FOLDER/zh/AREA.toml`, which have the same keys.

>>> flat({"claim": {"authentic": "No trace."}, "unnamed": "nobody"})
{'claim.authentic': 'No trace.', 'unnamed': 'nobody'}
"""

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)


@cache
def read_texts(folder: Path, area: str, language: Language) -> dict[str, Any]:
    """The table of an area, read once; whoever asks must not change it. Raises OSError where there is no such area."""
    return tomllib.loads((folder / language / f"{area}.toml").read_text(encoding="utf-8"))


def flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Every text by its full key, with dots between the tables' names."""
    found: dict[str, str] = {}
    for key, value in table.items():
        found |= flat(value, f"{prefix}{key}.") if isinstance(value, Mapping) else {prefix + key: value}
    return found
