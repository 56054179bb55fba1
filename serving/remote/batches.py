"""What the engine knows of machines elsewhere: who opens a model there, and what a batch's answer or failure is.

In: a loaded bundle. Out: a function that scores tiles there. What the bundle is there for is checked: the first tiles
are scored here, too, and a machine that gives other numbers runs another model, or runs it in half precision.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from refundlens.model.bundle import Bundle, BundleError
from refundlens.model.network.tiles import TILE

Logits = tuple[NDArray[np.float32], NDArray[np.float32]]
"""kind [N,4], map [N,5,28,28]."""
BatchCall = Callable[[NDArray[np.uint8]], Logits]
"""Scores tiles elsewhere. Raises EngineAway where it is worth asking again, whatever else where it is not."""

AWAY_SECONDS = 30.0
"""How long a batch is sent again while nobody takes it: a replica that died is there again within ten seconds."""
FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
"""Seconds before a batch is sent again; each pause is twice the one before."""
CALL_SECONDS = 20.0
"""How long one call may take, its queue there included; then it is sent again, to another replica perhaps."""
SAME_LOGITS = 0.02
"""How far logits may be from those of this machine: float32 on other hardware stays within 1e-3, another training
of the same network is off by tenths, half precision by hundredths."""


class EngineAway(Exception):
    """The machines that run batches do not answer, or have no room."""


class RemoteModel(Protocol):
    """One bundle, ready there."""

    def connect(self) -> BatchCall:
        """A call for one thread's use."""
        ...

    def close(self) -> None: ...


class RemoteEngine(Protocol):
    """calls: batches under way at once. Safe to use from several threads."""

    calls: int

    def open(self, path: Path, bundle: Bundle) -> RemoteModel:
        """The bundle of a file, which has been loaded here. Raises BundleError where it is not to be had there."""
        ...

    def check(self) -> None:
        """That somebody answers. Raises EngineAway."""
        ...

    def close(self) -> None: ...


def patiently(call: BatchCall, tiles: NDArray[np.uint8], patience: float = AWAY_SECONDS) -> Logits:
    """Send a batch until it is answered. Raises EngineAway when nobody has for `patience` seconds."""
    ends, pause = time.monotonic() + patience, FIRST_PAUSE
    while True:
        try:
            return call(tiles)
        except EngineAway:
            if time.monotonic() + pause > ends:
                raise
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def check_same(bundle: Bundle, call: BatchCall) -> None:
    """That the model there is the bundle. Raises BundleError, EngineAway."""
    tiles = np.random.default_rng(0).integers(0, 256, (2, TILE, TILE, 3), dtype=np.uint8)
    for here, there in zip(bundle.run(tiles), patiently(call, tiles), strict=True):
        if here.shape != there.shape or not float(np.abs(here - there).max()) <= SAME_LOGITS:
            raise BundleError(
                f"{bundle.name.name} {bundle.name.version} gives other numbers there than here: another model has its "
                "name, or it runs in half precision (TF32 counts: NVIDIA_TF32_OVERRIDE=0)"
            )


def model_there(bundle: Bundle) -> str:
    """What the bundle is called elsewhere: two models never share a name, so that both can be there while one takes
    over from the other."""
    name = bundle.name
    plain = "".join(
        sign if sign.isalnum() or sign in "-_." else "_" for sign in f"{name.name}-{name.version}"
    )
    return f"{plain}-{name.sha256[:12]}"
