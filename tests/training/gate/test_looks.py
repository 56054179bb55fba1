"""A candidate that learned the look of a collection, or that lost pairs, is told; an equal one passes."""

from pathlib import Path

import numpy as np

from refundlens.training.evaluation.real_editors import LookScore, RealEditorsReport, read_report
from refundlens.training.gate.looks import Looks, check_looks

HERE = Path()


def _pictures() -> list[LookScore]:
    """60 photos, 40 of galleries, 30 inputs with a whole picture and 30 with a local edit; twins score alike but for
    what the edit adds."""
    rng = np.random.default_rng(0)
    found = []

    def add(file: str, label: str, score: float, pair: str = "", kind: str = "real_product") -> None:
        found.append(LookScore(file, label, kind, pair, file, score))

    for index in range(100):
        kind = "real_gallery" if index < 40 else "real_product"
        add(f"p{index}", "authentic", float(rng.normal()), kind=kind)
    for index in range(60):
        content, label = float(rng.normal()), "ai_generated" if index < 30 else "ai_edited"
        add(f"i{index}", "input", content)
        add(f"m{index}", label, content + 1.0, f"i{index}")
    return found


def _moved(pictures: list[LookScore], by: dict[str, float]) -> list[LookScore]:
    """by: what scores move by, by the first letter of the file or by kind."""
    return [
        LookScore(**{**vars(one), "score": one.score + by.get(one.file[0], 0.0) + by.get(one.kind, 0.0)})
        for one in pictures
    ]


def _failed(by: dict[str, float]) -> list[str]:
    pictures = _pictures()
    checks = [*check_looks(Looks.of(HERE, pictures, _moved(pictures, by)), 100)]
    assert [f"{one.rule} {one.slice}" for one in checks] == [
        "pairs whole pictures", "pairs local edits", "look inputs against photos", "look gallery against other photos",
    ]  # fmt: skip
    return [f"{one.rule} {one.slice}" for one in checks if one.failed]


def test_an_equal_and_a_better_one_pass() -> None:
    assert _failed({}) == []
    assert _failed({"m": 1.0}) == []


def test_the_look_of_galleries_and_of_inputs_is_told() -> None:
    assert "look gallery against other photos" in _failed({"real_gallery": 1.5})
    assert _failed({"i": 1.5, "m": 1.5}) == ["look inputs against photos"]
    assert _failed({"i": -1.5, "m": -1.5}) == ["look inputs against photos"], "the other way round, too"


def test_a_control_that_comes_nearer_to_chance_passes() -> None:
    pictures = _pictures()
    champion = _moved(pictures, {"i": 1.5, "m": 1.5})
    assert not any(one.failed for one in check_looks(Looks.of(HERE, champion, pictures), 100))


def test_pairs_that_came_closer_are_told_of_their_kind() -> None:
    pictures = _pictures()
    candidate = [
        LookScore(**{**vars(one), "score": one.score - (1.5 if one.label == "ai_edited" else 0.0)})
        for one in pictures
    ]
    failed = [one for one in check_looks(Looks.of(HERE, pictures, candidate), 100) if one.failed]
    assert [one.slice for one in failed] == ["local edits"]
    assert "above own input 1.000 -> 0.000" in failed[0].text
    edits = {one.file for one in pictures if one.label == "ai_edited"}
    assert len(failed[0].worst) == 10 and set(failed[0].worst) <= edits


def test_few_pairs_decide_nothing_and_unknown_pictures_are_left_out() -> None:
    pictures = _pictures()
    few = [one for one in pictures if one.file[0] == "p" or int(one.file[1:]) % 30 < 15]
    candidate = [*_moved(few, {"m": -3.0}), LookScore("x", "input", "", "", "x", 9.0)]
    checks = {one.slice: one for one in check_looks(Looks.of(HERE, few, candidate), 50)}
    assert "above own input 1.000 -> 0.000" in checks["whole pictures"].text
    undecided = [name for name, one in checks.items() if not one.decides]
    assert undecided == ["whole pictures", "local edits"]


def test_scores_come_back_from_the_report(tmp_path: Path) -> None:
    report = RealEditorsReport(figures={"a": {"value": 1.0}}, looks=_pictures()[:3])
    (tmp_path / "r.json").write_text(report.to_json(), encoding="utf-8")
    assert read_report(tmp_path / "r.json") == report
