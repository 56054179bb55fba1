"""The gate as one call, and its report: `gate.json`, `gate.md`, and a sheet of the worst pictures of each failed
slice."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from refundlens.datasets.crops.masters import decode
from refundlens.datasets.degradations.apply import deliver
from refundlens.datasets.degradations.chains import NAMED
from refundlens.model.detect import Detector
from refundlens.model.verdict.calibration import CalibrationError
from refundlens.training.evaluation.laundering import decoded_pixels
from refundlens.training.gate import rules
from refundlens.training.gate.judging import judge_cases, sent, time_ratio
from refundlens.training.gate.looks import Looks, check_looks
from refundlens.training.gate.rules import Check, Contest
from refundlens.training.gate.suite import DELIVERY, FrozenSuite

GATE, REPORT, JUDGED = "gate.json", "gate.md", "judged.jsonl"
THUMB, COLUMNS = 240, 5


@dataclass(frozen=True)
class GateResult:
    """champion, candidate: id and SHA-256. suite: its SHA-256."""

    champion: str
    candidate: str
    suite: str
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        return not any(check.failed for check in self.checks)

    @property
    def failed(self) -> list[Check]:
        return [check for check in self.checks if check.failed]

    def to_json(self) -> str:
        facts: dict[str, Any] = {"passed": self.passed, **asdict(self)}
        return json.dumps(facts, indent=1)


def run_gate(
    champion: Path,
    candidate: Path,
    suite: FrozenSuite,
    out: Path,
    rounds: int = 1000,
    looks: Looks | None = None,
) -> GateResult:
    """Compare two calibrated bundles and write the report. Judgements are kept in `out`: a killed gate goes on.
    looks: both models' scores of collected pictures, without which nothing is said of pairs and controls.

    Raises CalibrationError where one of them cannot judge, BundleError where one cannot be opened.
    """
    first, second = Detector(champion, threads=1), Detector(candidate, threads=1)
    if first.calibration is None or second.calibration is None:
        raise CalibrationError("the gate compares calibrated bundles: run `refundlens calibrate` first")
    kept = out / JUDGED
    judged = [judge_cases(detector, suite.cases, kept) for detector in (first, second)]
    contest = Contest(suite.cases, judged[0], judged[1], second.calibration.limit, rounds)
    timed = time_ratio(first, second)
    checks = (
        rules.check_recall(contest),
        *rules.check_slices(contest),
        *rules.check_bounds(first.calibration, second.calibration, contest),
        rules.check_accusations(contest, second.calibration.limit),
        rules.check_calibration(contest),
        *rules.check_laundering(contest),
        *(check_looks(looks, rounds) if looks else ()),
        rules.check_latency(*timed),
        rules.check_size(champion.stat().st_size, candidate.stat().st_size),
    )
    result = GateResult(_named(first), _named(second), suite.sha256, checks)
    out.mkdir(parents=True, exist_ok=True)
    sheets = _sheets(result.failed, _shown(contest, looks), out)
    (out / REPORT).write_text(gate_text(result, sheets), encoding="utf-8")
    (out / GATE).write_text(result.to_json(), encoding="utf-8")
    return result


def gate_text(result: GateResult, sheets: dict[str, str] | None = None) -> str:
    """The report as Markdown: what failed first, then everything, then what was too small to tell."""
    word = "passed" if result.passed else "FAILED"
    lines = [
        f"# Gate {word}: {result.candidate} against {result.champion}",
        "",
        f"Suite {result.suite[:12]}; intervals by paired bootstrap over groups, 98 %. A loss counts where it is larger "
        "than the rule allows and chance seldom makes one.",
        "",
    ]
    for check in result.failed:
        lines += [f"- **{_title(check)}**: {check.text}"]
        if sheets and _title(check) in sheets:
            lines += ["", f"  ![the worst of {_title(check)}]({sheets[_title(check)]})", ""]
    for title, chosen in (
        ("What decides", [check for check in result.checks if check.decides]),
        ("Too few pictures to tell", [check for check in result.checks if not check.decides]),
    ):
        lines += ["", f"## {title}", "", "| rule | slice | | figures |", "| --- | --- | --- | --- |"]
        lines += [
            f"| {check.rule} | {check.slice} | {'passed' if check.passed else 'worse'} | {check.text} |"
            for check in chosen
        ]
    return "\n".join(lines) + "\n"


def _title(check: Check) -> str:
    return f"{check.rule} {check.slice}".strip()


def _named(detector: Detector) -> str:
    return f"{detector.name.name}-{detector.name.version} ({detector.name.sha256[:12]})"


@dataclass(frozen=True)
class Shown:
    """A picture of a sheet. read: its file as it was sent. said: what champion and candidate made of it. about: what it
    is."""

    read: Callable[[], bytes]
    said: str
    about: str


def _shown(contest: Contest, looks: Looks | None) -> dict[str, Shown]:
    """Whatever a check may name among its worst, by key or file."""
    found = {
        case.key: Shown(
            partial(sent, case),
            f"{contest.champion[case.key].probability:.2f} -> {contest.candidate[case.key].probability:.2f}",
            f"{case.kind}\n{case.file[:34]}",
        )
        for case in contest.common
    }
    if looks is None:
        return found
    for one in looks.pictures:
        found[one.file] = Shown(
            partial(_delivered, looks.folder / one.file),
            f"{looks.champion[one.file]:+.2f} -> {looks.candidate[one.file]:+.2f}",
            f"{one.kind or one.label}\n{one.file[:34]}",
        )
    return found


def _delivered(path: Path) -> bytes:
    return deliver(decode(path), NAMED[DELIVERY]).data


def _sheets(failed: Sequence[Check], shown: Mapping[str, Shown], out: Path) -> dict[str, str]:
    """Rule and slice -> name of its sheet."""
    found = {}
    for number, check in enumerate(failed):
        worst = [shown[key] for key in check.worst if key in shown]
        if worst:
            name = f"worst-{number:02d}.jpg"
            draw_sheet(worst).save(out / name, quality=85)
            found[_title(check)] = name
    return found


def draw_sheet(worst: Sequence[Shown]) -> Image.Image:
    """The pictures as delivered, with what each model said."""
    rows = -(-len(worst) // COLUMNS)
    sheet = Image.new("RGB", (COLUMNS * THUMB, rows * (THUMB + 34)), "white")
    pen = ImageDraw.Draw(sheet)
    for index, one in enumerate(worst):
        x, y = index % COLUMNS * THUMB, index // COLUMNS * (THUMB + 34)
        picture = Image.fromarray(decoded_pixels(one.read()))
        picture.thumbnail((THUMB - 6, THUMB))
        sheet.paste(picture, (x, y))
        pen.text((x + 2, y + THUMB + 2), f"{one.said} {one.about}", fill="black")
    return sheet
