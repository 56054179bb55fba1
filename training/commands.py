"""The steps of `training.cli` on a run's folder: what is read, what is written, in which order.

A run's folder holds config.yaml, metrics.jsonl, model.pt (train); network.onnx, calibration_scores.jsonl,
calibration.json, calibrated.onnx (calibrate); report/ (evaluate), suite/ (evaluate --suite). `export` gathers them
into one bundle.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from refundlens.datasets import manifest, phash, photos
from refundlens.datasets.row import Row
from refundlens.datasets.splits import PhotoSplit
from refundlens.model import bundle
from refundlens.model.detect import Detector
from refundlens.model.photo import conditions
from refundlens.model.photo.image import read_photo
from refundlens.model.verdict.calibration import Calibration, CalibrationError
from refundlens.training.calibration import calibrate as fitting
from refundlens.training.calibration import reliability
from refundlens.training.calibration.listed import Chosen, choose, score_listed
from refundlens.training.evaluation import laundering, real_editors
from refundlens.training.evaluation.card import recalibrated, with_real_editors
from refundlens.training.evaluation.card_facts import REAL_EDITORS_REPORT, make_card
from refundlens.training.evaluation.evaluate import evaluate as run_evaluation
from refundlens.training.export import (
    BundleExportError,
    is_of,
    raw_bundle,
    training_facts,
    with_metadata,
    write_bundle,
    write_weights,
)
from refundlens.training.loop import CONFIG, DATASET

CALIBRATION, CALIBRATED, REPORT = "calibration.json", "calibrated.onnx", "report"
SCORES, REAL_EDITORS = "calibration_scores.jsonl", REAL_EDITORS_REPORT.name
BUNDLED = "bundled"


@dataclass(frozen=True)
class Material:
    """What to calibrate on. source: a dataset or, for a bundle, a folder of authentic photos. collections: folders of
    public pictures (`datasets.collection`). photos: of a dataset's source photos, and of collected pictures of each
    class, at most. deliveries: of a collected picture at most. with_test: also on the test split, where nothing has to
    be left to report on. unseen: no collected picture served for training, so that all may count."""

    source: Path | None = None
    collections: tuple[Path, ...] = ()
    photos: int | None = None
    deliveries: int | None = None
    with_test: bool = False
    unseen: bool = False

    @property
    def chosen(self) -> Chosen:
        splits: tuple[PhotoSplit, ...] = ("watch", "calibration")
        splits += ("test",) if self.with_test else ()
        splits += ("train",) if self.unseen else ()
        return Chosen(self.photos, splits, self.unseen)

    def __str__(self) -> str:
        """As options of the command. Folders by name: a card is published, and where they lie is nobody's business."""
        said = [self.source.name] if self.source else []
        said += [f"--photos {path.name}" for path in self.collections]
        said += [f"--limit-photos {self.photos}"] if self.photos else []
        said += [f"--deliveries {self.deliveries}"] if self.deliveries else []
        said += ["--with-test"] if self.with_test else []
        return " ".join([*said, "--unseen"] if self.unseen else said)


def calibrate(
    target: Path,
    material: Material,
    limit: float,
    confidence: float,
    out: Path | None,
    version: str | None = None,
) -> Calibration:
    """Calibrate a run on a dataset, on collected pictures or on both; a finished bundle on collected pictures, or on a
    folder of authentic photos (or a dataset).

    For a run writes calibration.json and calibrated.onnx. For a bundle writes `out`, with the version said; without
    collected pictures it keeps its probabilities and sets only its thresholds anew.
    """
    if not material.collections and material.source is None:
        raise CalibrationError(
            "name a dataset, a folder of photos, or a folder of collected pictures with --photos"
        )
    if target.is_dir():
        return _calibrate_run(target, material, limit, confidence)
    if out is None:
        raise CalibrationError("say with --out where the newly calibrated bundle shall be written")
    detector = Detector(target, threads=1)
    if material.collections:
        result = _fit(detector, material, limit, confidence, out.with_name(SCORES))
        if detector.calibration is not None:
            result = result.model_copy(update={"reliability": detector.calibration.reliability})
    else:
        result = _rethreshold(detector, target, material, limit, confidence)
    said = f" --version {version}" if version else ""
    options = f"--limit {limit} --confidence {confidence}{said} --out {out.name}"
    command = f"refundlens calibrate {target.name} {material} {options}"
    card = recalibrated(detector.card, result, command, version)
    facts = {bundle.CALIBRATION: result.to_json(), bundle.CARD: card}
    with_metadata(target, out, facts | ({bundle.VERSION: version} if version else {}))
    return result


