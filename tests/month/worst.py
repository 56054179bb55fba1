"""Which pictures a failed rule names, in words: pages that are published show no photo of others.

In: a retraining's folder and a check of its gate. Out: of each of its worst pictures the name and both models' words.
"""

import json
from collections import defaultdict
from pathlib import Path

from refundlens.training.commands import REAL_EDITORS
from refundlens.training.evaluation.real_editors import read_report
from refundlens.training.gate.gate import JUDGED
from refundlens.training.gate.rules import Check
from refundlens.training.gate.suite import load_suite

DIGITS = 12


def worst_pictures(work: Path, checks: list[Check]) -> dict[tuple[str, str], list[str]]:
    """Rule and slice of each failed check -> "name, champion -> candidate", the worst first: probabilities of the
    suite's pictures, log odds of collected ones."""
    said = _judged(work / "gate" / JUDGED) | _scored(work)
    names = {case.key: f"{case.file}, {case.delivery}" for case in load_suite(work / "suite.json").cases}
    return {
        (check.rule, check.slice): [
            f"{names.get(key, _short(key))}: {said[key]}" for key in check.worst if key in said
        ]
        for check in checks
        if check.failed
    }


def _short(key: str) -> str:
    """A photo of a dispute is named by its hash alone."""
    sha256, _, delivery = key.partition(" ")
    return f"{sha256[:DIGITS]}, {delivery}" if delivery else key


def _judged(path: Path) -> dict[str, str]:
    found: dict[str, list[float]] = defaultdict(list)  # the champion is asked first
    for line in path.read_text(encoding="utf-8").splitlines():
        if line:
            one = json.loads(line)
            found[one["case"]].append(one["probability"])
    return {case: f"{both[0]:.2f} -> {both[1]:.2f}" for case, both in found.items() if len(both) == 2}


def _scored(work: Path) -> dict[str, str]:
    before, after = (
        {one.file: one.score for one in read_report(folder / REAL_EDITORS).looks}
        for folder in (work / "champion", work / "run" / "report")
    )
    return {file: f"{before[file]:+.2f} -> {score:+.2f}" for file, score in after.items() if file in before}
