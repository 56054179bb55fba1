"""The gate: an equal passes, a loss in one slice is named with its worst pictures, chance fails nobody."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from refundlens.model import bundle
from refundlens.training.evaluation.real_editors import LookScore
from refundlens.training.gate.gate import GATE, REPORT, run_gate
from refundlens.training.gate.judging import NOT_COVERED, CaseJudgement, condition_name
from refundlens.training.gate.looks import Looks
from refundlens.training.gate.paired import Judged, auc, paired_difference, recall_at
from refundlens.training.gate.rules import (
    Check,
    Contest,
    check_accusations,
    check_bounds,
    check_calibration,
    check_latency,
    check_laundering,
    check_recall,
    check_size,
    check_slices,
)
from refundlens.training.gate.suite import DELIVERY, Case, SuiteError, freeze, load_suite
from tests.datasets.collections import COLUMNS
from tests.support.tiny import save_bundle

pytestmark = pytest.mark.slow

WITHOUT_PICTURES = {"latency ", "size "}
"""Rules that are about no picture, as rule and slice."""


def _case(number: int, label: int, generator: str = "", repository: str = "some/photos") -> Case:
    kind = "ai_generated" if label else "authentic"
    return Case(
        "x", f"{number}.png", f"{number:064x}", DELIVERY, label, kind, generator, "gan" if label else "",
        "" if label else "real_product", repository, f"g{number // 2}",
    )  # fmt: skip


def _contest(shift: dict[str, float], noise: float = 0.0, rounds: int = 200) -> Contest:
    """200 photos, 60 pictures each of two generators. shift: what the candidate's odds move by, by generator."""
    rng = np.random.default_rng(0)
    cases = [_case(index, 0) for index in range(200)]
    cases += [_case(200 + index, 1, "old" if index < 60 else "new") for index in range(120)]
    champion, candidate = {}, {}
    for case in cases:
        odds = float(rng.normal(1.5 if case.label else -1.5, 1))
        moved = odds + shift.get(case.generator, 0.0) + float(rng.normal(0, noise))
        for judged, value in ((champion, odds), (candidate, moved)):
            judged[case.key] = CaseJudgement(case.key, 1 / (1 + np.exp(-value)), "inconclusive", "any")
    return Contest(cases, champion, candidate, 0.05, rounds)


def _failed(contest: Contest) -> list[Check]:
    return [check for check in [check_recall(contest), *check_slices(contest)] if check.failed]


def test_an_equal_and_a_noisy_equal_pass() -> None:
    assert _failed(_contest({})) == []
    assert _failed(_contest({}, noise=0.3)) == []


def test_a_loss_in_one_slice_is_named_with_the_ten_pictures_that_fell_most() -> None:
    contest = _contest({"old": -2.5, "new": 1.0}, noise=0.2)
    failed = _failed(contest)
    slices = [check.slice for check in failed]
    assert "generator old" in slices and "generator new" not in slices
    worst = failed[slices.index("generator old")].worst
    assert len(worst) == 10 and all(case.generator == "old" for case in contest.cases if case.key in worst)
    falls = [contest.candidate[key].probability - contest.champion[key].probability for key in worst]
    assert max(falls) < 0


def test_a_loss_in_one_condition_is_named() -> None:
    contest = _contest({})
    soft = [replace(case, delivery="JPEG 40") for case in contest.cases]
    cases = [*contest.cases, *soft]
    champion, candidate = (
        judged | {case.key: replace(judged[sharp.key], case=case.key, condition="q30 to 60")
                  for case, sharp in zip(soft, contest.cases, strict=True)}
        for judged in (contest.champion, contest.candidate)
    )  # fmt: skip
    blind = candidate | {
        case.key: replace(candidate[case.key], probability=0.2) for case in soft if case.label
    }
    assert _failed(replace(contest, cases=cases, champion=champion, candidate=candidate)) == []
    failed = _failed(replace(contest, cases=cases, champion=champion, candidate=blind))
    assert {check.slice for check in failed} == {"condition q30 to 60"}
    unknown = {key: replace(one, condition=NOT_COVERED) for key, one in champion.items()}
    assert _failed(replace(contest, cases=cases, champion=unknown, candidate=blind)) == []


def test_a_general_loss_fails_the_operating_point() -> None:
    contest = _contest({"old": -2.0, "new": -2.0})
    check = check_recall(contest)
    assert check.failed and "->" in check.text
    assert len(check.worst) == 10 and all(case.label for case in contest.cases if case.key in check.worst)


