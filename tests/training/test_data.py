from pathlib import Path

import numpy as np
import pytest
import torch

from refundlens.datasets import manifest
from refundlens.model.names import DEFECTS, KINDS
from refundlens.training.config import DataConfig, LossConfig
from refundlens.training.data import FromStep, TileDataset, collate, pairs_of

pytestmark = pytest.mark.slow


@pytest.fixture
def tiles(dataset: Path) -> TileDataset:
    rows = [row for row in manifest.read(dataset) if row.split == "train"]
    return TileDataset(dataset, rows, DataConfig(workers=0), LossConfig(), seed=3, samples=1000)


def test_pairs_hold_a_photo_and_its_own_edits(dataset: Path) -> None:
    rows = [row for row in manifest.read(dataset) if row.split == "train"]
    pairs = pairs_of(rows)
    assert sum(1 + len(pair.edits) for pair in pairs) == len(rows)
    for pair in pairs:
        assert pair.authentic.label == 0
        assert {edit.source for edit in pair.edits} <= {pair.authentic.source}
        assert all(edit.label == 1 for edit in pair.edits)


def test_twins_differ_only_where_the_edit_is(tiles: TileDataset) -> None:
    """The same window, delivery and tile: outside a local edit's neighbourhood the twins are alike."""
    checked = 0
    for index in range(40):
        sample = tiles[index]
        real, fake = sample["tiles"][0::2].int(), sample["tiles"][1::2].int()
        for mine, theirs, cells in zip(real, fake, sample["maps"][1::2, 0], strict=True):
            untouched = torch.nn.functional.max_pool2d(cells[None, None], 9, 1, 4)[0, 0] == 0
            if untouched.any() and (cells > 0.5).any():
                far = untouched.repeat_interleave(8, 0).repeat_interleave(8, 1)
                inside = (cells > 0.9).repeat_interleave(8, 0).repeat_interleave(8, 1)
                difference = (mine - theirs).abs().float().mean(dim=2)
                assert difference[far].mean() < 3
                if inside.any():
                    checked += int(difference[inside].mean() > difference[far].mean())
    assert checked >= 3


def test_a_sample_depends_on_seed_and_index_alone(tiles: TileDataset) -> None:
    first, again = tiles[17], tiles[17]
    assert all(torch.equal(first[key], again[key]) for key in first)
    assert not torch.equal(first["tiles"], tiles[18]["tiles"])


def test_targets_are_consistent(tiles: TileDataset) -> None:
    batch = collate([tiles[index] for index in range(24)])
    authentic = batch["kind"] == KINDS.index("authentic")
    assert (batch["maps"][authentic, 0].mean(dim=(1, 2)) < 0.01).all()
    assert (batch["kind"] == KINDS.index("photoshopped")).any()
    assert batch["maps"].shape[1] == 1 + len(DEFECTS)
    assert (batch["map_weight"] == 1).all()
    assert float(batch["maps"].max()) <= 1.0 + 1e-6


def test_every_photo_comes_once_a_pass(tiles: TileDataset) -> None:
    count = len(tiles.pairs)
    seen = [tiles._pair(index).authentic.source for index in range(count)]
    assert len(set(seen)) == count
    assert list(FromStep(5, 9)) == [5, 6, 7, 8]


def test_a_dataset_without_edits_is_refused(dataset: Path) -> None:
    rows = [row for row in manifest.read(dataset) if row.split == "train" and row.label == 0]
    with pytest.raises(ValueError, match="no edited pictures"):
        TileDataset(dataset, rows, DataConfig(), LossConfig(), 0, 10)


def test_small_deliveries_are_padded_to_a_tile(tiles: TileDataset) -> None:
    shapes = {tuple(tiles[index]["tiles"].shape) for index in range(20)}
    assert shapes == {(4, 224, 224, 3)}
    assert np.isfinite(tiles[0]["maps"].numpy()).all()