def _rethreshold(
    detector: Detector, target: Path, material: Material, limit: float, confidence: float
) -> Calibration:
    """The same probabilities with thresholds counted on the user's own photos."""
    known = detector.calibration
    if known is None or material.source is None:
        raise CalibrationError(f"{target} was never calibrated: calibrate its run on a dataset first")
    return fitting.with_thresholds(known, _authentic(detector, material.source), limit, confidence)


def _calibrate_run(run: Path, material: Material, limit: float, confidence: float) -> Calibration:
    raw = raw_bundle(run)
    detector = Detector(raw, threads=1)
    result = _fit(detector, material, limit, confidence, run / SCORES)
    if material.source is not None:
        rows = _untrained(material.source, material.photos)
        table = reliability.measure(detector, result, material.source, [*rows[0], *rows[1]])
        result = result.model_copy(update={"reliability": table})
    (run / CALIBRATION).write_text(result.to_json(), encoding="utf-8")
    with_metadata(raw, run / CALIBRATED, {bundle.CALIBRATION: result.to_json()})
    return result


def _fit(
    detector: Detector, material: Material, limit: float, confidence: float, scores: Path
) -> Calibration:
    """Probability, thresholds and both bounds from the scores of all material, which are kept in a file."""
    kept = fitting.ScoreFile(scores, detector)
    fit_only: list[fitting.Sample] = []
    known: list[fitting.Sample] = []
    count_only: list[fitting.Sample] = []
    if material.source is not None:
        watched, unseen = _untrained(material.source, material.photos)
        copies = fitting.choose_copies([*watched, *unseen])
        samples = fitting.score_rows(detector, material.source, [*watched, *unseen], kept, copies)
        fit_only, known = samples[: len(watched)], samples[len(watched) :]
    pictures = choose(material.collections, material.chosen)
    for picture, found in zip(
        pictures, score_listed(detector, pictures, material.deliveries, kept), strict=True
    ):
        (fit_only if picture.fits else count_only).extend(found)
    return fitting.calibrate(known, limit, confidence, fit_only, count_only)


def _untrained(dataset: Path, most: int | None) -> tuple[list[Row], list[Row]]:
    """A dataset's rows of the splits that training did not learn from: watched, and kept for calibration."""
    rows = manifest.read(dataset)
    watched = [row for row in rows if row.split == "validation"]
    return watched, fitting.choose_photos([row for row in rows if row.split == "calibration"], most)


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
        features = detector.score(photo.judged).features
        return fitting.Sample(found[1], 0, features, conditions.measure(photo), format=photo.format)

    return fitting.run_all(one, list(zip(gathered.photos, names, strict=True)), "calibrate")


def summary(result: Calibration) -> dict[str, Any]:
    """What a person wants to see of a calibration: each condition with photos, threshold and bound."""
    bins = [
        {
            "long_side": one.long_side, "jpeg_quality": one.jpeg_quality, "photos": one.photos,
            "threshold": one.threshold, "bound": None if one.bound is None else round(one.bound, 5),
            "counted_on": one.counted_on, "shift": None if one.shift is None else round(one.shift, 3),
            "accused": one.accused, "senders": one.senders, "accused_senders": one.accused_senders,
            "cleared": one.cleared, "miss_bound": None if one.miss_bound is None else round(one.miss_bound, 4),
            "miss_bound_of": None if one.miss_bound_of is None else one.miss_bound_of.model_dump(),
        }
        for one in result.bins
    ]  # fmt: skip
    return {
        "limit": result.limit,
        "clear_below": round(result.clear_below, 4),
        "formats": result.formats,
        "conditions": bins,
    }


