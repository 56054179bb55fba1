"""How a detector does on pictures of real editors, by figures that cannot flatter.

In: a bundle and a collected folder (`refundlens data collect`). Out: a `RealEditorsReport`. Every picture goes
through one delivery (JPEG 75 at 720 pixels unless told otherwise). A generated picture is asked for three things: is
it told from other people's photos, from its own input, and does it score above its own input. Two controls say whether
the figures are earned: inputs against unrelated photos must be chance (else the look of a collection was learned), and
the map under the same mask on the untouched input must be chance, too (else content was).
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from refundlens.datasets.collection import Entry, Family, by_file, read_index
from refundlens.datasets.crops.masters import decode
from refundlens.datasets.crops.twins import derived_mask, same_aspect
from refundlens.datasets.degradations.apply import deliver
from refundlens.datasets.degradations.chains import NAMED, Step
from refundlens.datasets.photos import UnreadablePhotoError
from refundlens.datasets.row import read_mask
from refundlens.model.detect import Detector
from refundlens.model.network import pooling
from refundlens.model.progress import track
from refundlens.training.evaluation.metrics import roc_auc

DELIVERY = "q75_720"
PHOTOS = 300
"""Authentic photos at most, spread over senders and series."""
ROUNDS = 400
"""Bootstrap rounds over sources."""
THRESHOLD = 0.5
"""Map probability from which a cell counts as marked, for pixel F1."""
LEAST_CELLS = 6
"""Cells of the map (of 8 pixels) an edit must cover to be located at all."""


@dataclass(frozen=True)
class Look:
    """One delivered picture through the network. score: the calibrated log odds where the bundle has a calibration,
    else the plain pooled score. heat: float32 [h,w], probability that a cell of 8 pixels was manipulated, not
    capped at the picture's own."""

    entry: Entry
    score: float
    heat: NDArray[np.float32]
    verdict: str | None = None


@dataclass(frozen=True)
class LookScore:
    """A picture's score by itself. pair: file of its own input, "" for none. group: pictures that a bootstrap draws
    together."""

    file: str
    label: str
    kind: str
    pair: str
    group: str
    score: float


@dataclass
class RealEditorsReport:
    """figures: name -> {"value", "low", "high", "pictures"}, 95 % bootstrap intervals over repositories' pictures.
    families, generators: the same by family and by generator. verdicts: shares of verdicts by class. looks: every
    picture's score. context: `model`, with the `sha256` of the bundle's file, and `command`, which measures it again;
    set by whoever knows them."""

    figures: dict[str, dict[str, float]] = field(default_factory=dict)
    families: dict[str, dict[str, float]] = field(default_factory=dict)
    generators: dict[str, dict[str, float]] = field(default_factory=dict)
    verdicts: dict[str, dict[str, float]] = field(default_factory=dict)
    looks: list[LookScore] = field(default_factory=list)
    context: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=1)


def read_report(path: Path) -> RealEditorsReport:
    """What `to_json` wrote."""
    facts = json.loads(path.read_text(encoding="utf-8"))
    return RealEditorsReport(**{**facts, "looks": [LookScore(**one) for one in facts.get("looks", [])]})


