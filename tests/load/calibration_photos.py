"""What the photos of a calibration could mislead it by: the size of fakes, and series of photos that are alike.

    python -m tests.load.calibration_photos BUNDLE COLLECTED --deliveries 7 --scores calibration_scores.jsonl

In: a bundle, a folder of `refundlens data collect`, and the scores that `refundlens calibrate` kept for that very file,
else all is scored anew. Prints how well size, shape, format and compression alone tell the classes apart before and
after they are balanced (ROC AUC, 0.5 is right), and the design effect of counting photos of one series, or of one
repository, as independent: the variance of the share above a quantile over these clusters against that of as many
independent photos (Kish, "Survey Sampling", 1965).
"""

import argparse
from collections import defaultdict
from pathlib import Path

import numpy as np

from refundlens.model.detect import Detector
from refundlens.training.calibration.balance import balanced_weights, photo_weights, propensities
from refundlens.training.calibration.calibrate import CONFIDENCE, LIMIT
from refundlens.training.calibration.listed import Chosen, choose, score_listed
from refundlens.training.calibration.probability import fit_probability
from refundlens.training.calibration.scoring import Sample, ScoreFile
from refundlens.training.evaluation.metrics import roc_auc

QUANTILES = (0.95, 0.98, 0.99)
"""The last is where the bound of 1 % speaks."""


def by_condition_alone(samples: list[Sample]) -> tuple[float, float]:
    """ROC AUC of the likelier class by condition, drawn by the weights of photos and by the balanced ones."""
    rng = np.random.default_rng(0)
    labels = np.array([sample.label for sample in samples])
    chances = propensities(samples, photo_weights(samples))
    drawn = [
        rng.choice(len(samples), 100_000, p=weights)
        for weights in (photo_weights(samples), balanced_weights(samples))
    ]
    before, after = (roc_auc(labels[places], chances[places]) for places in drawn)
    return before, after


def design_effect(values: np.ndarray, clusters: list[str], quantile: float) -> float:
    """Of the share of values above the quantile."""
    above = (values >= np.quantile(values, quantile)).astype(float)
    share = above.mean()
    sums: dict[str, float] = defaultdict(float)
    for name, one in zip(clusters, above, strict=True):
        sums[name] += one - share
    count = len(sums)
    variance = sum(one**2 for one in sums.values()) * count / (count - 1)
    return float(variance / (len(values) * share * (1 - share)))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("bundle", type=Path)
    parser.add_argument("collected", type=Path)
    parser.add_argument("--deliveries", type=int)
    parser.add_argument("--scores", type=Path)
    given = parser.parse_args()
    detector = Detector(given.bundle, threads=1)
    kept = ScoreFile(given.scores, detector) if given.scores else None
    pictures = choose([given.collected], Chosen(splits=("watch", "calibration", "test")))
    scored = score_listed(detector, pictures, given.deliveries, kept)
    fitting = [one for picture, found in zip(pictures, scored, strict=True) if picture.fits for one in found]
    calibration = fit_probability(fitting, LIMIT, CONFIDENCE)
    before, after = by_condition_alone(fitting)
    print(f"classes told apart by condition alone: {before:.3f}, balanced {after:.3f}")
    counted = [
        (picture, max(calibration.log_odds(one.features, one.conditions) for one in found))
        for picture, found in zip(pictures, scored, strict=True)
        if found and not picture.label and not picture.fits
    ]
    values = np.array([value for _, value in counted])
    for name, clusters in (
        ("series", [picture.sender for picture, _ in counted]),
        ("repositories", [picture.entry.repository for picture, _ in counted]),
    ):
        told = ", ".join(f"{q:.0%}: {design_effect(values, clusters, q):.2f}" for q in QUANTILES)
        print(f"design effect of {len(set(clusters))} {name} ({len(values)} photos), above quantile {told}")


if __name__ == "__main__":
    main()
