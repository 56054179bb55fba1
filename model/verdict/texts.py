"""Every sentence a verdict can give as its reason, in English and Chinese; sentences speak of the picture.

The texts are in `model/texts`: `reasons.toml` by code, `values.toml` for the words that sentences take. No sentence
says more than the field it rests on: what metadata says is said to be said, what was verified to be verified.

>>> reason_text("pixel.defect_is_fake", "en", defects=["hole", "stain"], marks=["1", "2"])
'The damage itself looks made by an editor: hole, stain (mark 1, 2 on the photo).'
"""

from functools import cache
from pathlib import Path

from refundlens.model.texts.reader import LANGUAGES, Language, flat, read_texts

__all__ = ["LANGUAGES", "Language", "is_word", "reason_text", "sentences", "value_words"]

_FOLDER = Path(__file__).parents[1] / "texts"
_BETWEEN: dict[Language, str] = {"en": ", ", "zh": "、"}


@cache
def sentences(language: Language) -> dict[str, str]:
    """Every sentence by its reason's code."""
    return flat(read_texts(_FOLDER, "reasons", language))


@cache
def value_words(language: Language) -> dict[str, str]:
    """Every word that a sentence takes as a value, by its key."""
    return flat(read_texts(_FOLDER, "values", language))


def is_word(key: str) -> bool:
    """Whether a value is shown as a word of ours, not as it is."""
    return key in value_words("en")


def reason_text(code: str, language: Language, **values: object) -> str:
    """The sentence for a reason. Values that are keys of `value_words` are translated, lists of them joined.

    Raises KeyError for a code that has no sentence or a value that the sentence needs and did not get.
    """
    return sentences(language)[code].format(
        **{name: _shown(value, language) for name, value in values.items()}
    )


def _shown(value: object, language: Language) -> object:
    if isinstance(value, str):
        return value_words(language).get(value, value)
    if isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
        return _BETWEEN[language].join(str(_shown(part, language)) for part in value)
    return value
