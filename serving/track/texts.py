"""Words of the status page, in English and Chinese: two files with the same keys (a test holds that)."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from serving.language import Language

_FOLDER = Path(__file__).parents[1] / "web" / "texts"


@cache
def texts(language: Language) -> dict[str, Any]:
    return tomllib.loads((_FOLDER / f"track.{language}.toml").read_text(encoding="utf-8"))
