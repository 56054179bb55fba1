"""What people do in the month: shops report photos, whoever loses before the detector appeals, adjudicators decide, and
an engineer says of the fakes which are generated whole.

In: a running service and photos whose truth is known to us. Out: labels, by the service's own ways; how each photo got
its own. No photo is labelled without a person.
"""

import base64
import threading
import uuid
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx

from tests.month.service import JUDGES, SHOP, client, until

AT_ONCE = 2
"""Disputes under way: as many as a small machine judges at a time."""


def dispute_all(base: str, photos: Sequence[tuple[bytes, bool]]) -> dict[str, Any]:
    """Play one dispute a photo; (bytes, whether it is manipulated). What the detector said and who decided."""
    done: Counter[str] = Counter()
    lock = threading.Lock()

    def one(number: int) -> None:
        content, fake = photos[number]
        verdict, way = _dispute(base, content, fake, number)
        with lock:
            done[f"{'fake' if fake else 'photo'}: {verdict}, {way}"] += 1

    with ThreadPoolExecutor(AT_ONCE) as people:
        list(people.map(one, range(len(photos))))
    named = _name_kinds(base)
    return {"ways": dict(sorted(done.items())), "kinds_said_by_engineer": named}


def _dispute(base: str, content: bytes, fake: bool, number: int) -> tuple[str, str]:
    """(the detector's verdict, how a person came to decide)."""
    picture = {"name": "claim.jpg", "data": base64.b64encode(content).decode()}
    refund = {
        "amount": {"value": 12800, "currency": "CNY"}, "buyer": f"buyer-{number}", "account": SHOP,
        "claim": {"type": "other", "text": "It is not what I ordered."}, "images": {"refund": [picture]},
    }  # fmt: skip
    first, second = JUDGES[number % len(JUDGES)], JUDGES[(number + 1) % len(JUDGES)]
    truth = "established" if fake else "not_established"
    with client(base, "admin") as platform, client(base, SHOP) as shop:
        answer = platform.put(f"/v1/refunds/month-{number}", json=refund)
        answer.raise_for_status()
        image = answer.json()["images"][0]["id"]
        report = _post(shop, "/v1/reports", {"refund_id": f"month-{number}", "image": image})
        path = f"/v1/reports/{report['id']}"
        told = until("a verdict", lambda: _past_screening(shop, path))
        verdict, state = str(told["verdict"]), told["state"]
        if state == "needs_review":
            with client(base, first) as judge:
                _post(judge, f"{path}/decision", _because({"decision": truth}))
            return verdict, "a judge decided"
        with client(base, first) as passes_on, client(base, second) as judge:
            loser = shop if state == "not_established" else passes_on
            appeal = _post(loser, f"{path}/appeals", {"grounds": "Look again, please."})
            word = "uphold" if state == truth else "overturn"
            _post(judge, f"/v1/appeals/{appeal['id']}/decision", _because({"decision": word}))
        return verdict, f"an appeal was {'upheld' if word == 'uphold' else 'overturned'}"


def _past_screening(shop: httpx.Client, path: str) -> dict[str, Any] | None:
    answer = shop.get(path)
    answer.raise_for_status()
    told: dict[str, Any] = answer.json()
    return told if told["state"] != "submitted" else None


def _because(body: dict[str, str]) -> dict[str, str]:
    return {**body, "reason_code": "other", "reason": "Looked at it closely."}


def _name_kinds(base: str) -> int:
    """The engineer goes through what judges found fake and says that it is generated whole."""
    named, cursor = 0, None
    with client(base, "engineer") as eve:
        while True:
            asked: dict[str, str | int] = {"truth": "fake", "limit": 100}
            asked |= {"cursor": cursor} if cursor else {}
            page = eve.get("/v1/labels", params=asked)
            page.raise_for_status()
            for label in page.json()["items"]:
                _post(eve, "/v1/labels", {"sha256": label["sha256"], "truth": "ai_generated"})
                named += 1
            cursor = page.json()["next_cursor"]
            if cursor is None:
                return named


def _post(caller: httpx.Client, path: str, body: dict[str, Any]) -> dict[str, Any]:
    answer = caller.post(path, json=body, headers={"Idempotency-Key": str(uuid.uuid4())})
    if answer.is_error:
        raise RuntimeError(f"{path}: {answer.status_code} {answer.text}")
    found: dict[str, Any] = answer.json()
    return found
