"""How much each sample weighs when a probability is fitted: photos alike, and conditions alike in both classes.

In: samples. Out: weights float64 [n]. The size of a picture tells collections apart (demos of editors are small,
generators draw squares), and so do its format and its sharpness (of what is sent at 720 pixels, a photo that had 4,000
is crisper than one that had 800); none of it is evidence against the buyer who sends it.
"""

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from refundlens.model.network import pooling
from refundlens.model.verdict.calibration import CalibrationError
from refundlens.training.calibration.scoring import Sample

Floats = NDArray[np.float64]

TILES = "log_tiles"
"""The pooled feature that is a picture's size and shape and nothing else."""
STRENGTH = 10.0
"""Of the propensity's fit, scikit-learn's C: weak regularisation, since exact balance needs hardly any."""
LEAST_COMMON = 0.05
"""Least effective share of a class's photos that must be left: below it the classes have no condition in common."""


def balanced_weights(samples: Sequence[Sample]) -> Floats:
    """Sums to 1, half for each class; in both, the mean of size, shape, format, sharpness and history of compression is
    the same.

    Overlap weights (Li, Morgan and Zaslavsky, "Balancing covariates via propensity score weighting", JASA 2018) on top
    of `photo_weights`: a sample counts by how likely one of its condition is to be of the other class.
    """
    alike = photo_weights(samples)
    labels = np.array([sample.label for sample in samples])
    manipulated = propensities(samples, alike)
    weights = alike * np.where(labels == 1, 1 - manipulated, manipulated)
    for label in (0, 1):
        weights[labels == label] *= 0.5 / weights[labels == label].sum()
        ours = [sample for sample in samples if sample.label == label]
        share = effective_photos(ours, weights[labels == label]) / len({sample.source for sample in ours})
        if share < LEAST_COMMON:
            raise CalibrationError(
                "authentic and manipulated photos have hardly a size or format in common, and these must not decide: "
                "add photos of both classes at the same sizes, as sharp, and in the same formats"
            )
    return np.asarray(weights, np.float64)


def effective_photos(samples: Sequence[Sample], weights: Floats) -> float:
    """How many photos of equal weight carry as much evidence (Kish, "Survey Sampling", 1965)."""
    photos: dict[tuple[int, str], float] = defaultdict(float)
    for sample, weight in zip(samples, weights, strict=True):
        photos[sample.label, sample.source] += float(weight)
    shares = np.array([*photos.values()])
    return float(shares.sum() ** 2 / (shares**2).sum())


def propensities(samples: Sequence[Sample], weights: Floats) -> Floats:
    """How likely a picture is manipulated by its condition alone, float64 [n]: a logistic regression on size, shape,
    format, sharpness and compressions and their products, fitted to these samples with weights that sum to 1."""
    covariates = StandardScaler().fit_transform(
        PolynomialFeatures(2, include_bias=False).fit_transform(
            StandardScaler().fit_transform(np.stack([_covariates(sample) for sample in samples]))
        )
    )
    labels = [sample.label for sample in samples]
    model = LogisticRegression(C=STRENGTH, max_iter=5000).fit(covariates, labels, weights * len(samples))
    return np.asarray(model.predict_proba(covariates)[:, 1], np.float64)


def _covariates(sample: Sample) -> list[float]:
    conditions = sample.conditions
    quality = conditions.jpeg_quality
    return [
        float(sample.features[pooling.FEATURES.index(TILES)]),
        float(np.log(max(conditions.scored_side, 1))),
        float(quality is None),
        80.0 if quality is None else float(quality),
        float(conditions.quantisations),
        float(conditions.sharpness),
    ]


def photo_weights(samples: Sequence[Sample]) -> Floats:
    """Sums to 1; half for each class, equal shares for the photos of a class, equal shares for a photo's variants."""
    variants: dict[tuple[int, str], int] = defaultdict(int)
    for sample in samples:
        variants[sample.label, sample.source] += 1
    photos = {label: sum(key[0] == label for key in variants) for label in (0, 1)}
    return np.array([0.5 / photos[s.label] / variants[s.label, s.source] for s in samples])