def measure(
    detector: Detector,
    collection: Path,
    split: str = "validation",
    delivery: str = DELIVERY,
    photos: int = PHOTOS,
    families: Collection[Family] = (),
    most: int | None = None,
) -> RealEditorsReport:
    """Score the split's pictures and make the report. photos: authentic ones to use at most, spread over groups.
    families: whose pictures to take instead of the split's, from every split, at most `most` of each class: of
    generators that training was kept from.

    Raises CollectionError for a folder that was not collected.
    """
    everything = read_index(collection)
    entries = [entry for entry in everything if entry.split == split]
    known = by_file(everything if families else entries)
    steps = NAMED[delivery]
    looks: dict[str, Look] = {}
    controls: dict[str, tuple[NDArray[np.bool_], Look, Look]] = {}
    made = [entry for entry in entries if entry.generated]
    if families:
        theirs = [entry for entry in everything if entry.generated and entry.family in families]
        by_label = ([e for e in theirs if e.label == label] for label in ("ai_generated", "ai_edited"))
        made = [entry for chosen in by_label for entry in _spread(chosen, most or len(chosen))]
    real = _spread([e for e in entries if e.label == "authentic" and not e.retouched], photos)
    forged = [entry for entry in entries if entry.label == "photoshopped"]
    for entry in track(made, len(made), "real editors"):
        pair = known.get(entry.pair)
        try:
            pixels = decode(collection / entry.file)
            given = decode(collection / pair.file) if pair and not pair.unclean else None
        except UnreadablePhotoError:
            continue
        if pair and given is not None and same_aspect(pixels, given):
            # both at one size by one kernel, or the resampling would tell them apart
            size = min(pixels.shape[:2], given.shape[:2])[::-1]
            pixels, given = (_resized(picture, size) for picture in (pixels, given))
            looks[pair.file] = twin = look_at(detector, pair, given, steps)
            looks[entry.file] = look = look_at(detector, entry, pixels, steps)
            mask = _mask(collection, entry, pixels, given)
            if mask is not None:
                cells = cells_of(mask, look.heat.shape)
                if LEAST_CELLS <= cells.sum() < cells.size:
                    controls[entry.file] = (cells, look, twin)
        else:
            looks[entry.file] = look_at(detector, entry, pixels, steps)
    forgeries: list[tuple[NDArray[np.bool_], Look]] = []
    for entry in track([*real, *forged], len(real) + len(forged), "photos"):
        try:
            pixels = decode(collection / entry.file)
        except UnreadablePhotoError:
            continue
        looks[entry.file] = look = look_at(detector, entry, pixels, steps)
        if (mask := _known_mask(collection, entry, pixels)) is not None:
            cells = cells_of(mask, look.heat.shape)
            if LEAST_CELLS <= cells.sum() < cells.size:
                forgeries.append((cells, look))
    return _report(looks, controls, forgeries)


def _report(
    looks: Mapping[str, Look],
    controls: Mapping[str, tuple[NDArray[np.bool_], Look, Look]],
    forgeries: Sequence[tuple[NDArray[np.bool_], Look]],
) -> RealEditorsReport:
    report = RealEditorsReport()
    by_class: dict[str, list[Look]] = defaultdict(list)
    for look in looks.values():
        by_class[look.entry.label].append(look)
    real = by_class["authentic"]
    whole, local = by_class["ai_generated"], by_class["ai_edited"]
    figures = report.figures
    figures["whole pictures against unrelated photos, AUC"] = _auc(real, whole)
    figures["local edits against unrelated photos, AUC"] = _auc(real, local)
    figures["inputs against unrelated photos, AUC (control, 0.42 to 0.58)"] = _auc(real, by_class["input"])
    gallery = [look for look in real if look.entry.kind == "real_gallery"]
    others = [look for look in real if look.entry.kind != "real_gallery"]
    figures["gallery photos against other photos, AUC (control, 0.42 to 0.58)"] = _auc(others, gallery)
    figures["forgeries against unrelated photos, AUC"] = _auc(real, by_class["photoshopped"])
    for name, chosen in (("whole pictures", whole), ("local edits", local)):
        pairs = [(looks[look.entry.pair], look) for look in chosen if look.entry.pair in looks]
        figures[f"{name} against their own inputs, AUC"] = _auc([a for a, _ in pairs], [b for _, b in pairs])
        above = [float(b.score > a.score) for a, b in pairs]
        figures[f"{name} above their own input, share"] = _mean(above)
    found = [roc_auc(cells.ravel(), look.heat.ravel()) for cells, look, _ in controls.values()]
    content = [roc_auc(cells.ravel(), twin.heat.ravel()) for cells, _, twin in controls.values()]
    marked = [_f1(cells, look.heat) for cells, look, _ in controls.values()]
    figures["local edits, pixel AUC"] = _mean(found)
    figures["local edits, pixel F1 at 0.5"] = _mean(marked)
    figures["forgeries, pixel F1 at 0.5"] = _mean([_f1(cells, look.heat) for cells, look in forgeries])
    figures["same masks on their inputs, pixel AUC (control, 0.45 to 0.55)"] = _mean(content)
    for label, key in (("families", "family"), ("generators", "generator")):
        table = getattr(report, label)
        named: dict[str, list[Look]] = defaultdict(list)
        for look in [*whole, *local]:
            named[f"{getattr(look.entry, key)}, {look.entry.label}"].append(look)
        for name, chosen in sorted(named.items()):
            pairs = [(looks[look.entry.pair], look) for look in chosen if look.entry.pair in looks]
            table[name] = {
                "pictures": len(chosen),
                "against_photos": _auc(real, chosen)["value"],
                "against_inputs": _auc([a for a, _ in pairs], [b for _, b in pairs])["value"],
                "above_input": _mean([float(b.score > a.score) for a, b in pairs])["value"],
            }
    for label, chosen in by_class.items():
        told = [look.verdict for look in chosen if look.verdict]
        if told:
            report.verdicts[label] = {
                verdict: round(told.count(verdict) / len(told), 4)
                for verdict in ("authentic", "inconclusive", "fake")
            } | {"pictures": len(told)}
    report.looks = [_score_of(look) for look in looks.values()]
    return report


