"""What the photos of a calibration could mislead it by: the size of fakes, and series of photos that are alike.

    python -m tests.load.calibration_photos BUNDLE COLLECTED --deliveries 7 --scores calibration_scores.jsonl

In: a bundle, a folder of `refundlens data collect`, and the scores that `refundlens calibrate` kept for that very file,
else all is scored anew. Prints
- how well size, shape, format, sharpness and compression alone tell the classes apart before and after they are
  balanced (ROC AUC, 0.5 is right);
- which pooled features a probability should rest on: fitted to all pictures but those of a fifth of the repositories,
  and asked for these, fifth by fifth (ROC AUC of whole generated pictures and of local edits against photos, and of
  gallery photos against other photos, where 0.5 is right);
- the design effect of counting photos of one series, or of one repository, as independent: the variance of the share
  above a quantile over these clusters against that of as many independent photos (Kish, "Survey Sampling", 1965).
"""

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from refundlens.model.detect import Detector
from refundlens.model.network.pooling import FEATURES
from refundlens.training.calibration.balance import TILES, balanced_weights, photo_weights, propensities
from refundlens.training.calibration.calibrate import CONFIDENCE, LIMIT
from refundlens.training.calibration.listed import Chosen, Listed, choose, score_listed
from refundlens.training.calibration.probability import EVIDENCE, FOLDS, fit_probability, group_folds
from refundlens.training.calibration.scoring import Sample, ScoreFile
from refundlens.training.evaluation.metrics import roc_auc

QUANTILES = (0.95, 0.98, 0.99)
"""The last is where the bound of 1 % speaks."""
DRAWS = 100_000
CHOICES: tuple[tuple[str, ...], ...] = (
    EVIDENCE,
    ("mean_tile",),
    ("strong_tiles",),
    ("mean_tile", "strongest_tile"),
    ("mean_tile", "map_mean"),
    ("mean_tile", "strong_tiles", "map_mean"),
    ("mean_tile", "map_peak"),
    ("mean_tile", "map_spread"),
    ("mean_tile", "strong_tiles", "map_peak"),
    ("mean_tile", "map_peak", "map_spread"),
    tuple(name for name in FEATURES if name != TILES),
)
"""Features that a probability might rest on; the first are those it rests on."""


def by_condition_alone(samples: list[Sample]) -> tuple[float, float]:
    """ROC AUC of the likelier class by condition, drawn by the weights of photos and by the balanced ones."""
    rng = np.random.default_rng(0)
    labels = np.array([sample.label for sample in samples])
    chances = propensities(samples, photo_weights(samples))
    drawn = [
        rng.choice(len(samples), DRAWS, p=weights)
        for weights in (photo_weights(samples), balanced_weights(samples))
    ]
    before, after = (roc_auc(labels[places], chances[places]) for places in drawn)
    return before, after


def left_out_log_odds(samples: Sequence[Sample], evidence: tuple[str, ...]) -> np.ndarray:
    """[n]: what a probability says of each sample that was fitted without the sample's repository."""
    fold = group_folds([sample.repository or sample.source for sample in samples])
    said = np.zeros(len(samples))
    for index in range(FOLDS):
        fitted = fit_probability(
            [one for one, place in zip(samples, fold, strict=True) if place != index],
            LIMIT,
            CONFIDENCE,
            evidence,
        )
        for place in np.flatnonzero(fold == index):
            said[place] = fitted.log_odds(samples[place].features, samples[place].conditions)
    return said


def by_features(scored: Sequence[tuple[Listed, Sample]]) -> list[tuple[str, float, float, float]]:
    """A line a choice of features: names, AUC of whole pictures and of local edits, of galleries among photos."""
    samples = [sample for _, sample in scored]
    weights = photo_weights(samples)
    whole = np.array([picture.entry.label == "ai_generated" for picture, _ in scored])
    local = np.array([picture.entry.label == "ai_edited" for picture, _ in scored])
    gallery = np.array([picture.entry.kind == "real_gallery" for picture, _ in scored])
    real = np.array([not picture.label for picture, _ in scored])
    lines = []
    for evidence in CHOICES:
        said = left_out_log_odds(samples, evidence)
        lines.append(
            (
                ", ".join(evidence),
                _auc(said, real, whole, weights),
                _auc(said, real, local, weights),
                _auc(said, real & ~gallery, gallery, weights),
            )
        )
    return lines


def _auc(values: np.ndarray, negative: np.ndarray, positive: np.ndarray, weights: np.ndarray) -> float:
    """Photo by photo, not delivery by delivery."""
    rng = np.random.default_rng(0)
    drawn = [
        rng.choice(np.flatnonzero(chosen), DRAWS, p=weights[chosen] / weights[chosen].sum())
        for chosen in (negative, positive)
    ]
    return float(roc_auc(np.repeat([0, 1], DRAWS), values[np.concatenate(drawn)]))


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
    pairs = [(picture, one) for picture, found in zip(pictures, scored, strict=True) for one in found]
    for names, whole, local, gallery in by_features(pairs):
        print(f"whole {whole:.3f}, local {local:.3f}, gallery {gallery:.3f}: {names}")
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
