"""Builds the document of a pack, and signs it.

In: what was collected, the running model, the moment. Out: the pack's bytes. The document is all there is: the PDF is
drawn from it and carries it.

The one way a pack is written: `{"evidence":…,"signature":…}`, keys sorted, no spaces, UTF-8.

In: a document and a way to sign bytes. Out: the file, and back. What is signed stands in the file as it is, between the
first `{"evidence":` and the last `,"signature":`, so that a program in any language can cut it out and check it without
writing JSON itself.

A detector's map as a small PNG, exact enough to be compared: 16 bits a cell, a cell per 8 pixels of the photo.

In: float32 [h,w], 0 to 1. Out: PNG, and back to within half a step.

What a model's calibration says of photos in one condition: on how many photos it was counted, and with what result.

In: a calibration and a photo's condition. Out: JSON values; from the same model the same, so that they can be checked.
"""

import base64
import hashlib
import io
import json
import platform
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel

from refundlens.model.detect import Detector
from refundlens.model.detection import Conditions
from refundlens.model.network.tiles import STRIDE
from refundlens.model.verdict import stability
from refundlens.model.verdict.calibration import Bin, Calibration
from refundlens.serving.evidence.material import EvidencePhoto, Map, Material
from refundlens.serving.evidence.signature import Signer
from refundlens.serving.kit.clock import rfc3339

FIRST, SECOND = b'{"evidence":', b',"signature":'


class PackError(ValueError):
    """A file that is no evidence pack; the message says why."""


