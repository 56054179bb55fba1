"""Plants faults that no test found once, and shows which tests find them now: `python -m tests.planted`.

Each fault is one edit of a copy of the sources, in a temporary folder; the tests named for it are run against the copy,
first as it is, then with the fault. Prints, per fault, which of them fail. Exit status 1 where an edit no longer
fits the sources, a test fails without its fault, or a fault lets them all pass.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGES = ("model", "datasets", "training", "serving")
STITCHING = "tests/model/network/test_stitching.py"
IDEMPOTENCY = "tests/serving/http/test_idempotency.py"


@dataclass(frozen=True)
class PlantedFault:
    """what: in words. path: the file that is edited. right, wrong: a text that stands there once, and what it becomes.
    tests: where it must be found."""

    what: str
    path: str
    right: str
    wrong: str
    tests: str


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


def plant(fault: PlantedFault, folder: Path) -> bool:
    """Whether the tests tell the sources with this fault from those without. Prints which do. Raises RuntimeError."""
    path = folder / fault.path
    text = path.read_text(encoding="utf-8")
    if text.count(fault.right) != 1:
        raise RuntimeError(
            f"{fault.path}: `{fault.right}` stands there {text.count(fault.right)} times, not once"
        )
    path.write_text(text.replace(fault.right, fault.wrong), encoding="utf-8")
    try:
        found = failing(folder, fault.tests)
    finally:
        path.write_text(text, encoding="utf-8")
    print(f"{fault.what}: {', '.join(found) or 'NOT FOUND'} ({fault.tests})", flush=True)
    return bool(found)


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="faults with this word in their description")
    chosen = [fault for fault in FAULTS if parser.parse_args().only in fault.what]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        copied(folder)
        broken = {tests: failing(folder, tests) for tests in sorted({fault.tests for fault in chosen})}
        for tests, names in broken.items():
            if names:
                print(f"fail without any fault: {', '.join(names)} ({tests})")
        found = [plant(fault, folder) for fault in chosen]
    return 0 if all(found) and not any(broken.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
