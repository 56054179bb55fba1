"""Measures a bundle on photos it never had anything to do with: real damage, and pictures that real editors made.

    python benchmarks/wild.py REAL_DEFECTS REAL_EDITS [--model BUNDLE]

REAL_DEFECTS: folder of authentic photos as they were delivered; each `fake` is a false accusation. REAL_EDITS: folder
with MANIFEST.csv (columns id, generator, edited, original, mask); edited and original go through the same chains.
Prints JSON.
"""

import argparse
import csv
import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from datasets.delivery import NAMED, deliver
from datasets.pictures import read_mask, read_rgb
from model import bounds, pooling
from model.detect import Detector
from model.detection import Detection
from training.metrics import pixel_f1, roc_auc

CONDITIONS = ("png", "q90", "jpeg80", "q75_720", "q60_768")
ENDINGS = {".jpg", ".jpeg", ".png", ".webp"}


def real_defects(detector: Detector, folder: Path) -> dict[str, Any]:
    """Verdicts on authentic photos as delivered, with the 95 % bound on the rate of false accusations."""
    photos = sorted(path for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
    if not photos:
        raise SystemExit(f"{folder} holds no photo ({', '.join(sorted(ENDINGS))})")
    found = [detector.detect(path.read_bytes()) for path in photos]
    called = Counter(one.verdict for one in found)
    probabilities = np.array([one.probability for one in found])
    return {
        "photos": len(found),
        "called": dict(called),
        "fake_bound_95": round(bounds.upper_bound(called["fake"], len(found)), 4),
        "supported": sum(one.conditions.supported for one in found),
        "probability_quantiles": {
            str(q): round(float(np.quantile(probabilities, q)), 4) for q in (0.5, 0.9, 0.95, 0.98, 1.0)
        },
    }


def real_edits(detector: Detector, folder: Path, condition: str) -> dict[str, Any]:
    """ROC AUC of edited against original, delivered alike, and pixel F1 of the edits."""
    with (folder / "MANIFEST.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    labels, scores, called = [], [], Counter[str]()
    f1s: dict[str, list[float]] = defaultdict(list)
    for row in rows:
        edited = read_rgb(folder / row["edited"])
        sent = deliver(edited, NAMED[condition], [read_mask(folder / row["mask"])])
        fake = detector.detect(sent.data)
        labels.append(1)
        scores.append(fake.probability)
        called[fake.verdict] += 1
        f1s[row["generator"].split(" ")[0]].append(_f1(sent.masks[0], fake))
        if row["original"]:
            # never brought to the edit's size: resampling one class alone would tell the classes apart
            original = read_rgb(folder / row["original"])
            real = detector.detect(deliver(original, NAMED[condition]).data)
            labels.append(0)
            scores.append(real.probability)
            called[f"original {real.verdict}"] += 1
    return {
        "pictures": Counter(labels)[1],
        "originals": Counter(labels)[0],
        "roc_auc": round(roc_auc(labels, scores), 4),
        "pixel_f1": round(float(np.mean([f1 for values in f1s.values() for f1 in values])), 4),
        "pixel_f1_by_generator": {
            name: round(float(np.mean(values)), 4) for name, values in sorted(f1s.items())
        },
        "called": dict(called),
    }


def _f1(mask: NDArray[np.float32], found: Detection) -> float:
    return pixel_f1(mask, pooling.enlarge(found.heatmap, *mask.shape)).f1


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("real_defects", type=Path)
    parser.add_argument("real_edits", type=Path)
    parser.add_argument("--model", type=Path)
    given = parser.parse_args()
    detector = Detector(given.model)
    result: dict[str, Any] = {
        "model": detector.name.model_dump(),
        "real_defects": real_defects(detector, given.real_defects),
    }
    result["real_edits"] = {name: real_edits(detector, given.real_edits, name) for name in CONDITIONS}
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
