"""IPTC's digital source types: what a file's maker declares the picture to be, from any spelling of the code.

In: a value of DigitalSourceType (URL, CURIE or bare code). Out: the code as the vocabulary spells it and the class it
belongs to. Source: cv.iptc.org/newscodes/digitalsourcetype (2025), C2PA 2.2, 18.15.4 (trainedAlgorithmicData, empty).
"""

import re
from typing import Literal

SourceClass = Literal["generated", "edited", "camera", "other", "unknown"]
"""generated: wholly by an AI model. edited: an AI model had a part in it. other: known, and none of these."""

SOURCE_TYPES: dict[str, SourceClass] = {
    "trainedAlgorithmicMedia": "generated", "trainedAlgorithmicData": "generated",
    "compositeWithTrainedAlgorithmicMedia": "edited", "compositeSynthetic": "edited",
    "digitalCapture": "camera", "computationalCapture": "camera",
    "algorithmicMedia": "other", "algorithmicallyEnhanced": "other", "screenCapture": "other",
    "virtualRecording": "other", "composite": "other", "compositeCapture": "other", "humanEdits": "other",
    "minorHumanEdits": "other", "digitalCreation": "other", "digitalArt": "other", "softwareImage": "other",
    "dataDrivenMedia": "other", "negativeFilm": "other", "positiveFilm": "other", "print": "other", "empty": "other",
}  # fmt: skip
_SPELLING = {code.lower(): code for code in SOURCE_TYPES}
_CODE = re.compile(
    r"\[?(?:https?://\S{1,80}?/digitalsource(?:file)?type[/#]|[a-z][\w-]{0,39}:)?([A-Za-z]{3,60})/?(?:[?#]\S{0,80})?\]?",
    re.IGNORECASE,
)


def source_type(value: str) -> tuple[str, SourceClass] | None:
    """(code, class) of a declared source type; None where the value is no code at all."""
    found = _CODE.fullmatch(value.strip())
    words = "".join(value.split()).lower()  # the vocabulary's label for people: "Trained Algorithmic Media"
    if found is None:
        return (_SPELLING[words], SOURCE_TYPES[_SPELLING[words]]) if words in _SPELLING else None
    code = _SPELLING.get(found[1].lower(), found[1])
    return code, SOURCE_TYPES.get(code, "unknown")
