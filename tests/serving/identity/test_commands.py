"""`refundlens keys`, `tenants`, `audit`: results on standard output, all of it audited, a broken chain told."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from refundlens.serving.cli.main import app as cli
from refundlens.serving.events import audit
from refundlens.serving.identity import keys
from refundlens.serving.identity.keys import fixed_keys
from refundlens.serving.kit.clock import utc_now
from refundlens.serving.settings import Settings
from refundlens.serving.storage.database import Database, sqlite_url

pytestmark = pytest.mark.slow

Run = Callable[..., Result]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    def call(*arguments: str) -> Result:
        environment = {"REFUNDLENS_DATA_DIR": str(tmp_path), "REFUNDLENS_DATABASE_URL": ""}
        return CliRunner().invoke(cli, arguments, env=environment)

    return call


def _lines(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def _opens(folder: Path, key: str) -> bool:
    database = Database(sqlite_url(folder))
    with database.reading() as session:
        return keys.authenticate_key(session, key, utc_now()) is not None


def test_a_keys_life(run: Run, tmp_path: Path) -> None:
    made = run("keys", "create", "--role", "adjudicator", "--name", "desk 1", "--subject", "alice")
    key = made.stdout.strip()
    assert made.exit_code == 0 and keys.looks_like_one(key), "nothing but the key"
    assert "not shown again" in made.stderr and key not in made.stderr
    assert _opens(tmp_path, key)

    (line,) = _lines(run("keys", "list", "--json"))
    assert (line["role"], line["name"], line["subject"], line["state"]) == (
        "adjudicator",
        "desk 1",
        "alice",
        "works",
    )
    assert "digest" not in line and line["expires_at"] is None

    new = _lines(run("keys", "rotate", line["id"], "--overlap-hours", "1", "--json"))[0]
    assert (new["subject"], new["role"]) == ("alice", "adjudicator") and _opens(tmp_path, new["key"])
    old, _ = _lines(run("keys", "list", "--json"))
    assert old["rotated_to"] == new["id"] and old["expires_at"] and _opens(tmp_path, key)

    revoked = run("keys", "revoke", line["id"])
    assert revoked.exit_code == 0 and revoked.stdout == "" and not _opens(tmp_path, key)
    assert [one["state"] for one in _lines(run("keys", "list", "--json"))] == ["revoked", "works"]
    table = run("keys", "list").stdout
    assert "desk 1" in table and "revoked" in table and new["id"] in table

    rows = _lines(run("audit", "export"))
    assert [row["action"] for row in rows] == [
        "tenant.created", "key.created", "key.rotated", "key.created", "key.revoked",
    ]  # fmt: skip
    assert {row["actor"] for row in rows[1:]} == {"command-line"}
    assert not any("desk" in json.dumps(row) for row in rows), "names are people's"


def test_an_expiry_and_scopes_are_kept(run: Run) -> None:
    options = ("--expires-days", "7", "--scope", "reports:read", "--scope", "detect:write", "--json")
    (line,) = _lines(
        run("keys", "create", "--role", "merchant", "--name", "shop", "--account", "s1", *options)
    )
    assert line["scopes"] == ["detect:write", "reports:read"] and line["account"] == "s1"
    assert line["expires_at"] > line["created_at"]


def test_tenants_have_their_own_keys(run: Run) -> None:
    made = run("tenants", "create", "acme")
    assert made.exit_code == 0 and made.stdout.startswith("tnt_")
    tenant = made.stdout.strip()
    for name in ("acme", tenant):
        create = ("keys", "create", "--role", "admin", "--name", "boss", "--tenant", name, "--json")
        assert _lines(run(*create))[0]["tenant"] == tenant
    assert len(_lines(run("keys", "list", "--tenant", "acme", "--json"))) == 2
    assert _lines(run("keys", "list", "--tenant", "default", "--json")) == []
    assert [one["name"] for one in _lines(run("tenants", "list", "--json"))] == ["default", "acme"]
    assert tenant in run("tenants", "list").stdout
    again = run("tenants", "create", "acme")
    assert again.exit_code == 1 and "already" in again.stderr and again.stdout == ""
    assert [one["rows"] for one in _lines(run("audit", "verify", "--json"))] == [1, 3]


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("keys", "create", "--role", "boss", "--name", "x"), 2),
        (("keys", "create", "--role", "admin"), 2),
        (("keys", "create", "--role", "admin", "--name", "x", "--tenant", "nobody"), 1),
        (("keys", "create", "--role", "admin", "--name", "x", "--account", "shop"), 1),
        (("keys", "create", "--role", "admin", "--name", "x", "--scope", "all"), 1),
        (("keys", "create", "--role", "admin", "--name", "x", "--expires-days", "0"), 1),
        (("keys", "revoke", "key_none"), 1),
        (("keys", "rotate", "key_none"), 1),
        (("keys", "list", "--tenant", "nobody"), 1),
        (("audit", "verify", "--anchor", "1:abc"), 2),
    ],
)
def test_what_cannot_be_done_is_told(run: Run, arguments: tuple[str, ...], status: int) -> None:
    run("tenants", "list")
    run("keys", "create", "--role", "admin", "--name", "first")
    result = run(*arguments)
    assert result.exit_code == status and result.stdout == "" and result.stderr
    assert "Traceback" not in result.stderr
    assert len(_lines(run("keys", "list", "--json"))) == 1, "nothing was done"


@pytest.mark.parametrize(
    "verb", [("audit", "verify"), ("audit", "export"), ("keys", "list"), ("keys", "revoke", "k")]
)
def test_no_database_is_made_by_looking_for_one(run: Run, tmp_path: Path, verb: tuple[str, ...]) -> None:
    result = run(*verb)
    assert result.exit_code == 1 and "REFUNDLENS_DATA_DIR" in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_key_of_the_environment_is_not_revoked_here(run: Run, tmp_path: Path) -> None:
    from refundlens.serving.identity.callers import Callers
    from refundlens.serving.identity.tenants import open_database

    settings = Settings(data_dir=tmp_path, api_keys="plain", demo=False, database_url="")
    database = open_database(settings, utc_now())
    Callers(settings, database, utc_now)
    database.close()
    (one,) = fixed_keys(settings).values()
    result = run("keys", "revoke", one.key_id)
    assert result.exit_code == 1 and "REFUNDLENS_API_KEYS" in result.stderr
    assert _lines(run("keys", "list", "--json")) == []


def test_verify_tells_the_first_broken_row(run: Run, tmp_path: Path) -> None:
    for number in range(4):
        run("keys", "create", "--role", "admin", "--name", f"key {number}")
    whole = run("audit", "verify")
    assert whole.exit_code == 0 and "default: whole, 5 rows" in whole.stdout
    anchor = whole.stdout.split()[-1]
    assert run("audit", "verify", "--tenant", "default", "--anchor", anchor).exit_code == 0

    database = Database(sqlite_url(tmp_path))
    with database.transaction() as session:
        session.execute(text("UPDATE audit_event SET object_id = 'key_x' WHERE seq = 3"))
    broken = run("audit", "verify")
    assert broken.exit_code == 1 and "BROKEN at row 3: changed" in broken.stdout
    told = run("audit", "verify", "--json")
    assert told.exit_code == 1
    assert json.loads(told.stdout)["broken"] == {"row": 3, "fault": "changed"}
    with database.transaction() as session:
        session.execute(text("DELETE FROM audit_event WHERE seq >= 3"))
    assert json.loads(run("audit", "verify", "--json").stdout)["broken"] == {"row": 3, "fault": "missing"}
    database.close()


def test_an_exported_line_proves_itself(run: Run) -> None:
    run("keys", "create", "--role", "admin", "--name", "x")
    previous = audit.START
    for line in run("audit", "export", "--tenant", "default").stdout.splitlines():
        row = json.loads(line)
        hashed = row.pop("hash")
        plain = json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        assert audit.text_hash(plain) == hashed and row["previous"] == previous
        previous = hashed


def test_these_verbs_import_no_torch_and_help_no_database(tmp_path: Path) -> None:
    asked = (
        "import sys; from refundlens.serving.cli.main import app; "
        "app(['{}', '--help'], standalone_mode=False); print(*sys.modules)"
    )
    for verb, barred in (
        ("keys", {"torch", "sqlalchemy", "onnxruntime"}),
        ("audit", {"torch", "sqlalchemy"}),
    ):
        found = subprocess.run(
            [sys.executable, "-c", asked.format(verb)], capture_output=True, text=True, check=True
        )
        assert not barred & set(found.stdout.split())


def test_a_tenant_chooses_whether_the_opinion_is_hidden(run: Run) -> None:
    run("keys", "create", "--role", "admin", "--name", "first")
    assert json.loads(run("tenants", "set", "default").output) == {}
    assert json.loads(run("tenants", "set", "default", "--hide-opinion").output) == {"hide_opinion": True}
    assert json.loads(run("tenants", "set", "default").output) == {"hide_opinion": True}
    both = {"hide_opinion": True, "miss_limit": 0.35}
    assert json.loads(run("tenants", "set", "default", "--miss-limit", "0.35").output) == both
    run("audit", "verify")
    assert "tenant.set" in run("audit", "export", "--tenant", "default").output
    assert run("tenants", "set", "nobody").exit_code == 1
