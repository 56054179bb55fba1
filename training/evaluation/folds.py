"""What the detector makes of generators of a family that it never saw: leave a family out, train, measure, next family.

In: crops (`refundlens data crops`), the collection they were cut from, a `TrainConfig`. Out: a line a fold in
`folds.json`, and as a table. Every fold starts from ImageNet's weights: weights that saw the family would know it.
Folds are short and weaker than a shipped model; their mean is what settings are chosen by.

    python -m refundlens.training.evaluation.folds CROPS COLLECTION OUT --config training/configs/real-editors.yaml
    --steps 500 --fold gan --fold google+openai
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np

from refundlens.datasets.collection import Family
from refundlens.model.detect import Detector
from refundlens.training import config as settings
from refundlens.training.evaluation import real_editors
from refundlens.training.export import raw_bundle
from refundlens.training.loop import train

RESULT = "folds.json"
FOLDS: tuple[str, ...] = ("google+openai", "gan", "flux", "stable_diffusion", "midjourney_dalle", "newer")
"""What is left out together, joined by +."""
MOST = 120
"""Pictures of a class that a fold is measured on at most, spread over generators' galleries."""
FIGURES = {
    "whole": "whole pictures against unrelated photos, AUC",
    "whole_inputs": "whole pictures against their own inputs, AUC",
    "whole_above": "whole pictures above their own input, share",
    "local": "local edits against unrelated photos, AUC",
    "local_inputs": "local edits against their own inputs, AUC",
    "pixel": "local edits, pixel AUC",
    "content": "same masks on their inputs, pixel AUC (control, 0.45 to 0.55)",
    "inputs": "inputs against unrelated photos, AUC (control, 0.42 to 0.58)",
    "gallery": "gallery photos against other photos, AUC (control, 0.42 to 0.58)",
}


def run_folds(
    crops: Path,
    collection: Path,
    out: Path,
    config: settings.TrainConfig,
    folds: Sequence[str] = FOLDS,
    split: str = "validation",
) -> list[dict[str, Any]]:
    """One line a fold, in order. split: whose photos are the authentic ones. Resumes: finished lines in `out` are taken
    as they are, killed runs go on.

    Raises ConfigError for a fold of no known family, PatternError for one that the crops hold no pair of.
    """
    families = {fold: families_of(fold) for fold in folds}
    path = out / RESULT
    known = {line["fold"]: line for line in json.loads(path.read_text())} if path.is_file() else {}
    for fold in folds:
        if fold in known:
            continue
        data = config.data.model_copy(update={"leave_out": tuple(f"family:{one}" for one in families[fold])})
        run = out / f"without-{fold}"
        train(crops, run, config.model_copy(update={"data": data}))
        detector = Detector(raw_bundle(run), threads=1)
        report = real_editors.measure(detector, collection, split, families=families[fold], most=MOST)
        known[fold] = {
            "fold": fold,
            "steps": config.steps,
            "figures": {
                key: report.figures[name] for key, name in FIGURES.items() if report.figures[name]["pictures"]
            },
        }
        path.write_text(json.dumps([*known.values()], indent=1) + "\n", encoding="utf-8")
    return [known[fold] for fold in folds]


def families_of(fold: str) -> tuple[Family, ...]:
    """Raises ConfigError for what is no family."""
    names = fold.split("+")
    unknown = [name for name in names if name not in get_args(Family)]
    if unknown:
        raise settings.ConfigError(f"no family {unknown[0]!r}: one of {', '.join(get_args(Family))}")
    return tuple(names)  # type: ignore[arg-type]


def folds_table(lines: Sequence[dict[str, Any]]) -> str:
    """A row a fold, value and number of pictures; the last row is the mean over the folds that have the figure."""
    head = ["left out", *FIGURES]
    rows = [[line["fold"], *(_cell(line["figures"].get(key)) for key in FIGURES)] for line in lines]
    means = [[line["figures"][key]["value"] for line in lines if key in line["figures"]] for key in FIGURES]
    rows.append(["mean", *(f"{np.mean(values):.3f}" if values else "–" for values in means)])
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows]) + "\n"


def _cell(figure: dict[str, float] | None) -> str:
    return f"{figure['value']:.3f} ({figure['pictures']:.0f})" if figure else "–"


def main() -> None:
    """Run from the command line; prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("crops", type=Path)
    parser.add_argument("collection", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--config", type=Path)
    parser.add_argument("--set", action="append", default=[], help="change a setting, e.g. loss.look=0.3")
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--fold", action="append", help=f"families joined by +; all of {', '.join(FOLDS)}")
    given = parser.parse_args()
    # not watched on the way: the runs are short, and are measured at their end
    changes = [*given.set, f"steps={given.steps}", f"validate_every={given.steps + 1}"]
    config = settings.load(given.config, changes)
    print(folds_table(run_folds(given.crops, given.collection, given.out, config, given.fold or FOLDS)))


if __name__ == "__main__":
    main()
