"""What a peer is, and how its package is loaded. In: file bytes. Out: a score and a map, either may be None."""

import importlib
from types import ModuleType
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class NotInstalledError(RuntimeError):
    """A peer's package, or one that it needs, cannot be imported. The message says what to run."""


class Peer(Protocol):
    """Somebody else's detector. The same bytes give the same answer; nothing is written to the working directory."""

    name: str

    def score(self, data: bytes) -> float | None:
        """How fake the picture looks to the peer, higher = more fake; None where it gives no score for this file."""

    def heatmap(self, data: bytes) -> NDArray[np.float32] | None:
        """Where, as float32 [h,w] from 0 to 1, displayed orientation; None where it gives no map for this file."""


def load(module: str, peer: str, install: str) -> ModuleType:
    """Import `module` for `peer`. Raises NotInstalledError with the `install` command where it is missing."""
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise NotInstalledError(
            f"peer {peer!r} needs the package {error.name!r}; install it with: {install}"
        ) from error
