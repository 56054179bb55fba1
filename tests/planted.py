"""Plants faults and shows which tests find them: `python -m tests.planted --out TABLE`.

First those that no test found once, then those that the loop of retraining must not have.

Each fault is one edit of a copy of the sources, in a temporary folder; the tests named for it are run against the copy,
first as it is, then with the fault. Prints, per fault, which of them fail, and writes the same as a table. Exit
status 1 where an edit no longer fits the sources, a test fails without its fault, or a fault lets them all pass.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("model", "datasets", "training", "serving")
STITCHING = "tests/model/network/test_stitching.py"
IDEMPOTENCY = "tests/serving/http/test_idempotency.py"
NOT_FOUND = "NOT FOUND"


@dataclass(frozen=True)
class PlantedFault:
    """what: in words. path: the file that is edited. right, wrong: a text that stands there once, and what it becomes.
    tests: where it must be found."""

    what: str
    path: str
    right: str
    wrong: str
    tests: str


SAMPLING, RESCORER = "serving/labels/sampling.py", "tests/serving/jobs/test_rescorer.py"
SHADOW, SHADOWED = "serving/engine/shadow.py", "tests/serving/engine/test_shadow.py"
SNAPSHOT, SNAPSHOTS = "datasets/snapshot/checks.py", "tests/datasets/snapshot/test_checks.py"
LOOP_FAULTS = tuple(
    PlantedFault(*one)
    for one in (
        (
            "a random photo that says it is uncertain",
            SAMPLING,
            "        *_random(session, of_day),\n        *_different(session, tenant, of_day, day),\n"
            "        *_uncertain(session, of_day),\n",
            "        *_uncertain(session, of_day),\n        *_different(session, tenant, of_day, day),\n"
            "        *_random(session, of_day),\n",
            "tests/serving/labels/test_sampling.py",
        ),
        (
            "photos drawn again the day after",
            SAMPLING,
            "            ~known,\n            ~_labelled(Image.sha256, tenant),\n",
            "            ~_labelled(Image.sha256, tenant),\n",
            "tests/serving/labels/test_sampling.py",
        ),
        (
            "labelled photos that are asked about",
            SAMPLING,
            "            ~known,\n            ~_labelled(Image.sha256, tenant),\n",
            "            ~known,\n",
            "tests/serving/labels/test_sampling.py",
        ),
        (
            "a new champion's other verdicts that nobody is asked about",
            SAMPLING,
            "        apart[sha256] = abs((now or 0.0) - (before or 0.0))",
            "        apart.setdefault(sha256, 0.0)",
            "tests/serving/labels/test_sampling.py",
        ),
        (
            "novelty without a look at those before",
            SAMPLING,
            "    return _distance((np.asarray(looked, np.float64) - middle) / scale, reference, NEIGHBOURS) / max(",
            "    return _distance((np.asarray(looked, np.float64) - middle) / scale, reference[:6], 6) / max(",
            "tests/serving/labels/test_sampling.py",
        ),
        (
            "appealed cases that a new champion is not shown",
            "serving/jobs/rescorer.py",
            "ReportState.NOT_ESTABLISHED, ReportState.APPEALED)",
            "ReportState.NOT_ESTABLISHED)",
            RESCORER,
        ),
        (
            "a detector's decisions told as a person's",
            "serving/jobs/rescorer.py",
            "by_person=stands is not ReportState.NEEDS_REVIEW and report.decided_by != DETECTOR.name",
            "by_person=stands is not ReportState.NEEDS_REVIEW",
            RESCORER,
        ),
        (
            "figures of an earlier time as champion",
            "serving/registry/rescoring.py",
            "    session.execute(delete(Rescore).where(Rescore.model_version == version))",
            "    _ = (delete, Rescore)",
            RESCORER,
        ),
        (
            "a rollback that shows nobody the open cases",
            "serving/registry/service.py",
            "    rescoring.ask(session, back.id, now)\n",
            "",
            "tests/serving/registry/test_registry.py",
        ),
        (
            "the shadow's seconds told as the champion's",
            SHADOW,
            "self.seconds = self.seconds[0] + seconds[0], self.seconds[1] + seconds[1]",
            "self.seconds = self.seconds[0] + seconds[1], self.seconds[1] + seconds[0]",
            SHADOWED,
        ),
        (
            "differences before other verdicts",
            SHADOW,
            "key=lambda one: (one.verdicts[0] == one.verdicts[1], -one.difference)",
            "key=lambda one: -one.difference",
            SHADOWED,
        ),
        (
            "a shadow's report of the last process alone",
            "serving/registry/repository.py",
            "        row.difference += tally.difference",
            "        row.difference = tally.difference",
            SHADOWED,
        ),
        (
            "a share of photos chosen by another part of the hash each time",
            SHADOW,
            "return int(detection.sha256[:_DIGITS], 16) < self._share * float(16**_DIGITS)",
            "return hash((detection.sha256, id(self))) % 100 < self._share * 100",
            SHADOWED,
        ),
        (
            "wrong labels that only a lower rate would show",
            SNAPSHOT,
            "    share = (wrong / count - doubts.usual) / (1 - 2 * doubts.usual)",
            "    share = (wrong / count - doubts.usual) / 4",
            SNAPSHOTS,
        ),
        (
            "an account judged by its own series",
            SNAPSHOT,
            "others = [odd for other, said in way.items() if other != account for _, odd in said]",
            "others = [odd for said in way.values() for _, odd in said]",
            SNAPSHOTS,
        ),
        (
            "near-alike scenes let through in both parts",
            SNAPSHOT,
            "if any(phash_distance(sample.phash, other.phash) <= NEAR for other in train):",
            "if any(sample.phash == other.phash and sample is other for other in train):",
            SNAPSHOTS,
        ),
        (
            "an image whose bytes are others than were judged",
            SNAPSHOT,
            "            whole = hashlib.sha256(path.read_bytes()).hexdigest() == sample.sha256",
            "            whole = bool(path.read_bytes())",
            SNAPSHOTS,
        ),
        (
            "a class of nine photos let through",
            SNAPSHOT,
            "        if count < LEAST_OF_CLASS:",
            "        if not count:",
            SNAPSHOTS,
        ),
    )
)
FAULTS = (
    PlantedFault(
        "the blending window of the tiles removed",
        "model/network/tiles.py",
        "return np.outer(side, side).astype(np.float32)",
        "return np.ones((CELLS, CELLS), np.float32)",
        STITCHING,
    ),
    PlantedFault(
        "the stitched cell rounded down",
        "model/network/tiles.py",
        "min(-(-y // STRIDE), rows - CELLS), min(-(-x // STRIDE), columns - CELLS)",
        "min(y // STRIDE, rows - CELLS), min(x // STRIDE, columns - CELLS)",
        STITCHING,
    ),
    PlantedFault(
        "an appeal window that never closes",
        "serving/workflow/guards.py",
        "if change.report.due_at <= change.now:",
        "if False:",
        "tests/serving/workflow/test_appeal_window.py",
    ),
    PlantedFault(
        "an Idempotency-Key that never expires",
        "serving/http/idempotency.py",
        "LIFETIME = timedelta(hours=24)",
        "LIFETIME = timedelta(days=10_000)",
        IDEMPOTENCY,
    ),
    PlantedFault(
        "a fingerprint that ignores method and path",
        "serving/http/idempotency.py",
        "json.dumps([request.method, request.url.path, asked], sort_keys=True)",
        "json.dumps([asked], sort_keys=True)",
        IDEMPOTENCY,
    ),
    *LOOP_FAULTS,
)


def failing(folder: Path, tests: str) -> list[str]:
    """The names of the tests that fail against the copy in `folder`. Raises RuntimeError where they cannot be run."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rfE", "--no-header", tests]
    environment = {**os.environ, "PYTHONPATH": str(folder / "names"), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1):
        raise RuntimeError(
            f"pytest {tests} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    return sorted(
        {
            name.partition("[")[0]
            for name in re.findall(r"^(?:FAILED|ERROR) \S+?::(\S+)", done.stdout, re.MULTILINE)
        }
    )


