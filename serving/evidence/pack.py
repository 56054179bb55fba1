"""Builds the document of a pack, and signs it.

In: what was collected, the running model, the moment. Out: the pack's bytes. The document is all there is: the PDF is
drawn from it and carries it.
"""

import base64
import hashlib
import platform
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from model import stability
from model.detect import Detector
from model.detection import Conditions
from model.tiles import STRIDE
from serving.clock import rfc3339
from serving.evidence import maps
from serving.evidence.calibration_facts import facts
from serving.evidence.canonical import canonical, join
from serving.evidence.material import Map, Material, Photo
from serving.evidence.signature import Signer

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


def make(material: Material, issuing: Issuing) -> bytes:
    """The signed pack."""
    evidence = canonical(document(material, issuing))
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


def _photo(photo: Photo) -> dict[str, Any]:
    return {
        "sha256": photo.sha256,
        "state": photo.state,
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
        "steps": maps.STEPS,
        **encoded(maps.encode(cells)),
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
    """How the photo was compressed once more, where it was (`model.stability`)."""
    return {
        "made": body["stability"]["measured"],
        "format": "JPEG",
        "quality": stability.QUALITY,
        "subsampling": stability.SUBSAMPLING,
    }


def _software() -> dict[str, str]:
    """Of the program that issued the pack."""
    own = _version("refundlens") or "0+source"
    used = {name: found for name in _PACKAGES if (found := _version(name))}
    return {"refundlens": own, "python": platform.python_version(), "machine": platform.machine(), **used}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
