"""The README works when typed: its blocks run in one shell, in order, in an empty folder, against a live service."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.ports import free_port

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(sh|python) run\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
ADDRESS = "http://127.0.0.1:8000"
"""Where `make run` listens."""
MARK = "=== block"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a clone has once `make run` was typed, as far as the README speaks of it: an environment."""
    place = tmp_path_factory.mktemp("readme")
    (place / ".venv").symlink_to(sys.prefix)
    # a refused request ends the script; nobody types that
    (place / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n")
    return place


@pytest.fixture(scope="module")
def environment(folder: Path) -> dict[str, str]:
    return {"PATH": "/usr/bin:/bin", "HOME": str(folder), "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "2"}


@pytest.fixture(scope="module")
def service(folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """The address of what `make run` starts, in the same folder."""
    port = free_port()
    command = [folder / ".venv" / "bin" / "refundlens", "serve", "--port", str(port)]
    with (
        (folder / "log").open("w") as log,
        subprocess.Popen(command, cwd=folder, env=environment, stderr=log) as process,
    ):
        yield _ready(f"http://127.0.0.1:{port}", process, folder / "log")
        process.terminate()


def _ready(address: str, process: subprocess.Popen[bytes], log: Path) -> str:
    end = time.monotonic() + 120
    while time.monotonic() < end and process.poll() is None:
        try:
            if httpx.get(f"{address}/readyz", timeout=5).is_success:
                return address
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def printed(service: str, folder: Path, environment: dict[str, str]) -> dict[int, str]:
    """What each block printed, by its number; the last one that is there is the one that failed, if any did."""
    pieces = ["set -euo pipefail"]
    for number, (language, code) in enumerate(BLOCKS):
        (folder / f"{number}.py").write_text(code)
        code = code.replace(ADDRESS, service) if language == "sh" else f"python {number}.py"
        pieces += [f"printf '\\n{MARK} {number}\\n'", code]
    pieces.append(f"printf '\\n{MARK} {len(BLOCKS)}\\n'")
    script = "\n".join(pieces)
    done = subprocess.run(
        ["bash", "-c", script], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    parts = re.split(rf"^{MARK} (\d+)\n", done.stdout, flags=re.MULTILINE)[1:]
    told = {int(number): text for number, text in zip(parts[::2], parts[1::2], strict=True)}
    if done.returncode != 0:
        told[max(told)] += f"\nexit status {done.returncode}\n{done.stderr}"
    return told


@pytest.mark.parametrize("number", range(len(BLOCKS)), ids=[code.split("\n")[0][:40] for _, code in BLOCKS])
def test_the_readme_runs(number: int, printed: dict[int, str]) -> None:
    assert number in printed, f"a block before it failed: {printed[max(printed)]}"
    assert number + 1 in printed, printed[number]


def test_what_the_readme_promises_is_there(printed: dict[int, str], folder: Path) -> None:
    said = "".join(printed.values())
    assert '"verdict"' in said and (folder / "maps").is_dir()
    assert re.search(r'"id":"rpt_\w+"', said), "the report of the photo was accepted"
    assert (folder / "dataset").is_dir()


def test_the_readme_has_every_kind_of_block() -> None:
    assert {language for language, _ in BLOCKS} == {"sh", "python"}
    together = "".join(code for _, code in BLOCKS)
    for part in ("curl", "PUT", "/v1/reports", "refundlens data build", "refundlens detect"):
        assert part in together


def test_what_is_not_run_is_short_and_says_why() -> None:
    """Blocks without `run` install, build or test: nothing that a reader would type to use it."""
    others = re.findall(r"^```sh\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    words = {line.split()[0] for block in others for line in block.splitlines()}
    assert words <= {"make", "docker", "pip"}
