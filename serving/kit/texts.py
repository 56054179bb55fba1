"""The texts of the service's pages and pictures, from `serving/web/texts`; `model.texts.reader` reads them.

In: an area, that is the name of a file of both languages. Out: its table.
"""

from pathlib import Path
from typing import Any

from refundlens.model.texts.reader import Language, read_texts

FOLDER = Path(__file__).parents[1] / "web" / "texts"


def texts(area: str, language: Language) -> dict[str, Any]:
    """An area's texts; a test holds that both languages have the same keys and the same places for values."""
    return read_texts(FOLDER, area, language)
