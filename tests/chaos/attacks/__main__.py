"""`python -m tests.chaos.attacks`: prints a table; exit status 1 where somebody got what is not theirs, or others felt
more than they may."""

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from refundlens.model.progress import track
from tests.chaos.attacks.floods import FLOODS, Flood, Got
from tests.chaos.attacks.intrusions import Tried, try_all
from tests.chaos.attacks.target import Target, started
from tests.chaos.attacks.watch import Felt, watching
from tests.support.tiny import save_bundle

SLOWER, HEALTH_SECONDS = 2.0, 0.2
"""What others may feel: twice a quiet time's p99 of a photo, and this for a health check."""
BETWEEN = 4.0
"""Seconds after an attack in which its rest is answered, or given up."""


@dataclass(frozen=True)
class Row:
    """One attack. got: answers to the attacker. photo_p99, health_worst: seconds others felt. failed: of theirs.
    quiet_p99, quiet_health: what they felt just before, when nobody attacked: a machine that is busy besides is never
    the same for long."""

    attack: str
    got: dict[str, int]
    photo_p99: float
    health_worst: float
    photos: int
    failed: list[str]
    memory_mb: float
    quiet_p99: float
    quiet_health: float

    @property
    def holds(self) -> bool:
        slow = self.photo_p99 > SLOWER * self.quiet_p99
        return not (self.failed or slow or self.health_worst > HEALTH_SECONDS)


def _in_its_own_process(flood: Flood, target: Target, seconds: float) -> Got:
    """The lowest priority: see `floods`."""
    context = multiprocessing.get_context("fork")
    answers: Any = context.Queue()

    def attack() -> None:
        os.nice(19)
        got: Got = Counter()
        flood(target, time.monotonic() + seconds, got)
        answers.put(got)

    process = context.Process(target=attack)
    process.start()
    got: Got = answers.get(timeout=seconds + 120)
    process.join()
    return got


def _row(name: str, got: Got, felt: Felt, quiet: Felt, pid: int) -> Row:
    memory = psutil.Process(pid).memory_info().rss / 1e6
    return Row(
        name,
        dict(got.most_common(6)),
        round(felt.photo_p99, 3),
        round(felt.health_worst, 3),
        len(felt.photos),
        [f"{count} x {what}" for what, count in Counter(felt.failed).most_common(4)],
        round(memory),
        round(quiet.photo_p99, 3),
        round(quiet.health_worst, 3),
    )


def _play(target: Target, floods: Sequence[Flood], seconds: float, quiet_seconds: float) -> list[Row]:
    rows = []
    for flood in track(floods, len(floods), "attacks"):
        with watching(target) as quiet:
            time.sleep(quiet_seconds)
        with watching(target) as felt:
            got = _in_its_own_process(flood, target, seconds)
        rows.append(_row(flood.__name__, got, felt, quiet, target.pid))
        time.sleep(BETWEEN)
    return rows


def _table(rows: list[Row], intrusions: list[Tried]) -> str:
    lines = [
        "| attack | the attacker gets | another tenant's photo, p99 | of just before | /healthz, worst "
        "| just before | failed | memory |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in rows:
        got = ", ".join(f"{count} × {what}" for what, count in row.got.items()) or "–"
        lines.append(
            f"| {row.attack.replace('_', ' ')} | {got} | {row.photo_p99 * 1000:.0f} ms of {row.photos} "
            f"| {row.photo_p99 / row.quiet_p99:.1f} | {row.health_worst * 1000:.0f} ms "
            f"| {row.quiet_health * 1000:.0f} ms "
            f"| {'; '.join(row.failed) or '–'} | {row.memory_mb:.0f} MB |"
        )
    lines += ["", "| intrusion | requests | that got what they should not |", "| --- | --- | --- |"]
    for tried in intrusions:
        wrong = "; ".join(tried.wrong[:5]) or "none"
        lines.append(f"| {tried.risk}: {tried.name.replace('_', ' ')} | {tried.requests} | {wrong} |")
    return "\n".join(lines)


def _preface(given: argparse.Namespace, load: float) -> str:
    """How it was measured."""
    command = f"python -m tests.chaos.attacks --seconds {given.seconds:g} --quiet {given.quiet:g}"
    command += (f" --only {given.only}" if given.only else "") + (" --tiny" if given.tiny else "")
    return (
        f"# Attacks, and what others feel\n\n`{command}` on {os.cpu_count()} processors, with a load average of "
        f"{load:.1f} from other work before it began; {given.workers} workers, the attacker on the same machine with "
        "the lowest priority. Others may feel twice the p99 of the quiet time just before, and 200 ms for /healthz."
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.attacks", description=__doc__)
    parser.add_argument("--seconds", type=float, default=15.0, help="of each attack")
    parser.add_argument("--quiet", type=float, default=20.0, help="seconds of the quiet time before each")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="of the service")
    parser.add_argument("--only", default="", help="attacks whose name has one of these in it, by commas")
    parser.add_argument(
        "--tiny", action="store_true", help="a drawn model: everything but the photos' own cost"
    )
    parser.add_argument("--keep", type=Path, help="a folder for the service's data and log; else they go")
    parser.add_argument("--out", type=Path, help="write the figures there as JSON, and the table beside it")
    given = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        bundle = save_bundle(folder / "tiny.onnx") if given.tiny else None
        with started(folder, bundle, given.workers) as target:
            intrusions = try_all(target)
            wanted = given.only.split(",")
            chosen = [flood for flood in FLOODS if any(name in flood.__name__ for name in wanted)]
            rows = _play(target, chosen, given.seconds, given.quiet)
    table = _table(rows, intrusions)
    print(table)
    if given.out:
        figures: dict[str, Any] = {"floods": [asdict(row) for row in rows]}
        figures["intrusions"] = [asdict(one) for one in intrusions]
        given.out.write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        given.out.with_suffix(".md").write_text(f"{_preface(given, load)}\n\n{table}\n", encoding="utf-8")
    fine = all(row.holds for row in rows) and not any(one.wrong for one in intrusions)
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
