"""The steps of `training.cli` on a run's folder: what is read, what is written, in which order.

A run's folder holds config.yaml, metrics.jsonl, model.pt (train); network.onnx, calibration_scores.jsonl,
calibration.json, calibrated.onnx (calibrate); report/ (evaluate), suite/ (evaluate --suite). `export` gathers them
into one bundle.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import yaml

from datasets import manifest, phash, photos
from model import bundle, conditions
from model.calibration import Calibration, CalibrationError
from model.detect import Detector
from model.image import read_photo
from training import calibrate as fitting
from training import reliability
from training.card import recalibrated
from training.evaluate import evaluate as run_evaluation
from training.export import ExportError, is_of, raw_bundle, training_facts, with_metadata, write_bundle
from training.loop import CONFIG, DATASET
from training.making import make_card

CALIBRATION, CALIBRATED, REPORT = "calibration.json", "calibrated.onnx", "report"
SCORES = "calibration_scores.jsonl"
BUNDLED = "bundled"


def calibrate(
    target: Path,
    source: Path,
    limit: float,
    confidence: float,
    out: Path | None,
    limit_photos: int | None = None,
) -> Calibration:
    """Calibrate a run on a dataset, or a finished bundle on a folder of authentic photos (or a dataset).

    limit_photos: source photos of a run's calibration split to use at most. For a run writes calibration.json and
    calibrated.onnx; for a bundle writes `out`, keeping its probabilities and setting thresholds anew.
    """
    if target.is_dir():
        return _calibrate_run(target, source, limit, confidence, limit_photos)
    if out is None:
        raise CalibrationError("say with --out where the newly calibrated bundle shall be written")
    detector = Detector(target, threads=1)
    known = detector.calibration
    if known is None:
        raise CalibrationError(f"{target} was never calibrated: calibrate its run on a dataset first")
    result = fitting.with_thresholds(known, _authentic(detector, source), limit, confidence)
    command = f"refundlens calibrate {target} {source} --limit {limit} --confidence {confidence} --out {out}"
    card = recalibrated(detector.card, result, command)
    with_metadata(target, out, {bundle.CALIBRATION: result.to_json(), bundle.CARD: card})
    return result


def _calibrate_run(
    run: Path, dataset: Path, limit: float, confidence: float, limit_photos: int | None
) -> Calibration:
    raw = raw_bundle(run)
    detector = Detector(raw, threads=1)
    rows = manifest.read(dataset)
    watched = [row for row in rows if row.split == "validation"]
    unseen = fitting.choose_photos([row for row in rows if row.split == "calibration"], limit_photos)
    samples = fitting.score_rows(
        detector,
        dataset,
        [*watched, *unseen],
        fitting.ScoreFile(run / SCORES, detector),
        fitting.choose_copies([*watched, *unseen]),
    )
    result = fitting.calibrate(samples[len(watched) :], limit, confidence, fit_only=samples[: len(watched)])
    untrained = [*watched, *unseen]
    result = result.model_copy(
        update={"reliability": reliability.measure(detector, result, dataset, untrained)}
    )
    (run / CALIBRATION).write_text(result.to_json(), encoding="utf-8")
    with_metadata(raw, run / CALIBRATED, {bundle.CALIBRATION: result.to_json()})
    return result


def _authentic(detector: Detector, source: Path) -> list[fitting.Sample]:
    """A dataset's authentic calibration rows, or every photo of a folder, taken as it was delivered.

    Files of a folder that show the same picture (by perceptual hash) are one photo: the bound is on photos.
    """
    if (source / manifest.METADATA).is_file():
        # without the photos that the probability may have been fitted on
        rows = [
            row
            for row in manifest.read(source)
            if row.split == "calibration" and row.label == 0 and not fitting.fits(row.source)
        ]
        return fitting.score_rows(detector, source, rows)
    gathered = photos.gather([source])
    if not gathered.photos:
        raise CalibrationError(f"{source} holds no readable photo")

    hashes = [photo.phash for photo in gathered.photos]
    names = phash.merge_groups([photo.sha256 for photo in gathered.photos], phash.near_pairs(hashes))

    def one(found: tuple[photos.Photo, str]) -> fitting.Sample:
        photo = read_photo(found[0].path.read_bytes())
        features = detector.score(photo.pixels).features
        return fitting.Sample(found[1], 0, features, conditions.measure(photo))

    return fitting.run_all(one, list(zip(gathered.photos, names, strict=True)), "calibrate")


def summary(result: Calibration) -> dict[str, Any]:
    """What a person wants to see of a calibration: each condition with photos, threshold and bound."""
    bins = [
        {
            "long_side": one.long_side, "jpeg_quality": one.jpeg_quality, "photos": one.photos,
            "threshold": one.threshold, "bound": None if one.bound is None else round(one.bound, 5),
            "counted_on": one.counted_on, "shift": None if one.shift is None else round(one.shift, 3),
        }
        for one in result.bins
    ]  # fmt: skip
    return {"limit": result.limit, "clear_below": round(result.clear_below, 4), "conditions": bins}


def evaluate(model: str, dataset: Path, out: Path | None, split: str, limit: int | None) -> Path:
    """Evaluate a run, a bundle file or the bundled model; return the report's folder."""
    target = bundle_of(model, dataset)
    out = out or beside(model, REPORT)
    command = f"refundlens evaluate {model} {dataset} --split {split}" + (
        f" --limit {limit}" if limit else ""
    )
    run_evaluation(Detector(target, threads=1), dataset, out, split, limit, context={"command": command})
    return out