def _score_of(look: Look) -> LookScore:
    entry = look.entry
    group = entry.group if entry.fed else entry.repository
    return LookScore(entry.file, entry.label, entry.kind, entry.pair, group, round(look.score, 6))


def look_at(detector: Detector, entry: Entry, pixels: NDArray[np.uint8], steps: Sequence[Step]) -> Look:
    """Deliver uint8 [H,W,3] through the steps, and score what arrives."""
    sent = deliver(pixels, steps)
    if detector.calibration is None:
        scores = detector.score(sent.pixels).scores
        return Look(entry, pooling.plain_score(scores), pooling.sigmoid(scores.maps[0]))
    detection = detector.detect(sent.data)
    odds = float(np.log(max(detection.probability, 1e-9) / max(1 - detection.probability, 1e-9)))
    return Look(entry, odds, detection.tracemap, detection.verdict)


def _mask(
    collection: Path, entry: Entry, pixels: NDArray[np.uint8], given: NDArray[np.uint8]
) -> NDArray[np.float32] | None:
    if entry.label != "ai_edited":
        return None
    known = _known_mask(collection, entry, pixels)
    return derived_mask(pixels, given) if known is None else known


def _known_mask(collection: Path, entry: Entry, pixels: NDArray[np.uint8]) -> NDArray[np.float32] | None:
    """The mask that came with a picture, float32 [H,W] of its size; none where none did."""
    if not (entry.mask and (collection / entry.mask).is_file()):
        return None
    mask = read_mask(collection / entry.mask)
    return np.asarray(cv2.resize(mask, pixels.shape[1::-1], interpolation=cv2.INTER_AREA), np.float32)


