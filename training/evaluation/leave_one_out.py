"""What would the detector make of a generator, or a collection of photos, that it never saw?

Trains short runs of equal length, one with everything and one without each part named, and measures each without-run
on the test pictures of the part it never saw, beside the run that saw it. Short runs are weaker than the shipped
model: the difference is what counts. Writes `leave_one_out.json` into the folder; `evaluate --suite` prints it.

    python -m refundlens.training.evaluation.leave_one_out DATASET OUT --config training/configs/refundlens-s.yaml
    --steps 200 \\
        --without "generator:ae-*" --without "generator:inpaint-*" --without "source:beans"
"""

import argparse
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from refundlens.datasets import manifest
from refundlens.datasets.row import Row, named, read_rgb
from refundlens.model.network import pooling
from refundlens.model.network.network import Network
from refundlens.training import config as settings
from refundlens.training.evaluation.metrics import bootstrap_interval, roc_auc
from refundlens.training.loop import train
from refundlens.training.teachers import open_network
from refundlens.training.validate import validation_score

RESULT = "leave_one_out.json"
MOST_PHOTOS = 60
"""Source photos of the test split that a part is measured on: the interval is then about 0.05 wide."""


def leave_one_out(
    dataset: Path, out: Path, config: settings.TrainConfig, parts: Sequence[str]
) -> list[dict[str, Any]]:
    """One line a part: ROC AUC of its test pictures by a run that never saw it and by one that did.

    Resumes: finished runs in `out` are taken as they are. Raises PatternError for a part that names nothing.
    """
    rows = [row for row in manifest.read(dataset) if row.split == "test"]
    whole = _trained(dataset, out / "everything", config)
    lines = []
    for part in parts:
        data = config.data.model_copy(update={"leave_out": (part,)})
        without = _trained(dataset, out / _slug(part), config.model_copy(update={"data": data}))
        lines.append(_line(part, rows, dataset, without, whole) | {"steps": config.steps})
        (out / RESULT).write_text(json.dumps(lines, indent=1) + "\n", encoding="utf-8")
    return lines


def _trained(dataset: Path, run: Path, config: settings.TrainConfig) -> Network:
    return open_network(train(dataset, run, config))


def _slug(part: str) -> str:
    return "without-" + re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-")


def _line(part: str, rows: Sequence[Row], dataset: Path, without: Network, whole: Network) -> dict[str, Any]:
    chosen = _compared(part, rows)
    labels = np.array([row.label for row in chosen])
    sources = [row.source for row in chosen]
    unseen, seen = (np.array(_scores(network, dataset, chosen)) for network in (without, whole))
    low, high = bootstrap_interval(roc_auc, sources, labels, unseen)
    key, _, value = part.partition(":")
    return {
        "left_out": {key: value},
        "rows": len(chosen),
        "photos": len(set(sources)),
        "auc_without": round(roc_auc(labels, unseen), 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "auc_with": round(roc_auc(labels, seen), 4),
    }


def _compared(part: str, rows: Sequence[Row]) -> list[Row]:
    """Test rows of the part, and where it holds fakes alone their own authentic twins, delivered alike."""
    members = [row for row in rows if named(row, part)]
    if not members:
        raise ValueError(f"the test split has no picture of {part}; name another part")
    sources = sorted({row.source for row in members})[:MOST_PHOTOS]
    members = [row for row in members if row.source in set(sources)]
    if {row.label for row in members} == {0, 1}:
        return members
    deliveries = {(row.source, str(row.delivery["name"])) for row in members}
    twins = [row for row in rows if row.label == 0 and (row.source, str(row.delivery["name"])) in deliveries]
    return [*members, *twins]


def _scores(network: Network, dataset: Path, rows: Sequence[Row]) -> list[float]:
    device = torch.device("cpu")
    return [
        pooling.plain_score(validation_score(network, read_rgb(dataset / row.file_name), device))
        for row in rows
    ]


def main() -> None:
    """Run from the command line; prints the lines as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("dataset", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument(
        "--without", action="append", required=True, help="generator:PATTERN or source:PATTERN"
    )
    given = parser.parse_args()
    # no validation on the way: the runs are short, and are measured at their end
    changes = [f"steps={given.steps}", f"validate_every={given.steps + 1}", "validate_rows=0"]
    config = settings.load(given.config, changes)
    print(json.dumps(leave_one_out(given.dataset, given.out, config, given.without), indent=1))


if __name__ == "__main__":
    main()
