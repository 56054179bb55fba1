"""Checks that a detector reads the edit and not its circumstances, so that a benchmark cannot flatter.

In: a scoring function (a file's bytes -> probability of being fake) and pictures as uint8 RGB arrays. Out:
one `Control` each, with its figures, what they mean and, where a limit is known, whether it was kept.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from refundlens.datasets.degradations.apply import NAMED, Step, deliver
from refundlens.datasets.degradations.benign import benign
from refundlens.datasets.editors.base import Editor, EditRequest
from refundlens.training.evaluation.metrics import roc_auc
from refundlens.training.evaluation.slices import Scored

Pixels = NDArray[np.uint8]
Mask = NDArray[np.float32]
Score = Callable[[bytes], float]
"""A file's bytes -> probability that its pixels were manipulated, 0 to 1."""
Judge = Callable[[bytes], tuple[float, str]]
"""A file's bytes -> that probability, and the verdict."""

FORMAT_LIMIT = 0.02
"""Most that swapping file formats may move the AUC (field notes on the format shortcut; issue 2)."""
JPEG_95: list[Step] = [{"step": "jpeg", "quality": 95, "subsampling": "4:2:0"}]
"""The lightest compression that is still usual: a format's trace, with little lost."""
REENCODE: list[Step] = [{"step": "jpeg", "quality": 85, "subsampling": "4:2:0"}]
"""What one more upload does to a photo."""
RANDOM_AREA = (0.01, 0.12)
"""Share of the picture that a random mask covers: the range of painted defects."""
CROP = [13, 5, 21, 7]
"""Pixels cut off left, top, right, bottom: little, and off the 8 x 8 grid of the compression before."""
SHRINK = 0.7
"""Scale of a resized copy: not a multiple that would keep any grid."""
HARMLESS = ("brighten", "denoise", "sharpen")
"""Operations of `datasets.degradations.benign` that phones and shops do to every photo, here without any network."""


@dataclass(frozen=True)
class Control:
    """One check. values: figures by name. pictures: how many it rests on. passed: None without a limit."""

    name: str
    meaning: str
    pictures: int
    values: Mapping[str, float] = field(default_factory=dict)
    passed: bool | None = None


def _auc(authentic: Sequence[float], edited: Sequence[float]) -> float:
    return roc_auc([0] * len(authentic) + [1] * len(edited), [*authentic, *edited])


def _scores(pictures: Sequence[Pixels], chain: Sequence[Step], score: Score) -> list[float]:
    return [score(deliver(pixels, chain).data) for pixels in pictures]


def format_swap(authentic: Sequence[Pixels], edited: Sequence[Pixels], score: Score) -> Control:
    """Deliver the same masters as PNG and as JPEG, alike and swapped across classes; compare the four AUCs.

    A detector that has learned "fakes come as PNG" gains in one swap and falls in the other.
    """
    files = {
        (label, name): _scores(pictures, chain, score)
        for label, pictures in (("authentic", authentic), ("edited", edited))
        for name, chain in (("png", NAMED["png"]), ("jpeg", JPEG_95))
    }
    values = {
        f"auc_authentic_{real}_edited_{fake}": _auc(files["authentic", real], files["edited", fake])
        for real in ("png", "jpeg")
        for fake in ("png", "jpeg")
    }
    move = max(values.values()) - min(values.values())
    same = abs(values["auc_authentic_png_edited_png"] - values["auc_authentic_jpeg_edited_jpeg"])
    return Control(
        name="format swap",
        meaning="The same pictures all as PNG, all as JPEG (quality 95), and swapped across the classes. A "
        f"move of {FORMAT_LIMIT} or more would mean that the file format is read instead of the edit.",
        pictures=len(authentic) + len(edited),
        values={**values, "all_png_to_all_jpeg": same, "largest_move": move},
        passed=None if math.isnan(move) else move < FORMAT_LIMIT,
    )


def random_mask(height: int, width: int, rng: np.random.Generator) -> Mask:
    """A soft ellipse anywhere in the picture, float32 [H,W]: it follows no object and no defect."""
    area = rng.uniform(*RANDOM_AREA) * height * width
    aspect = rng.uniform(0.6, 1.6)
    radius = math.sqrt(area / math.pi)
    axes = (max(int(radius * aspect), 4), max(int(radius / aspect), 4))
    centre = (int(rng.uniform(0.1, 0.9) * width), int(rng.uniform(0.1, 0.9) * height))
    mask = np.zeros((height, width), np.float32)
    cv2.ellipse(mask, centre, axes, float(rng.uniform(0, 180)), 0, 360, 1.0, cv2.FILLED)
    return np.asarray(cv2.GaussianBlur(mask, (0, 0), 3.0), np.float32)