def canonical_json(document: dict[str, Any]) -> bytes:
    """Raises ValueError for numbers that JSON has not."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def join(evidence: bytes, signature: dict[str, str]) -> bytes:
    """The file. evidence: a canonical document."""
    return FIRST + evidence + SECOND + canonical_json(signature) + b"}"


def split(file: bytes) -> tuple[bytes, dict[str, Any], dict[str, Any]]:
    """What was signed, the same as a document, the signature. Raises PackError for what was not written by `join`."""
    middle = file.rfind(SECOND)
    if not file.startswith(FIRST) or middle < 0 or not file.endswith(b"}"):
        raise PackError("this is no evidence pack: it does not begin and end as one")
    evidence, tail = file[len(FIRST) : middle], file[middle + len(SECOND) : -1]
    try:
        document, signature = json.loads(evidence), json.loads(tail)
    except (ValueError, RecursionError) as error:
        raise PackError(f"this is no evidence pack any more: it is not JSON ({error})") from error
    if not isinstance(document, dict) or not isinstance(signature, dict):
        raise PackError("this is no evidence pack: its parts are no JSON objects")
    if not all(isinstance(value, str) for value in signature.values()) or canonical_json(signature) != tail:
        raise PackError("this is no evidence pack any more: its signature was written again")
    return evidence, document, signature


def facts(calibration: Calibration, conditions: Conditions) -> dict[str, Any]:
    """sha256: of the calibration as a whole. limit: the largest rate of authentic photos called fake it allows, at
    `confidence`. threshold: probability from which this photo is `fake`. condition, part, suspect: of
    `model.verdict.calibration`; none where the condition is not covered."""
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


STEPS = 65535
"""Of 16 bits: a step is 0.000015, less than the 0.0001 to which numbers are compared."""
MOST_CELLS = 4_000_000
"""Far more than the largest photo has; a PNG that claims more is not decoded."""


def encode(cells: NDArray[np.float32]) -> bytes:
    """The same cells, the same bytes."""
    steps = np.rint(np.clip(cells, 0, 1) * np.float32(STEPS)).astype(np.uint16)
    file = io.BytesIO()
    Image.fromarray(steps).save(file, "PNG", compress_level=9)
    return file.getvalue()


def decode(png: bytes) -> NDArray[np.float32]:
    """float32 [h,w]. Raises ValueError for what `encode` did not write."""
    try:
        with Image.open(io.BytesIO(png), formats=["PNG"]) as picture:
            if picture.width * picture.height > MOST_CELLS or not picture.mode.startswith("I;16"):
                raise ValueError("this PNG is no map of 16 bits")
            steps = np.asarray(picture, np.uint16)
    except (OSError, SyntaxError) as error:
        raise ValueError(f"this PNG cannot be read: {error}") from error
    return steps.astype(np.float32) / np.float32(STEPS)


FORMAT = "refundlens-evidence/1"
KEYS_PATH = "/.well-known/refundlens-evidence.json"
"""Where the service publishes the key; a path of RFC 8615."""
_PACKAGES = ("numpy", "onnxruntime-gpu", "onnxruntime", "pillow")
"""Those whose version may move a number."""


@dataclass(frozen=True)
class Issuing:
    """By whom and when. detector: the running one; its calibration is told where it is the one that judged."""

    signer: Signer
    now: datetime
    public_url: str
    detector: Detector


def make_pack(material: Material, issuing: Issuing) -> bytes:
    """The signed pack."""
    evidence = canonical_json(document(material, issuing))
    return join(evidence, issuing.signer.seal(evidence))


def document(material: Material, issuing: Issuing) -> dict[str, Any]:
    """What is signed; `docs/evidence.md` names every member."""
    return {
        "format": FORMAT,
        "issued_at": rfc3339(issuing.now),
        "issuer": {"keys_url": issuing.public_url.rstrip("/") + KEYS_PATH, "software": _software()},
        "detection": material.body,
        "reasons": material.reasons,
        "asked": {"claim": material.claim, "claim_known": material.claim_known},
        "photo": _photo(material.photo),
        "heatmap": _map(material.heatmap),
        "reliability": _map(material.reliability),
        "model": _model(material.body, issuing.detector),
        "second_look": _second_look(material.body),
        "report": material.report,
        "audit": material.audit,
    }


def encoded(content: bytes) -> dict[str, str]:
    """Bytes in a document, with their hash."""
    return {
        "sha256": hashlib.sha256(content).hexdigest(),
        "base64": base64.b64encode(content).decode("ascii"),
    }


def _photo(photo: EvidencePhoto) -> dict[str, Any]:
    return {
        "sha256": photo.sha256,
        "state": photo.state,
        "supplied_by": photo.supplied_by,
        "bytes": photo.size,
        "media_type": photo.media_type,
        "base64": None if photo.content is None else encoded(photo.content)["base64"],
    }


def _map(cells: Map | None) -> dict[str, Any] | None:
    if cells is None:
        return None
    return {
        "media_type": "image/png",
        "pixels_per_cell": STRIDE,
        "steps": STEPS,
        **encoded(encode(cells)),
    }


def _model(body: dict[str, Any], detector: Detector) -> dict[str, Any]:
    """calibration, card, training data: none where another model is running by now; the bundle itself has them all."""
    judged_by, running = body["model"], detector.name
    if judged_by["sha256"] != running.sha256 or detector.calibration is None:
        return {**judged_by, "calibration": None, "card_sha256": None, "dataset_sha256": None}
    dataset = detector.bundle.training.get("dataset")
    return {
        **judged_by,
        "calibration": facts(detector.calibration, Conditions.model_validate(body["conditions"])),
        "card_sha256": hashlib.sha256(detector.card.encode()).hexdigest(),
        "dataset_sha256": dataset if isinstance(dataset, str) else None,
    }


def _second_look(body: dict[str, Any]) -> dict[str, Any]:
    """How the photo was compressed once more, where it was (`model.verdict.stability`)."""
    return {
        "made": body["stability"]["measured"],
        "format": "JPEG",
        "quality": stability.QUALITY,
        "subsampling": stability.SUBSAMPLING,
    }


def program_version() -> str:
    """Of refundlens, as packs tell it."""
    return _version("refundlens") or "0+source"


def _software() -> dict[str, str]:
    """Of the program that issued the pack."""
    used = {name: found for name in _PACKAGES if (found := _version(name))}
    return {
        "refundlens": program_version(),
        "python": platform.python_version(),
        "machine": platform.machine(),
        **used,
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
