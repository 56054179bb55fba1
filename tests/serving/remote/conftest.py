"""What an engine elsewhere must give, whoever runs it."""

from collections.abc import Callable

import numpy as np
import pytest

from refundlens.model.detect import Detector
from refundlens.serving.engine.engine import Engine


@pytest.fixture
def answers_as_here(detector: Detector, photo: Callable[..., bytes]) -> Callable[[Engine], None]:
    """Has an engine judge photos that this machine judges, too."""

    def check(engine: Engine) -> None:
        for data in (photo(), photo(red=True), photo(size=(1500, 1100), red=True)):
            here, there = detector.detect(data), engine.detect_now(data).detection
            assert there.verdict == here.verdict
            assert there.probability == pytest.approx(here.probability, abs=1e-4)
            assert np.allclose(there.heatmap, here.heatmap, atol=1e-4)

    return check
