"""What programs elsewhere read, byte for byte but for ids, hashes, measured numbers and versions: the webhooks of a
dispute and the evidence pack of one photo. A difference is a change of the API: it needs a line in CHANGELOG.md."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from refundlens.serving.storage.tables import OutboxEvent
from tests.serving.evidence.conftest import Case

EXPECTED = Path(__file__).parent / "payloads"


def settled(text: str) -> str:
    """The text with what differs from run to run and machine to machine in the order of its first appearance."""
    seen: dict[str, str] = {}

    def name(kind: str, value: str) -> str:
        number = sum(known.startswith(kind) for known in seen.values()) + 1
        return seen.setdefault(value, f"{kind}{number}")

    text = re.sub(r"\b([a-z]{3}_)[0-9A-HJKMNP-TV-Z]{26}\b", lambda m: name(m[1], m[0]), text)
    text = re.sub(r"\b[0-9a-f]{64}\b", lambda m: name("hash", m[0]), text)
    text = re.sub(r'"[\w+/=-]{43,}"', '"bytes"', text)
    text = re.sub(r'"software":\{[^}]*\}', '"software":{}', text)
    text = re.sub(r'"bytes":\d+', '"bytes":0', text)
    moment = r'"\d{4}-\d\d-\d\dT[\d:.]+Z"'
    return re.sub(rf"{moment}|-?\d+\.\d+(e-?\d+)?", lambda m: m[0] if m[0][0] == '"' else "0.0", text)


def same(name: str, text: str) -> None:
    """Compares by lines, so that a failure shows which member changed."""
    kept = (EXPECTED / name).read_text(encoding="utf-8")
    assert settled(text).replace(',"', ',\n"').splitlines() == kept.splitlines()


@pytest.mark.slow
def test_the_webhooks_of_a_dispute(case: Case) -> None:
    def post(caller: str, path: str, body: dict[str, Any]) -> Any:
        answer = case.as_caller(caller).post(path, json=body)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    post("shop-1", f"/v1/reports/{case.report_id}/refusal", {})
    appeal = post("ann", f"/v1/reports/{case.report_id}/appeals", {"grounds": "it is a real hole"})
    decided = {"decision": "overturn", "reason_code": "no_trace", "reason": "a shadow"}
    post("bob", f"/v1/appeals/{appeal['id']}/decision", decided)
    with case.app.state.database.reading() as session:
        found = session.execute(select(OutboxEvent)).scalars().all()
    events = sorted(found, key=lambda one: (one.type, json.loads(one.payload)["data"].get("version", 0)))
    same("webhooks.jsonl", "\n".join(event.payload for event in events))


def test_the_pack_of_a_photo(case: Case) -> None:
    text = case.pack("?photo=omit").decode()
    assert json.loads(text)
    same("pack.json", text)