def evaluate(model: str, dataset: Path, out: Path | None, split: str, limit: int | None) -> Path:
    """Evaluate a run, a bundle file or the bundled model; return the report's folder."""
    target = bundle_of(model, dataset)
    out = out or beside(model, REPORT)
    command = f"refundlens evaluate {model} {dataset} --split {split}" + (
        f" --limit {limit}" if limit else ""
    )
    run_evaluation(Detector(target, threads=1), dataset, out, split, limit, context={"command": command})
    return out


def evaluate_real_editors(
    model: str,
    collection: Path,
    out: Path | None,
    split: str,
    limit: int | None,
    launder: int = 0,
    told: Path | None = None,
) -> Path:
    """Measure on a collected folder; return the written real_editors.md (real_editors.json lies beside it).

    launder: edited pictures to wash and judge again; their table follows in the same file. told: where the bundle is
    written once more, with the figures in its card; the card lies beside it (.md).
    """
    target = bundle_of(model, collection)
    detector = Detector(target, threads=1)
    report = real_editors.measure(detector, collection, split, photos=limit or real_editors.PHOTOS)
    name = model if model == BUNDLED else Path(model).name
    options = f" --limit {limit}" if limit else ""
    report.context = {
        "model": {"sha256": hashlib.sha256(target.read_bytes()).hexdigest()},
        "command": f"refundlens evaluate {name} {collection.name} --split {split}{options}",
    }
    folder = out or beside(model, REPORT)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / REAL_EDITORS).write_text(report.to_json(), encoding="utf-8")
    path = folder / "real_editors.md"
    text = real_editors.as_markdown(report)
    if launder:
        files = laundering.edited_files(collection, split, launder)
        text += "\n" + laundering.laundering_table(laundering.laundering(detector, files))
    path.write_text(text, encoding="utf-8")
    if told:
        card = with_real_editors(detector.card, report)
        with_metadata(target, told, {bundle.CARD: card})
        told.with_suffix(".md").write_text(card, encoding="utf-8")
    return path


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
    """Bundle a calibrated run; beside the bundle its card (.md) and its weights to train on from (.pt).

    Raises BundleExportError where calibration is missing or of other weights, the report is of another calibration, or
    parity is lost.
    """
    if not (run / CALIBRATION).is_file():
        raise BundleExportError(f"{run} is not calibrated: run `refundlens calibrate {run} DATASET` first")
    _check_report(run)
    result = Calibration.from_json((run / CALIBRATION).read_text(encoding="utf-8"))
    metadata = {
        bundle.CALIBRATION: result.to_json(),
        bundle.TRAINING: training_facts(run, _history(run)),
        bundle.CARD: make_card(run, name, version, result),
    }
    write_bundle(run, out, name, version, metadata)
    out.with_suffix(".md").write_text(metadata[bundle.CARD], encoding="utf-8")
    write_weights(run, out.with_suffix(".pt"))
    return out


def _check_report(run: Path) -> None:
    """A card must not show figures of other weights or thresholds than those it goes with."""
    if not is_of(run / CALIBRATED, run):
        raise BundleExportError(
            f"{run} was trained on since it was calibrated: run `refundlens calibrate {run} DATASET` again"
        )
    calibrated = hashlib.sha256((run / CALIBRATED).read_bytes()).hexdigest()
    for report, material in (
        (run / REPORT / "report.json", "DATASET"),
        (run / REAL_EDITORS_REPORT, "COLLECTED"),
    ):
        if not report.is_file():
            continue
        context = json.loads(report.read_text(encoding="utf-8")).get("context", {})
        if context.get("model", {}).get("sha256") != calibrated:
            raise BundleExportError(
                f"{run} was calibrated anew since its evaluation: run `refundlens evaluate {run} {material}` again"
            )


def _history(run: Path) -> dict[str, Any]:
    dataset = json.loads((run / DATASET).read_text(encoding="utf-8"))
    return {"dataset": dataset.get("version"), "settings": yaml.safe_load((run / CONFIG).read_text())}