def cells_of(mask: NDArray[np.float32], shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """The cells of a map, bool [h,w], of which a mask float32 [H,W] covers more than half."""
    small = cv2.resize(mask, (shape[1], shape[0]), interpolation=cv2.INTER_AREA)
    return np.asarray(small > 0.5)


def _resized(pixels: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    if pixels.shape[1::-1] == size:
        return pixels
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)


def _f1(cells: NDArray[np.bool_], heat: NDArray[np.float32]) -> float:
    found = heat > THRESHOLD
    hit = float((found & cells).sum())
    return 2 * hit / max(1.0, float(found.sum() + cells.sum()))


def _spread(entries: Sequence[Entry], most: int) -> list[Entry]:
    """At most this many, group by group in turn, so that no series fills the test."""
    groups: dict[str, list[Entry]] = defaultdict(list)
    for entry in sorted(entries, key=lambda entry: entry.file):
        groups[entry.group].append(entry)
    chosen: list[Entry] = []
    while len(chosen) < most and any(groups.values()):
        for group in sorted(groups):
            if groups[group] and len(chosen) < most:
                chosen.append(groups[group].pop())
    return chosen


def _auc(negatives: Sequence[Look], positives: Sequence[Look]) -> dict[str, float]:
    """ROC AUC with a 95 % interval by resampling groups of each class."""
    if not negatives or not positives:
        return {"value": float("nan"), "low": float("nan"), "high": float("nan"), "pictures": 0}
    rng = np.random.default_rng(0)
    value = _plain_auc([look.score for look in negatives], [look.score for look in positives])
    draws = [
        _plain_auc(_resample(rng, negatives), _resample(rng, positives))
        for _ in range(ROUNDS if len(positives) > 3 else 2)
    ]
    low, high = np.quantile(draws, [0.025, 0.975])
    return {
        "value": round(value, 4),
        "low": round(float(low), 4),
        "high": round(float(high), 4),
        "pictures": len(positives),
    }


def _resample(rng: np.random.Generator, looks: Sequence[Look]) -> list[float]:
    groups: dict[str, list[float]] = defaultdict(list)
    for look in looks:
        groups[look.entry.group].append(look.score)
    names = list(groups)
    return [score for index in rng.integers(len(names), size=len(names)) for score in groups[names[index]]]


def _plain_auc(negatives: Iterable[float], positives: Iterable[float]) -> float:
    low, high = np.fromiter(negatives, float), np.fromiter(positives, float)
    return roc_auc(np.repeat([0, 1], [len(low), len(high)]), np.concatenate([low, high]))


def _mean(values: Sequence[float]) -> dict[str, float]:
    if not values:
        return {"value": float("nan"), "low": float("nan"), "high": float("nan"), "pictures": 0}
    rng = np.random.default_rng(0)
    array = np.array(values)
    draws = array[rng.integers(len(array), size=(ROUNDS, len(array)))].mean(axis=1)
    low, high = np.quantile(draws, [0.025, 0.975])
    return {
        "value": round(float(array.mean()), 4), "low": round(float(low), 4), "high": round(float(high), 4),
        "pictures": len(values),
    }  # fmt: skip


def as_markdown(report: RealEditorsReport) -> str:
    """The report as tables."""
    lines = ["| figure | value (95 %) | pictures |", "| --- | --- | --- |"]
    for name, value in report.figures.items():
        lines.append(
            f"| {name} | {value['value']:.3f} ({value['low']:.3f} to {value['high']:.3f}) | {value['pictures']:.0f} |"
        )
    for title, table in (("family", report.families), ("generator", report.generators)):
        lines += [
            "",
            f"| {title} | pictures | against photos | against own inputs | above own input |",
            "| --- | --- | --- | --- | --- |",
        ]
        lines += [f"| {name} | {_cells_of(row)} |" for name, row in table.items()]
    if report.verdicts:
        lines += [
            "",
            "| class | pictures | authentic | inconclusive | fake |",
            "| --- | --- | --- | --- | --- |",
        ]
        for name, row in report.verdicts.items():
            shares = " | ".join(f"{row[verdict]:.1%}" for verdict in ("authentic", "inconclusive", "fake"))
            lines.append(f"| {name} | {row['pictures']:.0f} | {shares} |")
    return "\n".join(lines) + "\n"


def _cells_of(row: Mapping[str, Any]) -> str:
    parts = [f"{row['pictures']:.0f}"]
    for key in ("against_photos", "against_inputs", "above_input"):
        parts.append("–" if np.isnan(row[key]) else f"{row[key]:.3f}")
    return " | ".join(parts)
