"""What an edited picture's verdict becomes when its sender washes the traces out.

In: a detector and edited pictures as they arrived. Out: a `Laundered` line for each treatment: how many `fake` turned
into `inconclusive`, which costs a person's time, and how many pictures that were not `authentic` turned into
`authentic`, which costs money. The second is the bad column.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from refundlens.datasets.collection import Entry, read_index
from refundlens.datasets.crops.masters import decode
from refundlens.datasets.degradations.apply import deliver
from refundlens.datasets.degradations.chains import NAMED, Step
from refundlens.datasets.degradations.recapture import recapture
from refundlens.datasets.photos import UnreadablePhotoError
from refundlens.model.detect import Detector
from refundlens.model.progress import track

Pixels = NDArray[np.uint8]
SAVED: Step = {"step": "jpeg", "quality": 90, "subsampling": "4:2:0"}
"""How a treated picture is stored where the treatment itself is no compression."""


def _saved_at(quality: int) -> list[Step]:
    return [{"step": "jpeg", "quality": quality, "subsampling": "4:2:0"}]


def _noisy(level: float) -> Callable[[Pixels], bytes]:
    def change(pixels: Pixels) -> bytes:
        noise = np.random.default_rng(0).normal(0, level, pixels.shape)
        return deliver(np.clip(np.rint(pixels + noise), 0, 255).astype(np.uint8), [SAVED]).data

    return change


def _resized(pixels: Pixels) -> bytes:
    size = {"step": "resize", "long_side": round(0.9 * max(pixels.shape[:2])), "kernel": "bicubic"}
    return deliver(pixels, [size, SAVED]).data


def _blurred(pixels: Pixels) -> bytes:
    return deliver(np.asarray(cv2.GaussianBlur(pixels, (0, 0), 1.0), np.uint8), [SAVED]).data


def _recaptured(pixels: Pixels) -> bytes:
    return deliver(recapture(pixels, np.random.default_rng(0)), [SAVED]).data


TREATMENTS: dict[str, Callable[[Pixels], bytes]] = {
    "JPEG 70": lambda pixels: deliver(pixels, _saved_at(70)).data,
    "JPEG 40": lambda pixels: deliver(pixels, _saved_at(40)).data,
    "compressed twice": lambda pixels: deliver(pixels, NAMED["double_jpeg"]).data,
    "resized by 0.9": _resized,
    "blurred, 1 pixel": _blurred,
    "noise, 4 levels": _noisy(4),
    "noise, 8 levels": _noisy(8),
    "screenshot": lambda pixels: deliver(pixels, NAMED["screenshot"]).data,
    "photo of a screen": _recaptured,
}


@dataclass(frozen=True)
class Laundered:
    """pictures: edited ones. fake: called so as they arrived. fake_to_inconclusive, fake_to_authentic: what became of
    those. to_authentic: pictures that became `authentic` and were not before. odds: median change of the log odds."""

    treatment: str
    pictures: int
    fake: int
    fake_to_inconclusive: int
    fake_to_authentic: int
    to_authentic: int
    odds: float


def laundering(detector: Detector, files: Sequence[bytes]) -> list[Laundered]:
    """One line a treatment, over edited pictures given as files. Raises ValueError for a detector without a
    calibration, which gives no verdicts."""
    if detector.calibration is None:
        raise ValueError("verdicts need a calibrated bundle: run `refundlens calibrate` first")
    verdicts: dict[str, list[tuple[str, float]]] = {"": [], **{name: [] for name in TREATMENTS}}
    for data in track(files, len(files), "laundering"):
        before = detector.detect(data)
        verdicts[""].append((before.verdict, _log_odds(before.probability)))
        pixels = decoded_pixels(data)
        for name, treat in TREATMENTS.items():
            after = detector.detect(treat(pixels))
            verdicts[name].append((after.verdict, _log_odds(after.probability)))
    return [_line(name, verdicts[""], verdicts[name]) for name in TREATMENTS]


def edited_files(collection: Path, split: str, limit: int, delivery: str = "q75_720") -> list[bytes]:
    """At most `limit` edited and generated pictures of a collected folder as they would arrive, generator by generator
    in turn. Raises CollectionError for a folder that was not collected."""
    waiting: dict[str, list[Entry]] = {}
    for entry in sorted(read_index(collection), key=lambda entry: entry.file):
        if entry.split == split and entry.generated:
            waiting.setdefault(entry.generator, []).append(entry)
    files: list[bytes] = []
    while len(files) < limit and any(waiting.values()):
        for entries in waiting.values():
            if entries and len(files) < limit:
                try:
                    files.append(deliver(decode(collection / entries.pop().file), NAMED[delivery]).data)
                except UnreadablePhotoError:
                    continue
    return files


def decoded_pixels(data: bytes) -> Pixels:
    """The file's pixels, uint8 RGB [H,W,3]."""
    found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if found is None:
        raise ValueError("not a picture that can be treated: give JPEG, PNG or WebP")
    return np.asarray(cv2.cvtColor(found, cv2.COLOR_BGR2RGB), np.uint8)


def _line(name: str, before: Sequence[tuple[str, float]], after: Sequence[tuple[str, float]]) -> Laundered:
    moves: Mapping[tuple[str, str], int] = Counter(
        (one, other) for (one, _), (other, _) in zip(before, after, strict=True)
    )
    changes = [new - old for (_, old), (_, new) in zip(before, after, strict=True)]
    return Laundered(
        name,
        len(before),
        sum(count for (one, _), count in moves.items() if one == "fake"),
        moves.get(("fake", "inconclusive"), 0),
        moves.get(("fake", "authentic"), 0),
        sum(count for (one, other), count in moves.items() if one != "authentic" and other == "authentic"),
        round(float(np.median(changes)), 3) if changes else float("nan"),
    )


def _log_odds(probability: float) -> float:
    kept = min(max(probability, 1e-9), 1 - 1e-9)
    return float(np.log(kept / (1 - kept)))


def laundering_table(lines: Sequence[Laundered]) -> str:
    """A table, the bad column last but one."""
    head = [
        "| treatment | edited pictures | `fake` as they came | of these `inconclusive` after "
        "| of these `authentic` after | not `authentic` before, `authentic` after | median change of the log odds |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    rows = [
        f"| {one.treatment} | {one.pictures} | {one.fake} | {one.fake_to_inconclusive} | {one.fake_to_authentic} "
        f"| {one.to_authentic} | {one.odds:+.2f} |"
        for one in lines
    ]
    return "\n".join([*head, *rows]) + "\n"