def test_few_pictures_decide_nothing() -> None:
    contest = _contest({"old": -3.0})
    few = [case for case in contest.cases if case.generator != "old" or int(case.sha256, 16) < 205]
    small = replace(contest, cases=few)
    told = [check for check in check_slices(small) if check.slice == "generator old"]
    assert told and not any(check.decides for check in told)


def test_the_same_pictures_give_the_same_interval_and_a_gain_is_above_nought() -> None:
    contest = _contest({"old": 1.0, "new": 1.0})
    judged = contest.judged(contest.cases)
    first, second = (paired_difference(judged, recall_at(0.05), 100) for _ in range(2))
    assert first == second and first.low > 0
    equal = Judged(judged.labels, judged.champion, judged.champion, judged.groups)
    assert paired_difference(equal, auc, 50).high == 0.0


def test_bounds_times_size_and_probabilities(tmp_path: Path) -> None:
    calibration = bundle.load(save_bundle(tmp_path / "a.onnx")).calibration
    assert calibration is not None
    [only] = calibration.bins
    contest = _contest({"old": -1.0}, noise=0.2)
    inside = set(list(contest.champion)[:100]) | set(list(contest.champion)[200:240])
    contest = replace(
        contest,
        champion={
            key: replace(one, condition=condition_name(only) if key in inside else "not covered")
            for key, one in contest.champion.items()
        },
    )
    assert not any(check.failed for check in check_bounds(calibration, calibration, contest))
    for change, rule in (
        ({"threshold": None, "bound": None}, "accusation_bound"),
        ({"bound": 0.02}, "accusation_bound"),
        ({"miss_bound": 0.5}, "miss_bound"),
        ({"miss_bound": None}, "miss_bound"),
    ):
        worse = calibration.model_copy(update={"bins": (only.model_copy(update=change),)})
        [failed] = [check for check in check_bounds(calibration, worse, contest) if check.failed]
        shown = [case for case in contest.cases if case.key in failed.worst]
        assert failed.rule == rule and len(shown) == 10
        assert {(case.key in inside, case.label) for case in shown} == {(True, int(rule == "miss_bound"))}
    gone = calibration.model_copy(update={"bins": ()})
    rules = {check.rule for check in check_bounds(calibration, gone, contest)}
    assert rules == {"accusation_bound", "miss_bound"}
    assert not check_latency(100, 1.15).failed and check_latency(100, 1.25).failed
    assert not check_size(12_000_000, 24_000_000).failed and check_size(12_000_000, 26_000_000).failed
    contest = _contest({})
    sure = {key: replace(one, probability=0.999) for key, one in contest.candidate.items()}
    surer = check_calibration(replace(contest, candidate=sure))
    assert surer.failed and len(surer.worst) == 10
    fake = {
        key: replace(one, verdict="fake") if index < 20 else one
        for index, (key, one) in enumerate(contest.candidate.items())
    }
    told = check_accusations(replace(contest, candidate=fake), 0.01)
    assert told.failed and told.text.startswith("20 of 200 photos")
    assert not check_accusations(contest, 0.01).failed


def _washed(turned: int, called: str) -> Contest:
    """40 pictures called `called`, sent and then blurred, as 40 photos are. turned: how many of them the candidate
    then calls authentic; the champion none."""
    cases = [_case(index, int(index < 40), "any") for index in range(80)]
    cases += [replace(case, delivery="blurred, 1 pixel") for case in cases]
    judged: tuple[dict[str, CaseJudgement], ...] = ({}, {})
    for model, verdicts in enumerate(judged):
        for number, case in enumerate(cases):
            after, index = number >= 80, number % 80
            verdict = called if case.label else "authentic"
            if case.label and after:
                verdict = "authentic" if model and index < turned else "inconclusive"
            verdicts[case.key] = CaseJudgement(case.key, 0.9 if case.label else 0.1, verdict, "any")
    return Contest(cases, *judged, 0.05, 200)


@pytest.mark.parametrize("called", ["fake", "inconclusive"])
def test_a_candidate_that_laundering_turns_authentic_fails(called: str) -> None:
    """Its ranking may be as good as ever; what counts is what a sender gets away with."""
    [fine] = [check for check in check_laundering(_washed(0, called)) if check.rule == "laundered_authentic"]
    assert fine.decides and fine.passed and "0.000 -> 0.000" in fine.text
    ranking, turned = check_laundering(_washed(12, called))
    assert not ranking.failed and turned.failed and turned.slice == "blurred, 1 pixel"
    assert len(turned.worst) == 10 and "0.000 -> 0.300" in turned.text
    assert ("of 40 -> 40 called fake, 40 -> 28 became inconclusive" in turned.text) == (called == "fake")
    assert not any(check.failed for check in check_laundering(_washed(1, called))), "chance fails nobody"


