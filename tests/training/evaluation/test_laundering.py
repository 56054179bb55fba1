"""Laundering: every treatment leaves a picture, and each verdict that turned is counted in its own column."""

from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest

from refundlens.datasets.degradations.apply import deliver
from refundlens.datasets.degradations.recapture import recapture
from refundlens.model.detect import Detector
from refundlens.training.evaluation.laundering import TREATMENTS, decoded_pixels, laundering, laundering_table
from tests.datasets.collections import photo


class Crispness:
    """A detector that calls crisp pictures fake, middling ones inconclusive and soft ones authentic."""

    calibration = object()

    def detect(self, data: bytes) -> SimpleNamespace:
        pixels = decoded_pixels(data).astype(np.float32)
        crisp = float(np.abs(np.diff(pixels, axis=1)).mean())
        verdict = "fake" if crisp > 14 else "inconclusive" if crisp > 9 else "authentic"
        return SimpleNamespace(verdict=verdict, probability=min(0.99, crisp / 30))


@pytest.mark.parametrize("treatment", TREATMENTS)
def test_a_treated_picture_is_still_a_picture(treatment: str) -> None:
    base = photo(1)
    made = decoded_pixels(TREATMENTS[treatment](base))
    assert min(made.shape[:2]) >= 200 and made.shape != () and made.std() > 5


def test_each_turn_of_a_verdict_has_its_column() -> None:
    files = [deliver(photo(seed), [{"step": "png"}]).data for seed in range(3)]
    table = {line.treatment: line for line in laundering(cast(Detector, Crispness()), files)}
    assert table["JPEG 70"].pictures == table["JPEG 70"].fake == 3
    blurred = table["blurred, 1 pixel"]
    assert blurred.fake_to_inconclusive + blurred.fake_to_authentic == 3 and blurred.odds < 0
    assert blurred.to_authentic == blurred.fake_to_authentic
    assert table["noise, 8 levels"].to_authentic == 0
    assert laundering_table(list(table.values())).count("\n") == len(TREATMENTS) + 2


def test_without_a_calibration_there_are_no_verdicts_to_turn() -> None:
    with pytest.raises(ValueError, match="refundlens calibrate"):
        laundering(cast(Detector, SimpleNamespace(calibration=None)), [])


def test_a_recaptured_picture_shows_the_same_with_the_screens_stripes() -> None:
    base = np.full((120, 160, 3), 128, np.uint8)
    seen = recapture(base, np.random.default_rng(2))
    again = recapture(base, np.random.default_rng(2))
    assert seen.shape == base.shape and (seen == again).all()
    assert 90 < seen.mean() < 165 and seen.std() > 2  # still grey, no longer even
    textured = photo(4)
    seen = recapture(textured, np.random.default_rng(3))
    assert np.corrcoef(seen[30:-30, 30:-30].ravel(), textured[30:-30, 30:-30].ravel())[0, 1] > 0.3
