"""The table on cells whose truth is made up, and on pictures of a real dataset."""

import numpy as np
import pytest
from numpy.typing import NDArray

from model.reliability import ReliabilityTable
from training.reliability import LEAST_SEEN, PRIOR, Cells, fit, known_cells


def picture(seed: int, per_class: int = 60, changed: float = 0.5) -> Cells:
    """Cells over four levels of contrast; the map is right on textured ones and marks by chance on the flattest."""
    rng = np.random.default_rng(seed)
    contrast = np.repeat([0.5, 4.0, 9.0, 20.0], per_class) + rng.uniform(0, 0.1, 4 * per_class)
    truth = rng.random(len(contrast)) < changed
    skill = np.repeat([0.0, 0.5, 0.8, 1.0], per_class)
    told = np.where(rng.random(len(contrast)) < skill, truth, rng.random(len(contrast)) < 0.5)
    facts = np.stack([np.zeros_like(contrast), contrast, rng.uniform(0.1, 0.5, len(contrast))])
    return Cells(facts.astype(np.float32), told, truth)


def worth(table: ReliabilityTable, contrast: float) -> float:
    return float(np.interp(contrast, table.contrast.at, table.contrast.worth))


def test_reliability_is_youdens_j_where_pictures_are_many() -> None:
    table = fit([picture(seed) for seed in range(300)])
    assert table.pictures == 300 and table.overall == pytest.approx((0 + 0.5 + 0.8 + 1) / 4, abs=0.02)
    assert worth(table, 0.55) < 0.06
    assert worth(table, 20.05) > 0.95
    assert table.contrast.worth == tuple(sorted(table.contrast.worth))


def test_few_pictures_are_drawn_towards_the_whole() -> None:
    few = fit([picture(seed) for seed in range(LEAST_SEEN)])
    weight = LEAST_SEEN / (LEAST_SEEN + PRIOR)
    # nothing can be told in the flattest class: what remains is the whole's own pull
    assert worth(few, 0.55) == pytest.approx((1 - weight) * few.overall, abs=weight * 0.15)
    assert worth(few, 20.05) == pytest.approx(weight + (1 - weight) * few.overall, abs=0.02)


def test_a_class_that_hardly_anybody_saw_is_left_to_its_neighbour() -> None:
    clipped = picture(7)
    clipped.facts[0] = 1.0
    fooled = Cells(clipped.facts, ~clipped.changed, clipped.changed)
    table = fit([*map(picture, range(50)), *[fooled] * (LEAST_SEEN - 1)])
    assert table.saturation.at == (0.0,)
    told = fit([*map(picture, range(50)), *[fooled] * LEAST_SEEN])
    assert told.saturation.at == (0.0, 1.0) and told.saturation.worth[1] < told.saturation.worth[0] / 2


def test_a_large_picture_does_not_outvote_the_others() -> None:
    crowd = [picture(seed, per_class=300) for seed in range(40)]
    liar = picture(99, per_class=20_000)
    lies = Cells(liar.facts, ~liar.changed, liar.changed)
    assert fit([*crowd, lies]).overall > 0.8 * fit(crowd).overall


@pytest.mark.parametrize("told", ["always", "never", "wrongly"])
def test_a_map_that_tells_nothing_is_worth_nothing_and_not_less(told: str) -> None:
    def fooled(one: Cells) -> Cells:
        marks = {
            "always": np.ones_like(one.changed),
            "never": np.zeros_like(one.changed),
            "wrongly": ~one.changed,
        }
        return Cells(one.facts, marks[told], one.changed)

    table = fit([fooled(picture(seed)) for seed in range(20)])
    assert table.overall == 0 and {*table.contrast.worth, *table.sharpness.worth} == {0.0}


def test_authentic_twins_count_as_untouched() -> None:
    edits = [picture(seed) for seed in range(60)]
    alarmed = [Cells(one.facts, np.ones_like(one.changed), np.zeros_like(one.changed)) for one in edits]
    assert fit([*edits, *alarmed]).overall < fit(edits).overall - 0.1
    assert fit([*edits, *alarmed]).pictures == 60


def test_cells_that_are_half_changed_count_for_neither() -> None:
    mask: NDArray[np.float32] = np.zeros((20, 32), np.float32)
    mask[:, :8], mask[:8, 8:11] = 1, 1  # the second cell is changed by 3 / 8
    heat = np.tile(np.array([0.9, 0.6, 0.4, 0.5], np.float32), (3, 1))
    facts = np.arange(3 * 3 * 4, dtype=np.float32).reshape(3, 3, 4)
    known = known_cells(heat, facts, mask)
    assert known.facts.shape == (3, 11)
    assert known.changed.tolist() == [True, False, False] + [True, False, False, False] * 2
    assert known.marked.tolist() == [True, False, True] + [True, True, False, True] * 2
