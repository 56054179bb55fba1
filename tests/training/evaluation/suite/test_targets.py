"""Targets: met only where the figure says so, and never where nothing was measured."""

import math
from pathlib import Path

import pytest

from refundlens.training.evaluation.suite.cost import Cost
from refundlens.training.evaluation.suite.flips import Flips
from refundlens.training.evaluation.suite.left_out import LeftOut, LeftOutError, read_left_out
from refundlens.training.evaluation.suite.tables import outcome
from refundlens.training.evaluation.suite.targets import (
    MEGABYTES,
    MILLISECONDS,
    Measurements,
    Target,
    line,
    targets,
)


def test_a_line_is_met_by_its_figure_and_sure_by_its_interval() -> None:
    high = line("auc", "≥", 0.9, 0.95, (0.92, 0.97))
    assert (high.met, high.sure, high.target) == (True, True, "≥ 0.9")
    assert (
        line("auc", "≥", 0.9, 0.95, (0.85, 0.97)).met,
        line("auc", "≥", 0.9, 0.95, (0.85, 0.97)).sure,
    ) == (True, False)
    low = line("auc", "≥", 0.9, 0.8, (0.7, 0.85))
    assert (low.met, low.sure) == (False, True)
    assert line("flips", "<", 0.02, 0.02).met is False and line("ece", "≤", 0.03, 0.03).met is True
    assert line("auc", "≥", 0.9, math.nan).met is None is line("auc", "≥", 0.9, None).met
    assert line("auc", "≥", 0.9, 0.95, (math.nan, math.nan)).interval is None


def test_outcomes_in_words() -> None:
    assert outcome(line("a", "≥", 0.9, 0.95, (0.92, 0.97))) == "met"
    assert outcome(line("a", "≥", 0.9, 0.8, (0.7, 0.95))) == "**missed**, interval reaches across"
    assert outcome(line("a", "≥", 0.9, None)) == "not measured"


def test_nothing_measured_is_nothing_met() -> None:
    found = targets(Measurements(scored=[], checks=[], flips=[], trained=[]))
    assert len(found) >= 15
    assert all(one.met is None for one in found)


def test_verdicts_never_given_do_not_count_as_kept() -> None:
    def under_upload(decided: float, changed: float) -> Target:
        one = Flips("png", 1, 9, 36, decided, changed, 0.0, changed, 0.0, changed, 0.0, 0.0)
        lines = targets(Measurements(scored=[], checks=[], flips=[one], trained=[]))
        return next(line for line in lines if "JPEG 85" in line.name)

    assert under_upload(0.0, 0.0).met is None
    assert under_upload(0.5, 0.0).met is True
    assert under_upload(0.0, 0.1).met is False


def left(name: str, auc: float) -> LeftOut:
    return LeftOut(
        left_out={"generator": name}, steps=9, auc_without=auc, auc_with=0.95, low=auc - 0.1, high=1.0, rows=5
    )


def test_the_worst_left_out_generator_counts() -> None:
    lines = [
        left("ae-*", 0.93),
        left("srgan-*", 0.8),
        LeftOut(**{**left("x", 0.1).model_dump(), "left_out": {"source": "s"}}),
    ]
    found = targets(Measurements([], [], [], [], left_out=lines, cost=Cost(401.0, 390.0, 2, 1.5, 3.4)))
    by_name = {one.name: one for one in found}
    worst = by_name["ROC AUC, generator left out of training (worst)"]
    assert worst.measured == 0.8 and worst.met is False and "srgan-*" in worst.note
    speed, size = (
        next(one for one in found if one.target == f"≤ {limit:g}") for limit in (MILLISECONDS, MEGABYTES)
    )
    assert speed.met is False and size.met is True


def test_left_out_lines_are_read(tmp_path: Path) -> None:
    path = tmp_path / "leave_one_out.json"
    assert read_left_out(path) == read_left_out(None) == []
    path.write_text(f"[{left('ae-*', 0.9).model_dump_json()}]")
    assert read_left_out(path) == [left("ae-*", 0.9)] and read_left_out(path)[0].name == "generator ae-*"
    path.write_text('[{"left_out": "ae"}]')
    with pytest.raises(LeftOutError, match=r"python -m refundlens\.training\.evaluation\.leave_one_out"):
        read_left_out(path)


def test_a_time_taken_beside_other_work_is_no_time() -> None:
    busy = targets(Measurements([], [], [], [], cost=Cost(9000.0, 800.0, 2, 12.0, 3.4)))
    (speed,) = (one for one in busy if one.target == f"≤ {MILLISECONDS:g}")
    assert speed.met is None and "load of 12" in speed.note
