"""The interface that every editor keeps, so that a new generator is one new file."""

from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from refundlens.model.names import Defect, Kind

Pixels = NDArray[np.uint8]
"""RGB picture, uint8 [H,W,3]."""
Mask = NDArray[np.float32]
"""Share of each pixel that belongs to a region, float32 [H,W], 0 to 1."""


@dataclass(frozen=True)
class EditRequest:
    """What an editor is asked to change.

    photo: the real picture. painted: the same picture with a defect drawn on it by a painter.
    region: where the painter drew. donor: another real picture of any size, for splicing.
    """

    photo: Pixels
    painted: Pixels
    region: Mask
    defect: Defect
    donor: Pixels | None = None


@dataclass(frozen=True)
class Edit:
    """An edited picture of the photo's own size.

    changed: which pixels no longer come from the camera (all ones when the whole picture was regenerated).
    generator: which network or tool made the pixels, e.g. "taef2", "srgan-x2", "classical.copy_move".
    """

    pixels: Pixels
    changed: Mask
    kind: Kind
    generator: str
    parameters: dict[str, Any] = field(default_factory=dict)


class Editor(Protocol):
    """Anything that can turn a request into an edit. `name` is stable: datasets record it."""

    name: str

    def edit(self, request: EditRequest, rng: np.random.Generator) -> Edit:
        """Edit the photo. All randomness comes from `rng`; the same request and state give the same edit."""
        ...
