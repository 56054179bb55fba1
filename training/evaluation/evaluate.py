"""`refundlens evaluate`: the whole detector over a dataset's test split, as a user would meet it.

In: a calibrated bundle and a dataset. Out: report.json, report.md and plots. Files go through `Detector.detect`, bytes
in and verdict out, so nothing that serving does is left out.
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refundlens.datasets import manifest
from refundlens.datasets.editors import available
from refundlens.datasets.row import Row, read_mask, read_rgb
from refundlens.model.detect import Detector
from refundlens.model.names import Verdict
from refundlens.model.network import pooling
from refundlens.training.calibration.scoring import run_all
from refundlens.training.evaluation import controls
from refundlens.training.evaluation.metrics import PixelCounts, pixel_f1
from refundlens.training.evaluation.report import write_report
from refundlens.training.evaluation.slices import Scored

CONTROL_PHOTOS = 40
"""Source photos that each control is run on: enough to see a shortcut, few enough for a coffee break."""
MASTER = ("png", "master")
"""Deliveries that left a picture as it was made: what controls deliver anew."""


def evaluate(
    detector: Detector,
    dataset: Path,
    out: Path,
    split: str = "test",
    limit: int | None = None,
    with_controls: bool = True,
    context: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Score a split, write the report into `out`, return it as a dict. Raises DatasetError for a split without rows."""
    everything = manifest.read(dataset)
    rows = [row for row in everything if row.split == split][:limit]
    if not rows:
        raise manifest.DatasetError(f"{dataset} has no rows in its {split} split")
    trained = {row.generator for row in everything if row.split == "train" and row.generator}
    scored = run_all(lambda row: _score(detector, dataset, row), rows, "evaluate")
    facts: dict[str, Any] = {
        "model": detector.name.model_dump(), "dataset": str(dataset.name), "version": manifest.version(everything),
        "split": split, "trained_generators": sorted(trained), **(context or {}),
    }  # fmt: skip
    if with_controls:
        facts["controls"] = _controls(detector, dataset, rows)
    return write_report(scored, out, facts)


def _score(detector: Detector, dataset: Path, row: Row) -> Scored:
    found = detector.detect((dataset / row.file_name).read_bytes())
    return Scored(
        row=row,
        probability=found.probability,
        verdict=found.verdict,
        kind=dict(found.kind),
        pixel=_pixels(dataset, row.mask_file_name, found.tracemap),
        # the map of all defects together: whichever type a painted one was taken for
        defect_pixel=_pixels(dataset, row.defect_mask_file_name, found.defectmap),
        conditions=found.conditions,
    )


def _pixels(dataset: Path, name: str | None, heat: NDArray[np.float32]) -> PixelCounts | None:
    """How well a map of the detector covers a mask; none where nobody knows the mask."""
    if name is None:
        return None
    mask = read_mask(dataset / name)
    return pixel_f1(mask, pooling.enlarge(heat, *mask.shape))


def _controls(detector: Detector, dataset: Path, rows: Sequence[Row]) -> list[controls.Control]:
    """Checks that no shortcut earned the figures (`training.evaluation.controls`). Each photo, and one edit of it,
    counts once."""
    clean = [row for row in rows if row.delivery["name"] in MASTER and not row.benign]
    authentic = [read_rgb(dataset / row.file_name) for row in one_a_photo(clean, 0)]
    edited = [read_rgb(dataset / row.file_name) for row in one_a_photo(clean, 1)]
    if not authentic or not edited:
        return []
    rng = np.random.default_rng(0)

    def score(data: bytes) -> float:
        return detector.detect(data).probability

    def judge(data: bytes) -> tuple[float, Verdict]:
        found = detector.detect(data)
        return found.probability, found.verdict

    return [
        controls.format_swap(authentic, edited, score),
        controls.random_mask_edits(authentic, available()["classical"](), score, rng),
        controls.harmless_copies(authentic, judge, rng),
        controls.verdict_stability([*authentic, *edited], judge),
    ]


def one_a_photo(rows: Sequence[Row], label: int) -> list[Row]:
    """One row of the label for each of the first CONTROL_PHOTOS source photos; which edit, the photo's hash decides."""
    by_source: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.label == label:
            by_source[row.source].append(row)
    chosen = [found[int(source, 16) % len(found)] for source, found in sorted(by_source.items())]
    return chosen[:CONTROL_PHOTOS]
