"""IPTC's digital source types: what a file's maker declares the picture to be, from any spelling of the code.

In: a value of DigitalSourceType (URL, CURIE or bare code), or a text that holds such URLs. Out: the codes as the
vocabulary spells them and the classes they belong to. Source: cv.iptc.org/newscodes/digitalsourcetype (2025), C2PA 2.2,
18.15.4 (trainedAlgorithmicData, empty), schema.org/IPTCDigitalSourceEnumeration.
"""

import re
from collections.abc import Iterable
from typing import Literal
from urllib.parse import unquote

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
    r"\[?(?:(?:https?://)?\S{1,80}?/digitalsource(?:file)?type[/#]{1,3}|(?:[a-z][\w-]{0,39}:){1,4}|https?://schema\.org/)?"
    r"([A-Za-z]{3,60})(?:\.(?:json|jsonld|html?|rdf|ttl|xml))?/?(?:[?#]\S{0,80})?\]?",
    re.IGNORECASE,
)
_SCHEMA_ORG = "digitalsource"
"""How schema.org's names of the codes end: TrainedAlgorithmicMediaDigitalSource."""
_NAMES = {
    "createdusinggenerativeai": "trainedAlgorithmicMedia",
    "editedusinggenerativeai": "compositeWithTrainedAlgorithmicMedia",
    "editedwithgenerativeai": "compositeWithTrainedAlgorithmicMedia",
}
"""The vocabulary's English names that are not the codes spelled out."""
_ADDRESS = re.compile(r"/newscodes/digitalsource(?:file)?type/([A-Za-z]{3,60})", re.IGNORECASE)
_KEYED = re.compile(
    r"digital_?source(?:file)?_?type[\\\"'\s]{0,6}[:=][\\\"'\s]{0,6}([A-Za-z]{3,60})\b", re.IGNORECASE
)
"""The code behind the property's name, as JSON and lists of settings write it."""
_BETWEEN = re.compile(r"[,;|\s]+")


def source_types(value: str) -> list[tuple[str, SourceClass]]:
    """(code, class) of each declared source type; none where the value holds no code."""
    plain = unquote(value).strip(" \t\r\n\"'")
    words = re.sub(
        r"[\W_]", "", plain
    ).lower()  # labels for people and spellings: "Trained Algorithmic Media"
    words = _NAMES.get(words, words).lower().removesuffix(_SCHEMA_ORG)
    if words in _SPELLING:
        return [(_SPELLING[words], SOURCE_TYPES[_SPELLING[words]])]
    found = _CODE.fullmatch(plain)
    if found is not None:
        code = _SPELLING.get(found[1].lower().removesuffix(_SCHEMA_ORG), found[1])
        return [(code, SOURCE_TYPES.get(code, "unknown"))]
    parts = (_CODE.fullmatch(part) for part in _BETWEEN.split(plain))
    return _known(part[1] for part in parts if part) or mentioned_source_types(plain)


def mentioned_source_types(text: str) -> list[tuple[str, SourceClass]]:
    """(code, class) of the vocabulary's addresses, and of codes that the property's name announces, in any text."""
    found = _ADDRESS.findall(text) if "/newscodes/" in text else []
    return _known([*found, *_KEYED.findall(text)]) if found or "ource" in text else []


def _known(codes: Iterable[str]) -> list[tuple[str, SourceClass]]:
    known = (_SPELLING.get(code.lower(), "") for code in codes)
    return [(code, SOURCE_TYPES[code]) for code in dict.fromkeys(known) if code]
