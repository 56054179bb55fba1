"""A bundle's judgement of every case, kept as it comes, so that a killed gate goes on and a champion is asked once."""

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock

import numpy as np

from refundlens.datasets.crops.masters import decode
from refundlens.datasets.degradations.apply import deliver
from refundlens.datasets.degradations.chains import NAMED
from refundlens.datasets.photos import UnreadablePhotoError
from refundlens.model.detect import Detector
from refundlens.model.photo.image import ImageError
from refundlens.model.verdict.calibration import Bin
from refundlens.training.calibration.scoring import run_all
from refundlens.training.evaluation.laundering import TREATMENTS, decoded_pixels
from refundlens.training.gate.suite import DELIVERY, Case

SIDE = 1200
"""Pixels a side of the picture that is timed: 1.4 megapixels, as chat apps send them."""
ROUNDS = 7
"""Times it is judged by each model in turn."""
NOT_COVERED = "not covered"
"""The condition of a picture that falls into none of the calibration's."""


@dataclass(frozen=True)
class CaseJudgement:
    """case: its key. probability: that it was manipulated. condition: size and JPEG quality as calibration has them."""

    case: str
    probability: float
    verdict: str
    condition: str


def judge_cases(detector: Detector, cases: Sequence[Case], kept: Path) -> dict[str, CaseJudgement]:
    """Case key -> judgement, on all cores (give the detector one thread); pictures that cannot be judged are left out.

    kept: JSON Lines; those of the very bundle are not made again.
    """
    lock, model = Lock(), detector.name.sha256
    known: dict[str, CaseJudgement] = {}
    for line in kept.read_text(encoding="utf-8").splitlines() if kept.is_file() else []:
        try:
            one = json.loads(line)
            if one.pop("model") == model:
                known[one["case"]] = CaseJudgement(**one)
        except (ValueError, KeyError, TypeError):
            continue  # the last line of a run that was killed while it wrote
    kept.parent.mkdir(parents=True, exist_ok=True)

    def judge_one(case: Case) -> CaseJudgement | None:
        if case.key in known:
            return known[case.key]
        try:
            found = _judged(detector, case)
        except (UnreadablePhotoError, ImageError):
            return None
        with lock, kept.open("a", encoding="utf-8") as stream:
            stream.write("\n" + json.dumps({"model": model, **asdict(found)}))
        return found

    found = run_all(judge_one, list(cases), f"gate, {detector.name.version}")
    return {one.case: one for one in found if one is not None}


def sent(case: Case) -> bytes:
    """The case's file as it arrives: in a delivery, or in the suite's own and then treated. Raises
    UnreadablePhotoError."""
    pixels, treat = decode(Path(case.folder) / case.file), TREATMENTS.get(case.delivery)
    if treat is None:
        return deliver(pixels, NAMED[case.delivery]).data
    return treat(decoded_pixels(deliver(pixels, NAMED[DELIVERY]).data))


def _judged(detector: Detector, case: Case) -> CaseJudgement:
    detection = detector.detect(sent(case))
    assert detector.calibration is not None
    cell = detector.calibration.bin(detection.conditions)
    condition = NOT_COVERED if cell is None else condition_name(cell)
    return CaseJudgement(case.key, detection.probability, detection.verdict, condition)


def condition_name(cell: Bin) -> str:
    """A condition in words."""
    return f"{cell.long_side[0]} to {cell.long_side[1]} px, q{cell.jpeg_quality[0]} to {cell.jpeg_quality[1]}"


def time_ratio(champion: Detector, candidate: Detector, rounds: int = ROUNDS) -> tuple[float, float]:
    """(champion's median milliseconds, candidate's time as a multiple): in turns, so that a busy machine slows both."""
    pixels = np.random.default_rng(0).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    data = deliver(pixels, NAMED["jpeg80"]).data
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds + 1):
        for detector, mine in zip((champion, candidate), times, strict=True):
            began = time.process_time()
            detector.detect(data)
            mine.append(1000 * (time.process_time() - began))
    # the first round warms up
    ratios = np.array(times[1][1:]) / np.array(times[0][1:])
    return float(np.median(times[0][1:])), float(np.median(ratios))
