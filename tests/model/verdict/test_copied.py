"""A part that is there twice raises a photo's probability, in the places where it is, and accuses nobody by itself."""

import numpy as np
import pytest

from refundlens.model.names import Kind
from refundlens.model.photo.copy_move import CopyMove, copy_forest
from refundlens.model.verdict.copied import SHARE, Traces, with_copy

SIDE = 160


def _found(probability: float) -> Traces:
    shares: dict[Kind, float] = {"ai_edited": 0.6, "ai_generated": 0.3, "photoshopped": 0.1}
    trace = np.full((SIDE // 8, SIDE // 8), 0.4, np.float32)
    kinds = {kind: probability * share for kind, share in shares.items()}
    return Traces(probability, kinds, np.minimum(trace, np.float32(probability)), trace)


def _twice() -> CopyMove:
    mask = np.zeros((SIDE, SIDE), np.bool_)
    mask[:40, :40] = mask[80:120, 80:120] = True
    return CopyMove((0, 0, 40, 40), (80, 80, 120, 120), mask, 0.9)


@pytest.mark.parametrize("own", [0.02, 0.3, 0.6])
def test_the_odds_of_both_witnesses_are_added(own: float) -> None:
    raised = with_copy(_found(own), _twice(), None)
    odds = raised.probability / (1 - raised.probability)
    assert odds == pytest.approx(own / (1 - own) + SHARE * copy_forest().ratio)
    assert sum(raised.kinds.values()) == pytest.approx(raised.probability)
    assert max(raised.kinds, key=lambda kind: raised.kinds[kind]) == "photoshopped"
    assert raised.kinds["ai_edited"] == pytest.approx(2 * raised.kinds["ai_generated"])


@pytest.mark.parametrize("threshold", [0.7, 0.97])
def test_it_never_reaches_the_threshold_by_itself(threshold: float) -> None:
    for own in (0.0, 0.3, 0.69):
        raised = with_copy(_found(own), _twice(), threshold)
        assert own < raised.probability < threshold
        assert sum(raised.kinds.values()) == pytest.approx(raised.probability)
        assert raised.heat.max() <= raised.probability + 1e-6


def test_no_rounding_lifts_it_to_the_threshold() -> None:
    for threshold in np.random.default_rng(0).uniform(0.3, 0.95, 500).tolist():
        assert with_copy(_found(0.1), _twice(), threshold).probability < threshold


@pytest.mark.parametrize("threshold", [None, 0.5, 1.0])
@pytest.mark.parametrize("own", [0.0, 1e-13, 1 - 1e-13, 1.0])
def test_at_both_ends_no_probability_falls(own: float, threshold: float | None) -> None:
    raised = with_copy(_found(own), _twice(), threshold)
    assert own <= raised.probability <= 1
    assert sum(raised.kinds.values()) == pytest.approx(raised.probability)
    assert min(raised.kinds.values()) >= 0


def test_a_mask_of_another_size_than_its_cells_marks_them() -> None:
    mask = np.zeros((155, 158), np.bool_)
    mask[100:] = True
    raised = with_copy(_found(0.1), CopyMove((0, 100, 158, 155), (0, 100, 158, 155), mask, 0.9), None)
    assert raised.heat.shape == (20, 20) and (raised.heat[13:] > 0.8).all() and (raised.heat[:12] < 0.2).all()


def test_what_the_network_accuses_stays_accused() -> None:
    raised = with_copy(_found(0.98), _twice(), 0.97)
    assert raised.probability >= 0.98
    assert max(raised.kinds, key=lambda kind: raised.kinds[kind]) == "ai_edited"


def test_both_places_are_marked_and_nothing_else() -> None:
    plain = _found(0.1)
    raised = with_copy(plain, _twice(), None)
    places = np.zeros((SIDE // 8, SIDE // 8), np.bool_)
    places[:5, :5] = places[10:15, 10:15] = True
    assert (raised.heat[places] > 0.8).all()
    assert (raised.heat[~places] == plain.heat[~places]).all()
    assert (raised.trace == raised.heat).all()