def random_mask_edits(
    photos: Sequence[Pixels],
    editor: Editor,
    score: Score,
    rng: np.random.Generator,
    chain: Sequence[Step] = (),
) -> Control:
    """Edit regions that hold no defect: nothing to see, so only a reader of traces can tell.

    AUC of the edits against the same photos delivered the same way. A detector that has learned what painted
    defects look like, instead of what a generator leaves, falls to chance here.
    """
    sent = chain or NAMED["q90"]
    edits = []
    for photo in photos:
        region = random_mask(photo.shape[0], photo.shape[1], rng)
        request = EditRequest(photo, photo, region, "other", donor=photos[int(rng.integers(len(photos)))])
        edits.append(editor.edit(request, rng).pixels)
    real, fake = _scores(photos, sent, score), _scores(edits, sent, score)
    return Control(
        name=f"random regions, {editor.name}",
        meaning="Regions without any painted defect, edited at random places. An AUC near 0.5 would mean "
        "that the detector knows the look of painted defects rather than the traces of an edit.",
        pictures=len(photos),
        values={
            "auc": _auc(real, fake),
            "mean_rise": float(np.mean(np.subtract(fake, real))) if real else math.nan,
        },
    )


def _copies(photo: Pixels, rng: np.random.Generator) -> dict[str, bytes]:
    """The photo, and harmless copies of it, all as one JPEG at quality 90."""
    send, side = NAMED["q90"], max(photo.shape[:2])
    chains: dict[str, list[Step]] = {
        "original": send,
        "resize": [{"step": "resize", "long_side": round(side * SHRINK), "kernel": "bicubic"}, *send],
        "crop": [{"step": "crop", "pixels": CROP}, *send],
        "recompress": [*REENCODE, *send],
    }
    files = {name: deliver(photo, chain).data for name, chain in chains.items()}
    changed = {name: benign(photo, (), rng, name).pixels for name in HARMLESS}
    return files | {name: deliver(pixels, send).data for name, pixels in changed.items()}


def harmless_copies(photos: Sequence[Pixels], judge: Judge, rng: np.random.Generator) -> Control:
    """Resize, crop, recompress, brighten, denoise, sharpen authentic photos: none of that makes a fake.

    *_auc: copies against their originals, 0.5 where the copy looks no more fake. *_turned_fake: share of
    photos whose verdict becomes fake.
    """
    read = [{name: judge(data) for name, data in _copies(photo, rng).items()} for photo in photos]
    values = {}
    for name in [name for name in read[0] if name != "original"] if read else []:
        values[f"{name}_auc"] = _auc([one["original"][0] for one in read], [one[name][0] for one in read])
        turned = [one[name][1] == "fake" != one["original"][1] for one in read]
        values[f"{name}_turned_fake"] = sum(turned) / len(turned)
    return Control(
        name="harmless copies",
        meaning="Authentic photos processed without a generator must stay authentic: AUC against the "
        "original near 0.5, and no verdict that turns into fake.",
        pictures=len(photos),
        values=values,
    )


def verdict_stability(pictures: Sequence[Pixels], judge: Judge) -> Control:
    """Share of verdicts that stay, or turn into their opposite, when a picture is compressed once more."""
    pairs: list[tuple[str, str]] = []
    for pixels in pictures:
        first = deliver(pixels, NAMED["q90"])
        pairs.append((judge(first.data)[1], judge(deliver(first.pixels, REENCODE).data)[1]))
    count = max(len(pairs), 1)
    return Control(
        name="one more upload",
        meaning="The same pictures compressed once more (JPEG 85). A verdict may become inconclusive; "
        "turning into its opposite means that two copies of one photo would be judged against each other.",
        pictures=len(pairs),
        values={
            "same": sum(before == after for before, after in pairs) / count,
            "to_inconclusive": sum(before != after == "inconclusive" for before, after in pairs) / count,
            "to_fake": sum(before != after == "fake" for before, after in pairs) / count,
            "opposite": sum({"fake", "authentic"} == {before, after} for before, after in pairs) / count,
        },
    )


def conditions_alone(scored: Sequence[Scored]) -> Control:
    """AUC of the file's size and compression alone, without looking at a pixel: what circumstances give away.

    Near 0.5, both classes were delivered alike; far from it, every AUC of the report is flattered.
    """
    labels = [one.row.label for one in scored]
    readings: dict[str, list[float]] = {
        "long_side": [one.conditions.long_side for one in scored],
        "jpeg_quality": [101 if (q := one.conditions.jpeg_quality) is None else q for one in scored],
        "quantisations": [one.conditions.quantisations for one in scored],
    }
    aucs = {f"auc_{name}": roc_auc(labels, values) for name, values in readings.items()}
    return Control(
        name="circumstances alone",
        meaning="Telling the classes apart by size and compression only. 0.5 is what a fair benchmark gives.",
        pictures=len(scored),
        values={**aucs, "furthest_from_half": max(abs(value - 0.5) for value in aucs.values())},
    )


def as_json(control: Control) -> dict[str, Any]:
    """The control as plain data."""
    return {
        "name": control.name,
        "meaning": control.meaning,
        "pictures": control.pictures,
        "values": dict(control.values),
        "passed": control.passed,
    }
