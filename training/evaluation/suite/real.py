"""Pictures that we had no hand in: photos of real damage or real goods, and edits that real editors made.

In: folders, for measuring only. Out: verdict counts with bounds for authentic photos; ROC AUC and pixel F1 for edits.
Every authentic photo is judged as it was delivered and once more as a messenger would pass it on.
"""

import csv
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from refundlens.datasets.degradations.apply import deliver
from refundlens.datasets.degradations.chains import NAMED
from refundlens.datasets.row import read_mask, read_rgb
from refundlens.model.photo.image import ImageError, read_photo
from refundlens.model.verdict.bounds import interval, upper_bound
from refundlens.training.calibration.scoring import run_all
from refundlens.training.evaluation.metrics import ROUNDS, bootstrap_interval, roc_auc
from refundlens.training.evaluation.suite.checks import judged, loosest
from refundlens.training.evaluation.suite.reading import Reader, Reading

ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".heic", ".avif", ".bmp", ".tif", ".tiff"}
AS_IS, ANCHOR = "as is", "q75_720"
EDIT_DELIVERIES = ("png", "q90", "jpeg80", "q75_720", "q60_768")
"""What edits are measured at: those of the suite that neither crop nor frame a picture."""
QUANTILES = (0.5, 0.9, 0.95, 0.98, 1.0)
ALL = "all"
EDITS = "MANIFEST.csv"
Item = TypeVar("Item")


class RealSetError(ValueError):
    """A folder of real pictures that cannot be used; the message says what to do."""


@dataclass(frozen=True)
class Authentic:
    """Authentic photos of a folder in one delivery.

    called: verdicts counted. covered: photos in a condition that calibration covers; on the others no verdict but
    `inconclusive` is possible, so they show nothing. not_fake: share of the covered ones not called fake
    (`inconclusive` accuses nobody), with its 95 % interval; nan without any. accused_bound: 95 % upper confidence
    bound on the rate called fake, of all. judged: photos that came with a bound; stated: the loosest of them.
    unreadable: files left out. probabilities, fake, supported: of every photo, in the order of file names.
    """

    name: str
    delivery: str
    photos: int
    called: dict[str, int]
    covered: int
    not_fake: float
    not_fake_interval: tuple[float, float]
    accused_bound: float
    judged: int
    stated: float | None
    unreadable: int
    quantiles: dict[str, float]
    probabilities: tuple[float, ...]
    fake: tuple[bool, ...]
    supported: tuple[bool, ...]


def authentic_folder(reader: Reader, name: str, folder: Path, limit: int | None = None) -> list[Authentic]:
    """Judge every photo of a folder, as is and as ANCHOR. Raises RealSetError where it holds none."""
    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
    chosen = _spread(files, limit)
    read = run_all(lambda path: _both(reader, path), chosen, name)
    good = [one for one in read if one is not None]
    if not good:
        raise RealSetError(f"{folder} holds no photo that can be read ({', '.join(sorted(ENDINGS))})")
    return [
        _authentic(name, delivery, [one[index] for one in good], len(read) - len(good))
        for index, delivery in enumerate((AS_IS, ANCHOR))
    ]


def _both(reader: Reader, path: Path) -> tuple[Reading, Reading] | None:
    data = path.read_bytes()
    try:
        pixels = read_photo(data).pixels
        return reader.read(data), reader.read(deliver(pixels, NAMED[ANCHOR]).data)
    except ImageError:
        return None


def _authentic(name: str, delivery: str, read: Sequence[Reading], unreadable: int) -> Authentic:
    called = Counter(one.verdict for one in read)
    said = tuple(one.probability for one in read)
    covered = [one for one in read if one.conditions.supported]
    accused = sum(one.verdict == "fake" for one in covered)
    low, high = interval(accused, len(covered))
    return Authentic(
        name=name,
        delivery=delivery,
        photos=len(read),
        called=dict(sorted(called.items())),
        covered=len(covered),
        not_fake=1 - accused / len(covered) if covered else math.nan,
        not_fake_interval=(1 - high, 1 - low),
        accused_bound=upper_bound(called["fake"], len(read)),
        judged=judged(one.bound for one in read),
        stated=loosest(one.bound for one in read),
        unreadable=unreadable,
        quantiles={str(q): round(float(np.quantile(said, q)), 4) for q in QUANTILES},
        probabilities=said,
        fake=tuple(one.verdict == "fake" for one in read),
        supported=tuple(one.conditions.supported for one in read),
    )


