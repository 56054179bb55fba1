"""Open peers on the very bytes that we are judged on.

In: peers (`training.peers`), masters, and our own scored rows. Out: one `PeerLine` for each detector and delivery, ours
first, all on exactly the same pictures.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from threading import Lock

import cv2
import numpy as np
from numpy.typing import NDArray

import refundlens.training.peers
from refundlens.datasets.row import Row
from refundlens.training.calibration.scoring import run_all
from refundlens.training.evaluation import metrics
from refundlens.training.evaluation.metrics import (
    ROUNDS,
    best_threshold_f1,
    bootstrap_interval,
    pixel_f1,
    roc_auc,
    tpr_at_fpr,
)
from refundlens.training.evaluation.slices import FALSE_POSITIVE_RATES, Scored, delivery_of
from refundlens.training.evaluation.suite.reading import Reader
from refundlens.training.evaluation.suite.store import Part, code_of, digest
from refundlens.training.evaluation.suite.sweep import DELIVERIES, open_master, send
from refundlens.training.peers import Peer

PHOTOS = 60
"""Source photos that peers judge: some take a second a picture, and a photo makes thirty-two."""
FPR = FALSE_POSITIVE_RATES[1]
OURS = "RefundLens"


@dataclass(frozen=True)
class PeerLine:
    """One detector in one delivery. nan where it gives no score, or no map.

    pictures: with a score. auc with its 95 % interval over photos; tpr: at 3.7 % false positives. pixel_f1: mean over
    spliced pictures (ai_edited, photoshopped) at 0.5; best_f1: had someone known where to cut.
    """

    detector: str
    delivery: str
    photos: int
    pictures: int
    auc: float
    low: float
    high: float
    tpr: float
    pixel_f1: float
    best_f1: float


@dataclass(frozen=True)
class _Judged:
    """What a detector said of one picture; f1s nan where it drew no map or there is nothing local to find."""

    row: Row
    delivery: str
    score: float | None
    f1: float
    best_f1: float


def side_by_side(
    reader: Reader,
    peers: Sequence[Peer],
    dataset: Path,
    rows: Sequence[Row],
    ours: Sequence[Scored],
    rounds: int = ROUNDS,
) -> list[PeerLine]:
    """Run each peer over the first PHOTOS photos' masters, delivered; `rows` are those masters, `ours` the sweep."""
    chosen = {row.file_name for row in rows}
    own = [
        _Judged(one.row, delivery_of(one), one.probability, *_own_f1s(one))
        for one in ours
        if one.row.file_name in chosen and delivery_of(one) in DELIVERIES
    ]
    lines = _lines(OURS, own, rounds)
    for peer in peers:
        lines += _lines(peer.name, _run(reader, peer, dataset, rows), rounds)
    return sorted(lines, key=lambda line: DELIVERIES.index(line.delivery))


def _own_f1s(one: Scored) -> tuple[float, float]:
    if one.pixel is None or not _is_local(one.row):
        return math.nan, math.nan
    return one.pixel.f1, one.best_f1


def _is_local(row: Row) -> bool:
    """Whether the picture has a place to find: a wholly regenerated one is manipulated everywhere."""
    return row.kind in ("ai_edited", "photoshopped")


def _run(reader: Reader, peer: Peer, dataset: Path, rows: Sequence[Row]) -> list[_Judged]:
    basis = digest([peer.name, _code()])
    alone = Lock()  # nobody promised that a peer may be called from two threads

    def judge(
        data: bytes, mask: NDArray[np.float32] | None
    ) -> tuple[float | None, float | None, float | None]:
        with alone:
            return _judge(peer, data, mask)

    def one(row: Row) -> list[_Judged]:
        master, found = open_master(dataset, row), []
        for delivery in DELIVERIES:
            _, sent = send(master, delivery)
            mask = dict(zip(master.masks, sent.masks, strict=True)).get("edit") if _is_local(row) else None
            parts: list[Part] = [basis, sent.data]
            if mask is not None:
                parts.append(mask)
            score, *f1s = reader.store.remember(parts, partial(judge, sent.data, mask))
            f1, best = (math.nan if value is None else value for value in f1s)
            found.append(_Judged(row, delivery, score, f1, best))
        return found

    return [judged for group in run_all(one, rows, peer.name) for judged in group]


@cache
def _code() -> str:
    """The code that a peer's result rests on, as it was when this process first asked."""
    measured_by = [Path(file).read_bytes() for file in (__file__, metrics.__file__)]
    return digest([code_of(Path(refundlens.training.peers.__file__).parent), *measured_by])


def _judge(
    peer: Peer, data: bytes, mask: NDArray[np.float32] | None
) -> tuple[float | None, float | None, float | None]:
    """(score, F1 at 0.5, best F1), each None where the peer has none."""
    score = peer.score(data)
    heat = None if mask is None else peer.heatmap(data)
    if mask is None or heat is None:
        return score, None, None
    height, width = mask.shape
    large = np.asarray(cv2.resize(heat, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)
    f1, best = pixel_f1(mask, large).f1, best_threshold_f1(mask, large)[0]
    return score, None if math.isnan(f1) else f1, None if math.isnan(best) else best


def _lines(name: str, judged: Sequence[_Judged], rounds: int) -> list[PeerLine]:
    found = []
    for delivery in DELIVERIES:
        part = [one for one in judged if one.delivery == delivery]
        if part:
            found.append(_line(name, delivery, part, rounds))
    return found


def _line(name: str, delivery: str, part: Sequence[_Judged], rounds: int) -> PeerLine:
    known = [(one.row, one.score) for one in part if one.score is not None]
    labels, scores = [row.label for row, _ in known], [score for _, score in known]
    sources = [row.source for row, _ in known]
    low, high = (
        bootstrap_interval(roc_auc, sources, labels, scores, rounds=rounds) if known else (math.nan, math.nan)
    )
    return PeerLine(
        detector=name,
        delivery=delivery,
        photos=len({one.row.source for one in part}),
        pictures=len(known),
        auc=roc_auc(labels, scores),
        low=low,
        high=high,
        tpr=tpr_at_fpr(labels, scores, FPR) if known else math.nan,
        pixel_f1=_mean([one.f1 for one in part]),
        best_f1=_mean([one.best_f1 for one in part]),
    )


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan
