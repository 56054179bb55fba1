"""Bad snapshots, each caught with its message; and a good one that is let through."""

import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from refundlens.datasets.phash import phash
from refundlens.datasets.snapshot.checks import Doubts, Problem, binomial_tail, check_snapshot
from refundlens.datasets.snapshot.make import make_snapshot
from refundlens.datasets.snapshot.store import Snapshot, open_snapshot
from tests.datasets.collections import photo
from tests.datasets.snapshot.feedback import Feedback, jpeg, usual

NOW = datetime(2026, 11, 28, tzinfo=UTC)
Make = Callable[[Feedback], Snapshot]


@pytest.fixture
def snapshot_of(tmp_path: Path) -> Make:
    def make(feedback: Feedback) -> Snapshot:
        return open_snapshot(make_snapshot([feedback.write()], tmp_path / "store", NOW).folder)

    return make


def _codes(problems: list[Problem]) -> list[str]:
    return [problem.code for problem in problems]


def test_a_good_one_passes(tmp_path: Path, snapshot_of: Make) -> None:
    made = snapshot_of(usual(tmp_path / "labels"))
    doubts = Doubts({made.samples[0].sha256: 0.7}, 0.05, len(made.samples))
    assert check_snapshot(made, {"f" * 16: "other"}, doubts, NOW) == []


def test_a_corrupt_image_is_named(tmp_path: Path, snapshot_of: Make) -> None:
    feedback = usual(tmp_path / "labels")
    cut = jpeg(photo(77))[:400]
    bad = feedback.add(77, content=cut)
    [problem] = check_snapshot(snapshot_of(feedback), now=NOW)
    assert (problem.code, problem.photos) == ("corrupt_image", (bad,))
    assert "1 photo(s) cannot be read" in problem.text
    assert "restore them from a backup, or withdraw their labels" in problem.text
    assert str(problem).startswith("corrupt_image: ") and bad[:12] in str(problem)


def test_a_picture_that_is_not_the_one_that_was_judged_is_named(tmp_path: Path, snapshot_of: Make) -> None:
    made = snapshot_of(usual(tmp_path / "labels"))
    path = made.path(made.samples[0])
    path.chmod(0o644)
    path.write_bytes(jpeg(photo(99, 96, 112)))
    [problem] = check_snapshot(made, now=NOW)
    assert (problem.code, problem.photos) == ("corrupt_image", (made.samples[0].sha256,))


def test_an_empty_class_is_named(tmp_path: Path, snapshot_of: Make) -> None:
    [problem] = check_snapshot(snapshot_of(usual(tmp_path / "labels", authentic=0)), now=NOW)
    assert problem.code == "empty_class" and problem.text.startswith("0 authentic photos to train on")
    assert "at least 10 are needed: label more of them" in problem.text


@pytest.mark.parametrize(("photos", "enough"), [(9, False), (10, True)])
def test_ten_photos_of_a_class_are_the_least(
    tmp_path: Path, snapshot_of: Make, photos: int, enough: bool
) -> None:
    feedback = usual(tmp_path / "labels", authentic=0)
    for index in range(photos):
        feedback.add(index, group=f"b{index}", part="train")
    for index in range(30):  # those that are measured on do not count
        feedback.add(100 + index, group=f"t{index}", part="test")
    assert _codes(check_snapshot(snapshot_of(feedback), now=NOW)) == ([] if enough else ["empty_class"])


def test_a_leak_across_splits_is_named(tmp_path: Path, snapshot_of: Make) -> None:
    feedback = usual(tmp_path / "labels")
    one = feedback.add(80, group="same buyer", part="train")
    two = feedback.add(81, group="same buyer", part="test")
    [problem] = check_snapshot(snapshot_of(feedback), now=NOW)
    assert problem.code == "leak_across_splits" and set(problem.photos) == {one, two}
    assert problem.text.endswith("give each group one part")


def test_the_same_scene_in_two_parts_is_a_leak_whoever_sent_it(tmp_path: Path, snapshot_of: Make) -> None:
    feedback = usual(tmp_path / "labels")
    file = io.BytesIO()
    Image.fromarray(photo(90)).resize((200, 176)).save(file, "JPEG", quality=60)
    feedback.add(90, group="a", part="train", content=jpeg(photo(90)))
    feedback.add(90, group="b", part="test", content=file.getvalue())
    assert _codes(check_snapshot(snapshot_of(feedback), now=NOW)) == ["leak_across_splits"]


def test_a_scene_in_two_parts_is_found_though_its_groups_say_otherwise(
    tmp_path: Path, snapshot_of: Make
) -> None:
    """As a snapshot that another program wrote may have it."""
    made = snapshot_of(usual(tmp_path / "labels"))
    train = next(one for one in made.samples if one.part == "train")
    test = next(one for one in made.samples if one.part == "test")
    samples = [replace(one, phash=train.phash) if one is test else one for one in made.samples]
    [problem] = check_snapshot(replace(made, samples=tuple(samples)), now=NOW)
    assert (problem.code, problem.photos) == ("leak_across_splits", (test.sha256,))


def test_a_picture_that_is_measured_on_must_not_train(tmp_path: Path, snapshot_of: Make) -> None:
    made = snapshot_of(usual(tmp_path / "labels"))
    train = next(one for one in made.samples if one.part == "train")
    with Image.open(made.path(train)) as picture:
        code = phash(np.asarray(picture.convert("RGB")))
    [problem] = check_snapshot(made, {code: "suite.jpg"}, now=NOW)
    assert (problem.code, problem.photos) == ("leak_into_suite", (train.sha256,))
    assert problem.text.endswith("leave them out")


def test_photos_whose_time_is_over_since_are_named(tmp_path: Path, snapshot_of: Make) -> None:
    feedback = usual(tmp_path / "labels")
    over = feedback.add(60, keep_until="2026-12-01T00:00:00Z")
    made = snapshot_of(feedback)
    assert check_snapshot(made, now=NOW) == []
    [problem] = check_snapshot(made, now=datetime(2026, 12, 2, tzinfo=UTC))
    assert (problem.code, problem.photos) == ("past_its_time", (over,))


@pytest.mark.parametrize(("flipped", "caught"), [(0, False), (4, False), (20, True)])
def test_a_tenth_of_wrong_labels_is_told_from_the_usual_error(
    tmp_path: Path, snapshot_of: Make, flipped: int, caught: bool
) -> None:
    """200 photos by a model that errs on one in twenty: 20 wrong labels make the 10 that it contradicts 28."""
    made = snapshot_of(usual(tmp_path / "labels"))
    wrong = {f"{index:064x}": 0.5 + index / 100 for index in range(10 + flipped * 18 // 20)}
    problems = check_snapshot(made, doubts=Doubts(wrong, 0.05, 200), now=NOW)
    assert (_codes(problems) == ["wrong_labels"]) is caught
    if caught:
        assert problems[0].photos[0] == f"{len(wrong) - 1:064x}", "the surest first"
        assert problems[0].text.startswith("about 10% of the labels look wrong: of 200 photos 28 ")
        assert "have these judged again, the surest first" in problems[0].text


def test_a_model_that_errs_often_accuses_nobody(tmp_path: Path, snapshot_of: Make) -> None:
    made = snapshot_of(usual(tmp_path / "labels"))
    doubts = Doubts({one.sha256: 0.6 for one in made.samples[:24]}, 0.42, 48)
    assert check_snapshot(made, doubts=doubts, now=NOW) == []


def test_one_account_s_poisoned_series_is_told_by_what_others_said(tmp_path: Path, snapshot_of: Make) -> None:
    feedback = usual(tmp_path / "labels")
    for index in range(10):
        against = {
            "truth": "fake",
            "source": "decision",
            "weight": 1.0,
            "by": f"acct{index % 3}",
            "created_at": "",
        }
        feedback.add(500 + index, "authentic", "mallory")
        feedback.lines[-1]["said"].append(against)
    problems = check_snapshot(snapshot_of(feedback), now=NOW)
    assert _codes(problems) == ["poisoned_series"]
    assert problems[0].text.startswith("account mallory labelled 10 photos and is contradicted on 10")
    assert problems[0].text.endswith("leave its labels out until somebody has looked into them")
    assert len(problems[0].photos) == 10


def test_an_account_is_compared_with_the_others_not_with_itself(tmp_path: Path, snapshot_of: Make) -> None:
    """Half of all labels are one account's, and wrong: its own must not make such a rate look usual."""
    feedback = usual(tmp_path / "labels", authentic=6, made=6)
    for number in range(30):
        feedback.add(3000 + number, "authentic", f"acct{number % 3}")
    series = [feedback.add(600 + index, "authentic", "mallory") for index in range(42)]
    made = snapshot_of(feedback)
    doubts = Doubts(dict.fromkeys(series[:16], 0.9), 0.41, len(made.samples))
    found = [one for one in check_snapshot(made, doubts=doubts, now=NOW) if one.code == "poisoned_series"]
    assert [one.text.split()[1] for one in found] == ["mallory"]


def test_one_account_s_poisoned_series_is_told_by_a_model(tmp_path: Path, snapshot_of: Make) -> None:
    feedback = usual(tmp_path / "labels")
    series = [feedback.add(600 + index, "authentic", "mallory") for index in range(12)]
    made = snapshot_of(feedback)
    doubts = Doubts(dict.fromkeys(series[:11], 0.9), 0.2, len(made.samples))
    assert "poisoned_series" in _codes(check_snapshot(made, doubts=doubts, now=NOW))
    assert "acct" not in "".join(
        p.text for p in check_snapshot(made, doubts=doubts, now=NOW) if "poison" in p.code
    )


def test_the_binomial_tail_is_scipy_s() -> None:
    from scipy.stats import binom

    assert binomial_tail(40, 9, 0.1) == pytest.approx(binom.sf(8, 40, 0.1))
