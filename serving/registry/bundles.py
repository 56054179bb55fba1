"""Bundles as files, and what one says of itself.

In: a file. Out: its bytes under their SHA-256 in the store of models, apart from photos and their retention, and
its facts as JSON values for the registry.
"""

import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from refundlens.model.bundle import BundleError, as_file
from refundlens.model.detect import Detector
from refundlens.model.detection import ModelName
from refundlens.model.verdict.calibration import Calibration
from refundlens.serving.kit.errors import Conflict
from refundlens.serving.registry import card
from refundlens.serving.registry.signatures import check_signature
from refundlens.serving.settings import Settings
from refundlens.serving.storage.files import BUNDLES, FileError, FileStore, open_files
from refundlens.serving.storage.tables import ModelVersion

SIDE = 512
"""Pixels a side of the picture that a bundle is tried with: several tiles, as a photo has."""
MOST_CHARACTERS = 40
"""Of an id: what the database keeps of one."""
SAME = 1e-4
"""How far the four kinds may be from 1 in sum: the contract's tolerance for numbers that should be equal."""
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")


class ModelError(Exception):
    """A bundle that the registry cannot take; the message says what to do."""


@dataclass(frozen=True)
class BundleFacts:
    """What a bundle says of itself. size: bytes. facts: JSON values, see `_facts`."""

    name: ModelName
    size: int
    card: str
    facts: dict[str, Any]

    @property
    def id(self) -> str:
        return f"{self.name.name}-{self.name.version}"


def open_bundles(settings: Settings) -> FileStore:
    """The store of bundles. Raises OSError, SettingsError."""
    return open_files(settings, BUNDLES)


@contextmanager
def unpacked(bundles: FileStore, sha256: str) -> Iterator[Path]:
    """A checked bundle as a file, as long as the block lasts. Raises FileError, OSError."""
    with as_file(bundles.get(sha256)) as path:
        yield path


def check_loadable(bundles: FileStore, settings: Settings, row: ModelVersion) -> None:
    """Have a version judge a picture before it judges for others. Raises Conflict `not_loadable`."""
    try:
        check_signature(settings, row.sha256, row.facts.get("signature"))
        with unpacked(bundles, row.sha256) as path:
            tried(path)
    except (BundleError, ModelError, FileError, OSError) as error:
        detail = f"{row.id} cannot be loaded, so it cannot be the champion: {error}"
        raise Conflict("not_loadable", detail) from error


def examine(detector: Detector, size: int) -> BundleFacts:
    """Raises ModelError where the registry cannot name it, or it can score but not judge."""
    name = detector.name
    found = BundleFacts(name, size, detector.card, {})
    if not _ID.fullmatch(found.id) or len(found.id) > MOST_CHARACTERS:
        raise ModelError(
            f"{found.id!r} cannot name a version: letters, digits and . _ + -, {MOST_CHARACTERS} characters at most; "
            "export it with another --name or --version"
        )
    if detector.calibration is None:
        raise ModelError(
            f"{found.id} is not calibrated, so it cannot judge; run `refundlens calibrate` and export it"
        )
    return BundleFacts(name, size, detector.card, _facts(detector, detector.calibration))


def tried(path: Path) -> BundleFacts:
    """Open a bundle on the CPU and have it judge a picture of noise. Raises BundleError, ModelError, OSError."""
    detector = Detector(path, threads=1, device="cpu")
    found = examine(detector, path.stat().st_size)
    try:
        kinds = detector.detect(_noise()).kind
    except Exception as error:  # ONNX Runtime raises errors of many kinds, a bundle can provoke any
        raise ModelError(f"{found.id} cannot judge a picture: {error}") from error
    if not abs(sum(kinds.values()) - 1) <= SAME:  # "not" catches what is no number at all
        raise ModelError(f"{found.id} gives probabilities that do not add up to 1; export it anew")
    return found


def tried_bytes(content: bytes) -> BundleFacts:
    """`tried`, of a bundle that is no file yet. Raises BundleError, ModelError, OSError."""
    with as_file(content) as path:
        return tried(path)


def _noise() -> bytes:
    """A JPEG with something in every tile, the same each time."""
    file = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(file, "JPEG")
    return file.getvalue()


def _facts(detector: Detector, calibration: Calibration) -> dict[str, Any]:
    """figures, tags: of the card's front matter. dataset: the version it was trained on. gate: what the comparison with
    the champion of its day said, none where there was none; snapshots: of judged photos that it saw. calibration:
    its limit and confidence, and each condition with its threshold, none where it never says fake."""
    bins = [json.loads(one.model_dump_json(exclude={"parts"})) for one in calibration.bins]
    return {
        "figures": card.figures(detector.card),
        "tags": card.tags(detector.card),
        "dataset": detector.bundle.training.get("dataset"),
        "gate": detector.bundle.training.get("gate"),
        "snapshots": detector.bundle.training.get("snapshots", []),
        "calibration": {
            "limit": calibration.limit,
            "confidence": calibration.confidence,
            "clear_below": calibration.clear_below,
            "conditions": bins,
        },
    }
