"""The table on cells whose truth is made up, and on pictures of a real dataset."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from refundlens.datasets import manifest
from refundlens.datasets.row import Row
from refundlens.model.detect import Scored
from refundlens.model.detection import Conditions
from refundlens.model.network.pooling import Scores
from refundlens.model.network.tiles import STRIDE
from refundlens.model.photo.image import read_photo
from refundlens.model.verdict.reliability import ReliabilityTable
from refundlens.training.calibration.reliability import LEAST_SEEN, PRIOR, Cells, fit, known_cells, measure

pytestmark = pytest.mark.slow


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


class _Knows:
    """Stands in for a detector and its calibration: sees the masks of a dataset's pictures, and is sure of them."""

    def __init__(self, dataset: Path, rows: list[Row]) -> None:
        self.asked: list[str] = []
        self._rows = {
            read_photo((dataset / row.file_name).read_bytes()).pixels.tobytes(): row for row in rows
        }
        self._dataset = dataset

    def score(self, pixels: NDArray[np.uint8]) -> Scored:
        row = self._rows[pixels.tobytes()]
        self.asked.append(row.file_name)
        height, width = (-(-side // STRIDE) for side in pixels.shape[:2])
        maps = np.full((5, height, width), -9.0, np.float32)
        if row.mask_file_name:
            mask = Image.open(self._dataset / row.mask_file_name)
            share = np.asarray(mask.resize((width, height), Image.Resampling.BOX), np.float32) / 255
            maps[0, share > 0.3] = 9
        return Scored(Scores(np.zeros((1, 4), np.float32), maps), np.zeros(6))

    def probability(self, features: NDArray[np.float64], conditions: Conditions) -> float:
        return 1.0


def test_edits_and_their_twins_are_measured_against_their_masks(dataset: Path) -> None:
    rows = [row for row in manifest.read(dataset) if row.split in ("validation", "calibration")]
    knows = _Knows(dataset, rows)
    table = measure(knows, knows, dataset, rows, limit=12)  # type: ignore[arg-type]
    assert table is not None and table.pictures == 12 and table.overall > 0.97
    by_name = {row.file_name: row for row in rows}
    edits = [row for row in map(by_name.__getitem__, knows.asked) if row.label]
    twins = [row for row in map(by_name.__getitem__, knows.asked) if not row.label]
    assert len(edits) == 12 and "ai_generated" not in {row.kind for row in edits}
    assert twins and len(twins) == len({row.file_name for row in twins})
    assert {(row.source, str(row.delivery)) for row in twins} <= {
        (row.source, str(row.delivery)) for row in edits
    }


def test_too_few_edits_give_no_table(dataset: Path) -> None:
    rows = [row for row in manifest.read(dataset) if row.split == "calibration" and row.label == 0]
    assert measure(None, None, dataset, rows) is None  # type: ignore[arg-type]
