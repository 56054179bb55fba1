"""`refundlens models` on a database that no service has open."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from refundlens.serving.cli.main import app as cli

pytestmark = pytest.mark.slow

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def call(*arguments: str) -> Result:
        environment = {"REFUNDLENS_DATA_DIR": str(tmp_path), "REFUNDLENS_DATABASE_URL": ""}
        return CliRunner().invoke(cli, ["models", *arguments], env=environment)

    return call


def _lines(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_versions_life(run: Run, make_bundle: Any) -> None:
    for version in ("1", "2"):
        added = run("add", str(make_bundle(version)))
        assert added.stdout == f"refundlens-tiny-{version}\n", added.stderr
        assert run("promote", f"refundlens-tiny-{version}", "--reason", "a test").exit_code == 0
    assert run("shadow", "refundlens-tiny-1", "--share", "0.5").exit_code == 0
    assert {one["version"]: (one["stage"], one["share"]) for one in _lines(run("list", "--json"))} == {
        "1": ("shadow", 0.5),
        "2": ("champion", None),
    }
    assert run("shadow", "refundlens-tiny-1", "--off").exit_code == 0
    back = run("rollback", "--reason", "it was worse")
    assert back.exit_code == 0 and "refundlens-tiny-1 is the champion again" in back.stderr
    assert back.stdout == "", "nothing but results on standard output"
    (whole,) = _lines(run("show", "refundlens-tiny-1", "--json"))
    assert whole["history"][-1]["action"] == "model.restored"
    assert whole["history"][-1]["actor"] == "command-line"
    shown = run("show", "refundlens-tiny-1")
    assert "For tests." in shown.stdout and "champion" in shown.stdout
    assert "refundlens-tiny-2" in run("list").stdout


def test_what_cannot_be_done_is_told_in_a_sentence(run: Run, make_bundle: Any, tmp_path: Path) -> None:
    assert run("list").exit_code == 1, "there is no database yet"
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    assert run("add", str(broken)).exit_code == 1
    assert run("add", str(make_bundle("1", card=""))).exit_code == 0
    for arguments, words in {
        ("promote", "refundlens-tiny-1"): "no card",
        ("promote", "refundlens-tiny-9"): "There is no model version",
        ("promote", "refundlens-tiny-1", "--force"): "reason",
        ("rollback", "--reason", "x"): "There is no champion",
    }.items():
        refused = run(*arguments)
        assert refused.exit_code == 1 and words in refused.stderr, refused.stderr
        assert "Traceback" not in refused.stderr and refused.stdout == ""
    forced = run("promote", "refundlens-tiny-1", "--force", "--reason", "we know it")
    assert forced.exit_code == 0, forced.stderr
    assert run("rollback").exit_code == 2, "a reason is required"


def test_a_bundle_that_never_stood_at_the_gate_needs_force_and_a_reason(run: Run, make_bundle: Any) -> None:
    assert run("add", str(make_bundle("1", training=None))).exit_code == 0
    for arguments in ((), ("--reason", "better"), ("--force",)):
        refused = run("promote", "refundlens-tiny-1", *arguments)
        assert refused.exit_code == 1 and refused.stderr.strip(), arguments
    (line,) = _lines(run("list", "--json"))
    assert (line["stage"], [one["code"] for one in line["missing"]]) == ("candidate", ["ungated"])
    assert run("promote", "refundlens-tiny-1", "--force", "--reason", "measured by hand").exit_code == 0
    (whole,) = _lines(run("show", "refundlens-tiny-1", "--json"))
    assert whole["history"][-1]["data"]["forced"] == ["ungated"]