def bundle_of(model: str, dataset: Path) -> Path:
    """The bundle file that a run's folder, a path or the word bundled stands for."""
    target = bundle.bundled_path() if model == BUNDLED else Path(model)
    if not target.is_dir():
        return target
    if not is_of(target / CALIBRATED, target):
        raise CalibrationError(
            f"{model} is not calibrated, or was trained on since: "
            f"run `refundlens calibrate {model} {dataset}` first"
        )
    return target / CALIBRATED


def beside(model: str, name: str) -> Path:
    """Where a report goes if nobody says: into the run's folder, else into the working directory."""
    return Path(model) / name if Path(model).is_dir() else Path(name)


def export(run: Path, out: Path, name: str, version: str) -> Path:
    """Bundle a calibrated run.

    Raises ExportError where calibration is missing or of other weights, the report is of another calibration, or
    parity is lost.
    """
    if not (run / CALIBRATION).is_file():
        raise ExportError(f"{run} is not calibrated: run `refundlens calibrate {run} DATASET` first")
    _check_report(run)
    result = Calibration.from_json((run / CALIBRATION).read_text(encoding="utf-8"))
    metadata = {
        bundle.CALIBRATION: result.to_json(),
        bundle.TRAINING: training_facts(run, _history(run)),
        bundle.CARD: make_card(run, name, version, result),
    }
    write_bundle(run, out, name, version, metadata)
    out.with_suffix(".md").write_text(metadata[bundle.CARD], encoding="utf-8")
    return out


def _check_report(run: Path) -> None:
    """A card must not show figures of other weights or thresholds than those it goes with."""
    if not is_of(run / CALIBRATED, run):
        raise ExportError(
            f"{run} was trained on since it was calibrated: run `refundlens calibrate {run} DATASET` again"
        )
    report = run / REPORT / "report.json"
    if report.is_file():
        measured = json.loads(report.read_text(encoding="utf-8"))["context"]["model"]["sha256"]
        if measured != hashlib.sha256((run / CALIBRATED).read_bytes()).hexdigest():
            raise ExportError(
                f"{run} was calibrated anew since its evaluation: run `refundlens evaluate {run} DATASET` again"
            )


def _history(run: Path) -> dict[str, Any]:
    dataset = json.loads((run / DATASET).read_text(encoding="utf-8"))
    return {"dataset": dataset.get("version"), "settings": yaml.safe_load((run / CONFIG).read_text())}
