"""Measures reference comparison on photos that nothing here was chosen by.

    python -m refundlens.training.references.measure PICTURES --photos 100

In: the folder's validation split. Each photo is seen again painted (by a painter or an editor's tool), honestly
(plain, in another tone, filtered, in a collage, with a strip) and with something drawn on it; and edits that others
published with their inputs (`class` ai_edited with `pair`) are compared with those. Out: JSON: the area under the
curve, how many honest photos are accused with Clopper and Pearson's bound, how many painted ones are shown, by
operation.
"""

import argparse
import csv
import json
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from refundlens.model.compare.reference import Comparison, compare
from refundlens.model.names import DEFECTS
from refundlens.model.progress import track
from refundlens.model.verdict.bounds import upper_bound
from refundlens.training.references import examples
from refundlens.training.references.fit import photos

SEED = 11
PAIRS = 7
"""Made of each photo."""


def tries(folder: Path, count: int, split: str) -> Iterator[tuple[str, bool, Comparison, float]]:
    """(operation, whether painted, what came out, seconds)."""
    donor: examples.Pixels | None = None
    for number, (_, pixels) in enumerate(photos(folder, split, count)):
        rng = np.random.default_rng([SEED, number])
        if donor is not None:
            names = [
                str(rng.choice(DEFECTS)),
                str(rng.choice(examples.TOOLS)),
                "plain",
                *rng.choice(examples.TONES, 2),
                str(rng.choice(examples.LAYOUTS)),
                str(rng.choice(examples.MARKS)),
            ]
            for name in names:
                pair = examples.pair(pixels, donor, str(name), rng)
                if pair.seen < examples.VISIBLE:
                    continue
                start = time.process_time()
                yield (
                    pair.what,
                    pair.painted,
                    compare(pair.reference, pair.photo),
                    time.process_time() - start,
                )
        donor = pixels


def published(folder: Path) -> Iterator[tuple[str, bool, Comparison, float]]:
    """Edits by published editors, compared with what the editor was given."""
    with (folder / "index.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["split"] == "validation" and row["pair"]]
    for row in rows:
        if row["class"] != "ai_edited":
            continue
        given, edited = (examples.load(str(folder / row[key])) for key in ("pair", "file"))
        if given is not None and edited is not None:
            start = time.process_time()
            yield "published", True, compare(given, edited), time.process_time() - start


def score(found: Comparison) -> float:
    """What the curve is drawn by: how painted a spot looks; without one, the highest peak of the map, far below."""
    if found.kind == "other" or found.difference is None:
        return 0.0
    peak = float(found.difference.units.max())
    return found.painted + 1e-3 * min(peak, 100) / 100


def main() -> None:
    from sklearn.metrics import roc_auc_score

    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    asked.add_argument("folder", type=Path)
    asked.add_argument("--photos", type=int, default=100)
    asked.add_argument("--split", default="validation", help="train: to choose the threshold by")
    asked.add_argument("--published", action="store_true", help="with others' edits")
    given = asked.parse_args()
    asking = tries(given.folder, given.photos, given.split)
    found = list(track(asking, PAIRS * (given.photos - 1), "pairs"))
    scores, truth = np.array([score(one) for _, _, one, _ in found]), np.array([one[1] for one in found])
    drawn = np.array([what in examples.MARKS for what, *_ in found])
    honest = [one for what, painted, one, _ in found if not painted]
    accused = sum(one.kind == "changed" for one in honest)
    kinds: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    if given.published:
        found += list(published(given.folder))
    for what, _, one, _ in found:
        kinds[what][one.kind] += 1
    report: dict[str, Any] = {
        "auc": float(roc_auc_score(truth, scores)),
        "auc_without_drawings": float(roc_auc_score(truth[~drawn], scores[~drawn])),
        "honest": len(honest),
        "accused": accused,
        "accused_bound": upper_bound(accused, len(honest)),
        "shown": float(np.mean([one.kind == "changed" for _, painted, one, _ in found if painted])),
        "seconds": float(np.median([seconds for *_, seconds in found])),
        "kinds": kinds,
        "painted_scores": sorted(round(float(value), 3) for value in scores[truth])[:40],
        "honest_scores": sorted((round(float(value), 3) for value in scores[~truth]), reverse=True)[:20],
    }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
