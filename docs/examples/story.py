"""A whole dispute over HTTP, as a shop, a platform and two adjudicators would live it. A client to learn from.

    python docs/examples/story.py http://127.0.0.1:8000 --fake edited.jpg --admin KEY --merchant KEY \
        --judge KEY --judge KEY

refund mirrored -> photo reported -> established -> webhook received and verified -> refused with evidence -> appeal ->
overturned by another adjudicator -> integrity reversed -> label in the feedback. The photo must be one that the
service's model calls fake, and the service must let webhooks go to this machine (REFUNDLENS_ALLOW_PRIVATE_WEBHOOKS).
"""

import argparse
import base64
import json
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from standardwebhooks import Webhook

PATIENCE = 30.0
"""Seconds to wait for what the service does by itself."""


class Receiver:
    """Somebody's webhook receiver: keeps what it gets, answers what it is told to."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 200
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                with receiver._lock:
                    receiver.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/hooks"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def verified(self, secret: str) -> list[dict[str, Any]]:
        """Everything received so far, each signature checked by the standardwebhooks library; doubles by id dropped."""
        webhook = Webhook(secret)
        with self._lock:
            got = list(self.got)
        events = {headers["webhook-id"]: webhook.verify(body, headers) for headers, body in got}
        return list(events.values())

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@contextmanager
def receiving() -> Iterator[Receiver]:
    receiver = Receiver()
    try:
        yield receiver
    finally:
        receiver.close()


class Caller:
    """One key's calls."""

    def __init__(self, base: str, key: str) -> None:
        self.http = httpx.Client(base_url=base, headers={"Authorization": f"Bearer {key}"}, timeout=60)

    def get(self, path: str, **query: Any) -> Any:
        answer = self.http.get(path, params=query)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        headers.setdefault("Idempotency-Key", str(uuid.uuid4()))
        answer = self.http.post(path, json={} if body is None else body, headers=headers)
        if answer.is_error:
            raise RuntimeError(f"{path}: {answer.status_code} {answer.text}")
        return answer.json()

    def put(self, path: str, body: Any) -> Any:
        answer = self.http.put(path, json=body)
        if answer.is_error:
            raise RuntimeError(f"{path}: {answer.status_code} {answer.text}")
        return answer.json()


def refund(photo: bytes, buyer: str = "buyer-1", deadline: str | None = None, **more: Any) -> dict[str, Any]:
    """The body of PUT /v1/refunds/{id}."""
    picture = {"name": "claim.jpg", "data": base64.b64encode(photo).decode()}
    return {
        "amount": {"value": 12800, "currency": "CNY"},
        "buyer": buyer,
        "claim": {"type": "hole", "text": "There is a hole in it."},
        "deadline_at": deadline,
        "images": {"refund": [picture]},
        **more,
    }


def until(what: str, look: Any) -> Any:
    """What `look` gives, as soon as that is something."""
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        found = look()
        if found:
            return found
        time.sleep(0.05)
    raise TimeoutError(f"{what} did not come within {PATIENCE:.0f} s")


def play(
    base: str,
    admin: str,
    merchant: str,
    judges: tuple[str, str],
    photo: bytes,
    receiver: Receiver,
    account: str = "shop-1",
) -> dict[str, Any]:
    """The story. account: the merchant's shop. Returns what came of each chapter; raises where it goes another way."""
    platform, shop = Caller(base, admin), Caller(base, merchant)
    first, second = (Caller(base, key) for key in judges)
    refund_id = f"story-{uuid.uuid4().hex[:12]}"
    buyer = f"buyer-{refund_id}"

    endpoint = platform.post("/v1/webhook-endpoints", {"url": receiver.url})
    # the platform mirrors it: what a merchant uploads himself is judged by a person
    mirrored = platform.put(f"/v1/refunds/{refund_id}", refund(photo, buyer, account=account))
    image = mirrored["images"][0]["id"]

    report = shop.post("/v1/reports", {"refund_id": refund_id, "image": image}, Prefer="wait=20")
    path = f"/v1/reports/{report['id']}"
    report = until("the verdict", lambda: _past(shop.get(path), "submitted"))
    assert report["state"] == "established", f"the detector did not call this photo fake: {report['verdict']}"
    assert report["false_accusation_bound"] is not None

    def told() -> set[str]:
        events = receiver.verified(endpoint["secret"])
        return {event["type"] for event in events if event["data"].get("report_id") == report["id"]}

    expected = {"report.submitted", "detection.completed", "report.established", "dispute.outcome_changed"}
    until("the webhooks", lambda: told() >= expected)

    refusal = shop.post(f"{path}/refusal", {"message": "The photo was edited; see the evidence."})
    evidence = shop.http.get(refusal["evidence_url"])
    assert evidence.headers["content-type"] == "image/jpeg" and len(evidence.content) < 130_000

    # the platform passes the buyer's objection on; whoever judges it must not have decided before
    appeal = first.post(f"{path}/appeals", {"grounds": "This is a real photo of a real hole."})
    answer = {
        "decision": "overturn",
        "reason_code": "real_damage_shown",
        "reason": "The hole is in the weave.",
    }
    final = second.post(f"/v1/appeals/{appeal['id']}/decision", answer)
    assert final["state"] == "final_not_established" and final["outcome"] == "buyer_supported"

    until("the last webhooks", lambda: told() >= {"refund.refused", "appeal.opened", "appeal.overturned"})
    integrity = second.get(f"/v1/buyers/{buyer}/integrity")
    labels = [item for item in platform.get("/v1/labels")["items"] if item["report_id"] == report["id"]]
    assert labels and labels[0]["truth"] == "authentic"
    undone = shop.get(path)["refusal"]["undone_at"]
    assert undone is not None
    return {
        "report": report["id"],
        "evidence_bytes": len(evidence.content),
        "webhooks": sorted(told()),
        "integrity": integrity,
        "label": labels[0],
        "timeline": [step["event"] for step in final["timeline"]],
    }


def _past(report: dict[str, Any], state: str) -> dict[str, Any] | None:
    return None if report["state"] == state else report


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("base", help="the service's address")
    parser.add_argument("--fake", type=Path, required=True, help="a photo that its model calls fake")
    parser.add_argument("--admin", required=True)
    parser.add_argument("--merchant", required=True)
    parser.add_argument("--account", default="shop-1", help="the shop that the merchant's key acts for")
    parser.add_argument("--judge", action="append", required=True, help="twice: two people's keys")
    given = parser.parse_args()
    if len(given.judge) != 2:
        parser.error("--judge is needed twice: nobody judges an appeal against their own decision")
    with receiving() as receiver:
        judges = (given.judge[0], given.judge[1])
        told = play(
            given.base, given.admin, given.merchant, judges, given.fake.read_bytes(), receiver, given.account
        )
    json.dump(told, sys.stdout, indent=2, ensure_ascii=False)


if __name__ == "__main__":
    main()
