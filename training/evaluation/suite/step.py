"""The suite as a step of `training.cli`: which bundle is meant, where the report goes, what is printed."""

from dataclasses import fields, replace
from pathlib import Path

from refundlens.model.detect import Detector
from refundlens.training.commands import beside, bundle_of
from refundlens.training.evaluation.suite.left_out import FILE as LEFT_OUT
from refundlens.training.evaluation.suite.report import summary
from refundlens.training.evaluation.suite.run import SuiteOptions, run_suite

SUITE = "suite"
"""Folder of the suite's report, in a run's folder or the working directory."""


def suite(model: str, dataset: Path, out: Path | None, options: SuiteOptions) -> str:
    """Run the suite on a run, a bundle file or the bundled model; return its summary, one screen."""
    target = bundle_of(model, dataset)
    out = out or beside(model, SUITE)
    left_out = Path(model) / LEFT_OUT if Path(model).is_dir() else None
    command = f"refundlens evaluate {model} {dataset} --suite{_typed(options)}"
    given = replace(options, bundle=target, left_out=left_out)
    report = run_suite(Detector(target, threads=1), dataset, out, given, {"command": command})
    return summary(report, out)


def _typed(options: SuiteOptions) -> str:
    """The options that differ from their defaults, as one types them."""
    words = []
    for one in fields(SuiteOptions):
        value = getattr(options, one.name)
        if value != one.default:
            text = ",".join(value) if isinstance(value, tuple) else value
            words.append(f" --{one.name.replace('_', '-')} {text}")
    return "".join(words)
