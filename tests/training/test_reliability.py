"""The table on cells whose truth is made up, and on pictures of a real dataset."""

import numpy as np
import pytest
from numpy.typing import NDArray

from model.reliability import FACTS, ReliabilityTable, classes
from training.reliability import PRIOR, Cells, fit, known_cells


def picture(seed: int, per_class: int = 60, changed: float = 0.5) -> Cells:
    """Cells over four levels of contrast; the map is right on textured ones and marks by chance on the flattest."""
    rng = np.random.default_rng(seed)
    contrast = np.repeat([0.5, 4.0, 9.0, 20.0], per_class) + rng.uniform(0, 0.1, 4 * per_class)
    truth = rng.random(len(contrast)) < changed
    skill = np.repeat([0.0, 0.5, 0.8, 1.0], per_class)
    told = np.where(rng.random(len(contrast)) < skill, truth, rng.random(len(contrast)) < 0.5)
    facts = np.stack([np.zeros_like(contrast), contrast, rng.uniform(0.1, 0.5, len(contrast))])
    return Cells(facts.astype(np.float32), told, truth)


def worth(table: ReliabilityTable, contrast: float, sharpness: float = 0.3) -> float:
    found = classes(
        np.array([[0.0], [contrast], [sharpness]], np.float32), {fact: table.edges(fact) for fact in FACTS}
    )
    return float(np.array(table.table)[tuple(found)][0])


def test_reliability_is_youdens_j_where_pictures_are_many() -> None:
    table = fit([picture(seed) for seed in range(300)])
    assert table.pictures == 300 and table.overall == pytest.approx((0 + 0.5 + 0.8 + 1) / 4, abs=0.02)
    assert worth(table, 0.55) < 0.06
    assert worth(table, 9.05) == pytest.approx(0.8, abs=0.05)
    assert worth(table, 20.08) > 0.95


def test_few_pictures_are_drawn_towards_the_whole() -> None:
    few, many = fit([picture(seed) for seed in range(3)]), fit([picture(seed) for seed in range(300)])
    assert abs(worth(few, 0.55) - few.overall) < abs(worth(many, 0.55) - many.overall)
    weight = 3 / (3 + PRIOR)
    # the flattest class alone: nothing measured there, three pictures against the prior
    assert few.alone["contrast"][0] == pytest.approx((1 - weight) * few.overall, abs=weight * 0.15)


def test_a_class_nobody_saw_is_worth_what_its_facts_say() -> None:
    table = fit([picture(seed) for seed in range(50)])
    clipped_and_flat = table.table[2][0][0]  # no cell is clipped
    assert table.alone["saturation"][2] == pytest.approx(table.overall, abs=1e-4)
    parts = (table.alone["contrast"][0] / table.overall) * (table.alone["sharpness"][0] / table.overall)
    assert clipped_and_flat == pytest.approx(table.overall * parts, abs=1e-3)


def test_a_large_picture_does_not_outvote_the_others() -> None:
    crowd = [picture(seed, per_class=300) for seed in range(40)]
    liar = picture(99, per_class=20_000)
    lies = Cells(liar.facts, ~liar.changed, liar.changed)
    assert fit([*crowd, lies]).overall > 0.75 * fit(crowd).overall


def test_a_map_that_always_or_never_marks_is_worth_nothing() -> None:
    for told in (True, False):
        same = [
            Cells(one.facts, np.full_like(one.changed, told), one.changed) for one in map(picture, range(20))
        ]
        table = fit(same)
        assert table.overall == 0 and np.max(table.table) == 0


def test_a_map_that_is_worse_than_chance_is_worth_nothing_and_not_less() -> None:
    table = fit([Cells(one.facts, ~one.changed, one.changed) for one in map(picture, range(20))])
    assert table.overall == 0 and np.min(table.table) == 0


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