@dataclass(frozen=True)
class Edits:
    """Pictures by one real editor (or all) in one delivery, against their originals delivered alike.

    low, high: 95 % interval of auc over originals. pixel_f1: mean at 0.5; best_f1: had someone known where to cut.
    edits_called, originals_called: verdicts counted. judged: originals that came with a bound; stated: the loosest.
    """

    generator: str
    delivery: str
    edits: int
    originals: int
    auc: float
    low: float
    high: float
    pixel_f1: float
    best_f1: float
    edits_called: dict[str, int]
    originals_called: dict[str, int]
    judged: int
    stated: float | None


@dataclass(frozen=True)
class _Pair:
    generator: str
    origin: str
    delivery: str
    edited: Reading
    original: Reading | None


def real_edits(reader: Reader, folder: Path, limit: int | None = None, rounds: int = ROUNDS) -> list[Edits]:
    """Measure the edits that MANIFEST.csv lists (columns id, generator, edited, original, mask; original may be empty).

    Raises RealSetError without a manifest or without rows.
    """
    manifest = folder / EDITS
    if not manifest.is_file():
        raise RealSetError(f"{folder} has no {EDITS} with the columns id, generator, edited, original, mask")
    with manifest.open(encoding="utf-8", newline="") as stream:
        rows = _spread(list(csv.DictReader(stream)), limit)
    if not rows:
        raise RealSetError(f"{manifest} lists no edit")
    pairs = [
        pair
        for group in run_all(lambda row: _pairs(reader, folder, row), rows, "real edits")
        for pair in group
    ]
    names = sorted({pair.generator for pair in pairs})
    return [
        _edits(
            name,
            delivery,
            [p for p in pairs if p.delivery == delivery and name in (ALL, p.generator)],
            rounds,
        )
        for delivery in EDIT_DELIVERIES
        for name in (ALL, *names)
    ]


def _pairs(reader: Reader, folder: Path, row: dict[str, str]) -> list[_Pair]:
    edited, mask = read_rgb(folder / row["edited"]), read_mask(folder / row["mask"])
    # never brought to the edit's size: resampling one class alone would tell the classes apart
    original = read_rgb(folder / row["original"]) if row["original"] else None
    found = []
    for delivery in EDIT_DELIVERIES:
        sent = deliver(edited, NAMED[delivery], [mask])
        real = None if original is None else reader.read(deliver(original, NAMED[delivery]).data)
        name = row["generator"].split(" ")[0]
        found.append(_Pair(name, row["id"], delivery, reader.read(sent.data, {"edit": sent.masks[0]}), real))
    return found


def _edits(generator: str, delivery: str, pairs: Sequence[_Pair], rounds: int) -> Edits:
    real = [(pair.origin, pair.original) for pair in pairs if pair.original is not None]
    labels = np.repeat([1, 0], [len(pairs), len(real)])
    scores = np.array([pair.edited.probability for pair in pairs] + [one.probability for _, one in real])
    groups = [pair.origin for pair in pairs] + [origin for origin, _ in real]
    low, high = bootstrap_interval(roc_auc, groups, labels, scores, rounds=rounds)
    maps = [pair.edited.maps["edit"] for pair in pairs]
    return Edits(
        generator=generator,
        delivery=delivery,
        edits=len(pairs),
        originals=len(real),
        auc=roc_auc(labels, scores),
        low=low,
        high=high,
        pixel_f1=_mean([one.pixels.f1 for one in maps]),
        best_f1=_mean([one.best_f1 for one in maps if one.best_f1 is not None]),
        edits_called=dict(sorted(Counter(pair.edited.verdict for pair in pairs).items())),
        originals_called=dict(sorted(Counter(one.verdict for _, one in real).items())),
        judged=judged(one.bound for _, one in real),
        stated=loosest(one.bound for _, one in real),
    )


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


def _spread(items: Sequence[Item], limit: int | None) -> list[Item]:
    """At most `limit` items, evenly spread over all, so that every editor and every sort of photo is met."""
    if limit is None or limit >= len(items):
        return list(items)
    return [items[index * len(items) // limit] for index in range(limit)]