def copied(folder: Path) -> None:
    """The sources and tests, importable as `refundlens` from `names`."""
    unneeded = shutil.ignore_patterns("__pycache__", "*.pyc")
    for name in (*PACKAGES, "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=unneeded)
    shutil.copy(ROOT / "pyproject.toml", folder)
    package = folder / "names" / "refundlens"
    package.mkdir(parents=True)
    for name in PACKAGES:
        (package / name).symlink_to(folder / name)


def unfit(faults: Sequence[PlantedFault]) -> list[str]:
    """What is wrong with edits that cannot be made, in words."""
    counted = [(one, (ROOT / one.path).read_text(encoding="utf-8").count(one.right)) for one in faults]
    return [
        f"{one.path}: `{one.right}` stands there {count} times, not once"
        for one, count in counted
        if count != 1
    ]


def plant(fault: PlantedFault, folder: Path) -> list[str]:
    """The tests that tell the sources with this fault from those without. Raises RuntimeError."""
    path = folder / fault.path
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(fault.right, fault.wrong), encoding="utf-8")
    try:
        found = failing(folder, fault.tests)
    finally:
        path.write_text(text, encoding="utf-8")
    print(f"{fault.what}: {', '.join(found) or NOT_FOUND} ({fault.tests})", flush=True)
    return found


def table(found: Sequence[tuple[PlantedFault, Sequence[str]]]) -> str:
    """Markdown."""
    lines = [
        f"# {len(found)} planted faults, {sum(bool(names) for _, names in found)} found",
        "",
        "Measured by `python -m tests.planted --out docs/results/planted.md`.",
        "",
        "| fault | planted in | told by | tests that fail of it |",
        "| --- | --- | --- | --- |",
    ]
    for one, names in found:
        told = ", ".join(f"`{name}`" for name in names) or NOT_FOUND
        lines.append(f"| {one.what} | `{one.path}` | `{one.tests}` | {told} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="faults with this word in their description")
    parser.add_argument("--out", type=Path, help="Markdown of what was found")
    given = parser.parse_args()
    chosen = [fault for fault in FAULTS if given.only in fault.what]
    if misfits := unfit(chosen):
        print("\n".join(misfits))
        return 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copied(folder)
        broken = {tests: failing(folder, tests) for tests in sorted({fault.tests for fault in chosen})}
        for tests, names in broken.items():
            if names:
                print(f"fail without any fault: {', '.join(names)} ({tests})")
        found = [(fault, plant(fault, folder)) for fault in chosen]
    if given.out:
        given.out.write_text(table(found), encoding="utf-8")
    return 0 if all(names for _, names in found) and not any(broken.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