@pytest.fixture
def collection(tmp_path: Path) -> Path:
    """30 red generated pictures and 40 grey photos: what the tiny bundle tells apart."""
    folder = tmp_path / "collection"
    folder.mkdir()
    rng = np.random.default_rng(1)
    rows = []
    for index in range(70):
        made = index < 30
        pixels = rng.integers(90, 120, (240, 240, 3)).astype(np.uint8)
        if made:
            pixels[..., 0] = rng.integers(215, 255)
        Image.fromarray(pixels).save(folder / f"{index}.png")
        rows.append(
            dict.fromkeys(COLUMNS, "")
            | {"file": f"{index}.png", "split": "validation", "repo": "some/where", "group": f"g{index}"}
            | ({"class": "ai_generated", "kind": "generated", "generator": "Red 1"} if made else
               {"class": "authentic", "kind": "real_product"})
        )  # fmt: skip
    with (folder / "index.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    return folder


@pytest.mark.slow
def test_bundles_are_compared_on_a_frozen_suite(tmp_path: Path, collection: Path) -> None:
    suite = freeze([collection], tmp_path / "suite.json")
    assert load_suite(tmp_path / "suite.json") == suite
    champion = save_bundle(tmp_path / "champion.onnx")
    equal = save_bundle(tmp_path / "equal.onnx", "0.0.2")
    blind = save_bundle(tmp_path / "blind.onnx", "0.0.3", gain=0.0)
    passed = run_gate(champion, equal, suite, tmp_path / "equal", rounds=60)
    slow = {"latency"}  # both are the same network: only a busy machine tells them apart
    assert {check.rule for check in passed.failed} <= slow
    failed = run_gate(champion, blind, suite, tmp_path / "blind", rounds=60)
    named = {f"{check.rule} {check.slice}" for check in failed.failed}
    assert not failed.passed and "slice_auc generator Red 1" in named
    text = (tmp_path / "blind" / REPORT).read_text(encoding="utf-8")
    assert "# Gate FAILED: refundlens-tiny-0.0.3" in text and "worst-" in text
    assert (tmp_path / "blind" / GATE).is_file()
    pictured = text.count("![the worst of")
    assert pictured == len(list((tmp_path / "blind").glob("worst-*.jpg"))) == len(named - WITHOUT_PICTURES)


@pytest.mark.slow
def test_the_look_of_a_collection_is_shown_too(tmp_path: Path, collection: Path) -> None:
    """What no case of the suite is: a collected photo by itself."""
    before = [
        LookScore(f"{index}.png", "authentic", "real_gallery" if index < 50 else "real_product", "", f"g{index}",
                  index % 5 / 9)
        for index in range(30, 70)
    ]  # fmt: skip
    after = [
        replace(one, score=one.score + (index - 20) * 0.3) if one.kind == "real_gallery" else one
        for index, one in enumerate(before)
    ]
    champion, equal = save_bundle(tmp_path / "champion.onnx"), save_bundle(tmp_path / "equal.onnx", "0.0.2")
    suite = freeze([collection], tmp_path / "suite.json")
    result = run_gate(champion, equal, suite, tmp_path / "out", 60, Looks.of(collection, before, after))
    [look] = [check for check in result.failed if check.rule == "look"]
    assert look.worst == tuple(f"{index}.png" for index in range(30, 40)), (
        "those that moved furthest from others"
    )
    text = (tmp_path / "out" / REPORT).read_text(encoding="utf-8")
    assert "![the worst of look gallery against other photos](worst-" in text


def test_another_picture_under_a_frozen_name_stops_everything(tmp_path: Path, collection: Path) -> None:
    freeze([collection], tmp_path / "suite.json")
    (collection / "0.png").write_bytes((collection / "1.png").read_bytes())
    with pytest.raises(SuiteError, match=r"0\.png is gone, or not the picture"):
        load_suite(tmp_path / "suite.json")
    changed = (tmp_path / "suite.json").read_text().replace("Red 1", "Red 2")
    (tmp_path / "suite.json").write_text(changed)
    with pytest.raises(SuiteError, match="changed since it was frozen"):
        load_suite(tmp_path / "suite.json")
