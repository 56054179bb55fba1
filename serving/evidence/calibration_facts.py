"""What a model's calibration says of photos in one condition: on how many photos it was counted, and with what result.

In: a calibration and a photo's condition. Out: JSON values; from the same model the same, so that they can be checked.
"""

import hashlib
import json
from typing import Any

from pydantic import BaseModel

from model.calibration import Bin, Calibration
from model.detection import Conditions


def facts(calibration: Calibration, conditions: Conditions) -> dict[str, Any]:
    """sha256: of the calibration as a whole. limit: the largest rate of authentic photos called fake it allows, at
    `confidence`. threshold: probability from which this photo is `fake`. condition, part, suspect: of
    `model.calibration`; none where the condition is not covered."""
    covered = calibration.bin(conditions)
    parts = () if covered is None else covered.parts
    part = next((one for one in parts if one.holds(conditions)), None)
    suspect = next((one for one in calibration.suspect if one.holds(conditions)), None)
    return {
        "sha256": hashlib.sha256(calibration.to_json().encode()).hexdigest(),
        "limit": calibration.limit,
        "confidence": calibration.confidence,
        "clear_below": calibration.clear_below,
        "threshold": calibration.threshold(conditions),
        "condition": None if covered is None else _bin(covered),
        "part": None if part is None else _values(part),
        "suspect": None if suspect is None or covered is None else _bin(suspect),
    }


def _bin(found: Bin) -> dict[str, Any]:
    return {name: value for name, value in _values(found).items() if name != "parts"}


def _values(found: BaseModel) -> dict[str, Any]:
    """By way of JSON, which has no infinity and says null."""
    values: dict[str, Any] = json.loads(found.model_dump_json())
    return values
