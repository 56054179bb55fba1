"""What reference comparison is fitted to, and that its forest answers in NumPy as it did where it was fitted."""

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest
from sklearn.ensemble import ExtraTreesClassifier

from refundlens.model.compare.figures import FIGURES
from refundlens.model.compare.marks import Forest
from refundlens.training.references import examples, fit
from tests.support.scenes import scene


@pytest.mark.slow
def test_a_photo_is_seen_again_painted_and_honestly() -> None:
    pairs = list(examples.for_fitting(scene(1), scene(2), 1, np.random.default_rng(3)))
    assert len(pairs) == examples.PAIRS and 4 <= sum(pair.painted for pair in pairs) <= 7
    for pair in pairs:
        assert pair.painted == (pair.what in (*examples.DEFECTS, *examples.TOOLS)) and 0 <= pair.seen <= 1
        if pair.region is not None:
            assert pair.region.shape == pair.photo.shape[:2]
            assert pair.seen < examples.VISIBLE or pair.region.max() > 0.5
    again = list(examples.for_fitting(scene(1), scene(2), 1, np.random.default_rng(3)))
    assert all(np.array_equal(one.photo, other.photo) for one, other in zip(pairs, again, strict=True))


@pytest.mark.slow
def test_only_spots_where_a_photo_was_painted_count_as_painted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (tmp_path / "index.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("file", "split", "class", "group"))
        for number, split in enumerate(("train", "train", "validation")):
            cv2.imwrite(str(tmp_path / f"{number}.png"), scene(number)[..., ::-1])
            writer.writerow((f"{number}.png", split, "authentic", f"group {number}"))
    made = examples.for_fitting
    monkeypatch.setattr(examples, "MARKS", ("arrow", "text", "sticker", "stamp"))
    # a defect, a stain and a mark: each takes a quarter of a second to be looked at
    monkeypatch.setattr(examples, "for_fitting", lambda *given: [*made(*given)][::4])
    found = fit.gather_pairs(tmp_path, 3)
    assert found.figures.shape[1] == len(FIGURES) and len(found.truth) == 3
    assert found.painted.any() and not found.painted.all() and set(found.origins) == {0}
    assert not found.painted[~found.truth[found.pairs]].any(), "an honest pair has no painted spot"


def test_a_folder_with_nothing_to_learn_from_is_told(tmp_path: Path) -> None:
    (tmp_path / "index.csv").write_text("file,split,class,group\n")
    with pytest.raises(ValueError, match="two authentic photos or more of the training split"):
        fit.gather_pairs(tmp_path, 3)


def test_packed_trees_answer_as_scikit_learn_does() -> None:
    rng = np.random.default_rng(0)
    figures = rng.normal(size=(200, 5)).astype(np.float32)
    truth = figures[:, 0] + figures[:, 1] ** 2 > 0.8
    trees = ExtraTreesClassifier(12, min_samples_leaf=2, random_state=0).fit(figures, truth)
    forest = Forest(**fit.packed(trees.estimators_))
    expected = trees.predict_proba(figures[:40])[:, 1]
    assert [forest.mean(row) for row in figures[:40]] == pytest.approx(expected, abs=1e-6)
