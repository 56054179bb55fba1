"""How a picture's condition changes what its score means: slope and offset of the log odds, by condition.

In: log odds that know nothing of the condition, and `Conditions`. Out: log odds that do. A score of a soft picture of
quality 40 says less than the same score of a crisp PNG; one curve for both is calibrated for neither.
"""

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from refundlens.model.detection import Conditions

READINGS = ("log_long_side", "jpeg_quality", "not_jpeg", "quantisations", "sharpness")
"""What is read of a condition, in this order."""
LEAST_SLOPE = 0.1
"""Least factor on the log odds: whatever the condition, more evidence must never count for less."""


def readings(conditions: Conditions) -> NDArray[np.float64]:
    """float64 [5], named by READINGS. The quality of a file that is not JPEG is NaN: `not_jpeg` speaks for it."""
    quality = conditions.jpeg_quality
    return np.array(
        [
            np.log(max(conditions.scored_side, 1)),
            np.nan if quality is None else quality,
            float(quality is None),
            conditions.quantisations,
            conditions.sharpness,
        ],
        np.float64,
    )


class ConditionTerms(BaseModel):
    """log odds -> max(slope + slopes . r, LEAST_SLOPE) x log odds + offset + offsets . r.

    r: the readings less their mean, over their scale, held within [low, high], the range that calibration saw: beyond
    it the curve stays what it was at the edge instead of running on. A missing reading counts as the mean.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    readings: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    slope: float
    offset: float
    slopes: tuple[float, ...]
    offsets: tuple[float, ...]

    def standard(self, conditions: Conditions) -> NDArray[np.float64]:
        """The readings r, float64 [5]."""
        held = np.clip(
            (readings(conditions) - np.array(self.mean)) / np.array(self.scale), self.low, self.high
        )
        return np.asarray(np.nan_to_num(held, nan=0.0), np.float64)

    def apply(self, log_odds: float, conditions: Conditions) -> float:
        values = self.standard(conditions)
        slope = max(self.slope + float(values @ np.array(self.slopes)), LEAST_SLOPE)
        return slope * log_odds + self.offset + float(values @ np.array(self.offsets))
