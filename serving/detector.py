"""The detector as serving sees it, and how to get one. Loading is lazy: `refundlens --help` pays for nothing."""

from pathlib import Path
from typing import Protocol

from model.detection import Detection, ModelName
from model.names import Defect
from serving.language import Language


class Detecting(Protocol):
    """Anything that judges photos. Safe to call from several threads at once."""

    @property
    def name(self) -> ModelName: ...

    def detect(self, data: bytes, claim: Defect | None = None, language: Language = "en") -> Detection:
        """Judge the bytes of one picture. Raises `model.image.ImageError` for what cannot be read."""
        ...


def load(bundle: Path | None, threads: int) -> Detecting:
    """The detector of `bundle`, or the bundled one, with `threads` processors for each picture.

    Raises `model.bundle.BundleError` where the file is missing or damaged; the message says what to do.
    """
    from model.detect import Detector

    return Detector(bundle, threads=threads)
