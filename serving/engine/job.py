"""One photo on its way through the engine, and how it can end without a verdict."""

import math
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from refundlens.model.detect import Observations, Scored, Steps
from refundlens.model.detection import Detection
from refundlens.model.names import DEFECTS, KINDS, Defect
from refundlens.model.network import pooling, tiles
from refundlens.model.photo.image import Photo
from refundlens.serving.kit.language import Language

if TYPE_CHECKING:
    from refundlens.serving.engine.runner import ModelRunner
    from refundlens.serving.engine.scheduler import Stage

Priority = Literal["interactive", "bulk", "visitor", "shadow"]
"""Somebody waits; nobody looks (rescans); somebody without a key; a challenger's copy of a photo, which only ever gets
idle time."""
LATER: dict[Priority, float] = {"interactive": 0.0, "bulk": 10.0, "visitor": 0.0, "shadow": math.inf}
"""Seconds by which a photo of each priority counts as having come later than it did (a visitor's, and a shadow's, wait
for all others besides: `scheduler.CLASSES`). This is the ageing: a bulk photo
lets through those who came up to 10 s after it and no others, so that a stream of interactive ones never starves it."""


class Expired(Exception):
    """The deadline passed before the verdict. `stage`: what the photo was waiting for."""

    def __init__(self, stage: str) -> None:
        super().__init__(
            "the deadline passed before this picture's turn: wait longer or send fewer at a time"
        )
        self.stage = stage


class Overloaded(Exception):
    """The deadline cannot be met. `wait`: seconds that the answer would take, as estimated."""

    def __init__(self, wait: float) -> None:
        super().__init__(f"the answer would take about {wait:.1f} s")
        self.wait = wait


class Closed(RuntimeError):
    """The engine was closed before the photo's turn."""


@dataclass(frozen=True)
class Judgement:
    """A verdict. queued: seconds until decoding began. work: seconds of one thread that the photo took in all."""

    detection: Detection
    queued: float
    work: float


class TiledPass:
    """One pass of the network over a picture: tiles handed out one after the other, results put in their place.

    pixels: uint8 RGB [H,W,3]. Memory grows with the maps, not with the tiles.
    """

    def __init__(self, pixels: NDArray[np.uint8]) -> None:
        self.grid = tiles.plan(*pixels.shape[:2])
        self.count = len(self.grid.origins)
        self._padded = tiles.pad(pixels, self.grid)
        self._kinds = np.empty((self.count, len(KINDS)), np.float32)
        self._maps = np.empty((self.count, 1 + len(DEFECTS), tiles.CELLS, tiles.CELLS), np.float32)
        self.taken = 0
        """Tiles handed out."""
        self.scored = 0

    def copy_tiles(self, first: int, out: NDArray[np.uint8]) -> None:
        """Tiles from `first` on into uint8 [N,TILE,TILE,3]."""
        for place, (y, x) in zip(out, self.grid.origins[first : first + len(out)], strict=True):
            place[:] = self._padded[y : y + tiles.TILE, x : x + tiles.TILE]

    def put(self, first: int, kinds: NDArray[np.float32], maps: NDArray[np.float32]) -> None:
        """Results of the tiles from `first` on. Different tiles may be put from different threads at once."""
        self._kinds[first : first + len(kinds)] = kinds
        self._maps[first : first + len(maps)] = maps

    def result(self) -> Scored:
        """What `Detector.score` gives for the same pixels."""
        scores = pooling.Scores(self._kinds, tiles.stitch(self._maps, self.grid))
        return Scored(scores, pooling.features(scores))


@dataclass(eq=False)
class PhotoJob:
    """A photo and how far it is. Times are on the monotonic clock; a job without a deadline has infinity there.

    tiles, area: number of tiles, and pixels, as the header states them; area is what decoding will hold in memory.
    """

    data: bytes
    claim: Defect | None
    language: Language
    priority: Priority
    arrived: float
    deadline: float
    tiles: int
    area: int
    lane: "ModelRunner"
    group: str = ""
    """Whose photo it is, such as a tenant's: groups take turns. None for who takes none, such as a warm-up."""
    inspect: Callable[[Photo], None] | None = None
    """Looks at the opened photo before it is judged; what it raises is what becomes of the job."""
    future: "Future[Judgement]" = field(default_factory=Future)
    stage: "Stage" = "decode"
    photo: Photo | None = None
    look: TiledPass | None = None
    steps: Steps | None = None
    """What its detector makes of the scores: a verdict, or a wish for a second look."""
    observations: Observations | None = None
    """What is known without the network, once it is."""
    began: float = 0.0
    decoded: float = 0.0
    inferred: float = 0.0
    run_seconds: float = 0.0
    """Seconds of runners, this photo's share of its batches."""
    other_seconds: float = 0.0
    """Seconds of threads for decoding, observing and finishing."""
    held: int = 0
    """Bytes of pixels the scheduler counts for this job."""
    rank: float = field(init=False)
    """Lower goes first, at every stage; the engine sets it by the size, too (`turns`) when the job is submitted."""

    def __post_init__(self) -> None:
        self.rank = self.arrived + LATER[self.priority]

    @property
    def left(self) -> int:
        """Tiles still to be scored, as far as is known."""
        return self.tiles if self.look is None else self.look.count - self.look.scored

    def over(self, now: float) -> bool:
        """Whether nobody waits for it any more."""
        return now >= self.deadline or self.future.done()

    def begin(self, photo: Photo) -> None:
        """Lay out the first of the detector's steps. Raises BundleError."""
        self.photo = photo
        self.steps = self.lane.detector.steps(photo, self.claim, self.language, observed=self._observed)
        self.look = TiledPass(next(self.steps))
        self.tiles = self.look.count

    @property
    def known(self) -> bool:
        """Whether all is there that the next of the detector's steps needs."""
        return self.look is not None and self.look.scored == self.look.count and self.observations is not None

    def _observed(self) -> Observations:
        assert self.observations is not None
        return self.observations

    def forget(self) -> None:
        """Let the photo go: whoever keeps the job to ask for its answer must not keep its pixels."""
        self.data, self.photo, self.look, self.steps = b"", None, None, None
        self.observations = None

    def answer(self, answer: Judgement) -> None:
        with suppress(InvalidStateError):  # whoever asked may have gone in this very moment
            self.future.set_result(answer)

    def fail(self, error: BaseException) -> None:
        with suppress(InvalidStateError):
            self.future.set_exception(error)
