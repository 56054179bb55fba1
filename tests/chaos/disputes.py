"""The load: shops, buyers and two adjudicators, each dispute by itself from its refund to wherever it goes.

In: a client and chance. Out: requests, until told to stop; a dispute that was begun is played to its end.
"""

import base64
import io
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Literal

import numpy as np
from PIL import Image

from tests.chaos.client import Answered, Asked, Client, Memory, key_of

Look = Literal["fake", "authentic", "doubtful"]
LOOKS: dict[Look, tuple[int, int]] = {"fake": (240, 120), "authentic": (240, 0), "doubtful": (64, 24)}
"""Side of a photo in pixels, and how many of its rows are red: so that the tiny bundle says so. 64 pixels are too few
to say anything."""
BUYERS = 20
"""Few enough that their records get several lines."""
DOUBLE_CLICKS = 0.2
"""Share of the requests that are sent twice at once."""
PATIENCE = 20.0
"""Seconds a dispute waits for a verdict before it goes on without one."""
ORDINARY = frozenset(
    {"transition_not_allowed", "appeal_too_late", "already_refused", "refund_deadline_passed", "refund_closed",
     "not_screened", "same_judge"}
)  # fmt: skip
"""Refusals that may come when a clock was faster than a person. Any other 4xx is evidence."""
ADMIN, SHOPS, JUDGES = "admin", ("shop-1", "shop-2"), ("ann", "bob")
KEYS = ",".join(
    [f"admin:{ADMIN}:{key_of(ADMIN)}"]
    + [f"merchant:{name}:{key_of(name)}" for name in SHOPS]
    + [f"adjudicator:{name}:{key_of(name)}" for name in JUDGES]
)


def photo(look: Look, chance: Random) -> bytes:
    """A small JPEG that no other equals."""
    side, red = LOOKS[look]
    pixels = np.random.default_rng(chance.getrandbits(63)).integers(90, 160, (side, side, 3)).astype(np.uint8)
    pixels[:red] = (250, 10, 10)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    return file.getvalue()


class Disputes:
    """One thread's disputes, one after another."""

    def __init__(self, client: Client, memory: Memory, chance: Random) -> None:
        self._client, self._memory, self._chance = client, memory, chance

    def play(self, stop: Callable[[], bool]) -> None:
        """Until told to stop, or the service stays away."""
        while not stop():
            try:
                self._one()
            except TimeoutError:
                return  # the memory has it as a fault

    def _one(self) -> None:
        chance = self._chance
        shop = chance.choice(SHOPS)
        refund_id = f"r-{uuid.UUID(int=chance.getrandbits(128)).hex}"
        refund = self._refund()
        mirrored = self._ask(shop, "PUT", f"/v1/refunds/{refund_id}", refund)
        if not mirrored.good:
            return
        images = [image["id"] for image in mirrored.body["images"]]
        wanted = images if chance.random() < 0.5 else images[0]
        made = self._ask(shop, "POST", "/v1/reports", {"refund_id": refund_id, "image": wanted})
        if not made.good:
            return
        reports = made.body.get("items", [made.body])
        for report in reports:
            self._follow(shop, report["id"])
        if chance.random() < 0.15:
            self._ask(shop, "PUT", f"/v1/refunds/{refund_id}", {**refund, "status": "closed", "images": {}})

    def _refund(self) -> dict[str, Any]:
        chance = self._chance
        looks: list[Look] = chance.choices(
            ("fake", "authentic", "doubtful"), (4, 2, 4), k=chance.choice((1, 1, 2))
        )
        photos = [{"name": "a.jpg", "data": base64.b64encode(photo(look, chance)).decode()} for look in looks]
        span = chance.choice((timedelta(seconds=2), timedelta(hours=1), timedelta(hours=30), None))
        deadline = None if span is None else (datetime.now(UTC) + span).isoformat()
        return {
            "amount": {"value": chance.randint(100, 99_999), "currency": "CNY"},
            "buyer": f"buyer-{chance.randrange(BUYERS)}",
            "claim": {"type": "hole", "text": "There is a hole in it."},
            "deadline_at": deadline,
            "images": {"refund": photos},
        }

    def _follow(self, shop: str, report: str) -> None:
        """What people do with a report, by its state."""
        if self._chance.random() < 0.1:
            self._ask(shop, "POST", f"/v1/reports/{report}/withdraw")
        state = self._state(shop, report)
        if state == "needs_review":
            state = self._review(shop, report)
        if state == "established":
            if self._chance.random() < 0.5:
                self._ask(shop, "POST", f"/v1/reports/{report}/refusal", {"message": "It was edited."})
            self._maybe_appeal(JUDGES[0], report)
        elif state == "not_established":
            self._maybe_appeal(shop, report)

    def _review(self, shop: str, report: str) -> str:
        choice = self._chance.random()
        if choice < 0.15:
            self._ask(shop, "POST", f"/v1/reports/{report}/withdraw")
        elif choice < 0.9:
            if choice < 0.3:
                wish = {"wish": "close_up", "message": "Closer, please."}
                self._ask(JUDGES[0], "POST", f"/v1/reports/{report}/photo-requests", wish)
            decision = self._chance.choice(("established", "not_established"))
            body = {"decision": decision, "reason_code": "other", "reason": "As far as can be seen."}
            self._ask(JUDGES[0], "POST", f"/v1/reports/{report}/decision", body)
        return self._state(shop, report)

    def _maybe_appeal(self, who: str, report: str) -> None:
        if self._chance.random() < 0.4:
            return
        appeal = self._ask(who, "POST", f"/v1/reports/{report}/appeals", {"grounds": "Look again, please."})
        if appeal.good and self._chance.random() < 0.8:
            decision = self._chance.choice(("uphold", "overturn"))
            body = {"decision": decision, "reason_code": "other", "reason": "Looked at it again."}
            self._ask(JUDGES[1], "POST", f"/v1/appeals/{appeal.body['id']}/decision", body)

    def _state(self, shop: str, report: str) -> str:
        """Once the detector has spoken."""
        ends = time.monotonic() + PATIENCE
        while True:
            told = self._client.ask(Asked(shop, "GET", f"/v1/reports/{report}"))
            state = str(told.body.get("state"))
            if state != "submitted" or time.monotonic() > ends:
                return state
            time.sleep(0.03)

    def _ask(self, who: str, method: str, path: str, body: Any = None) -> Answered:
        """POSTs get a key of their own; some are clicked twice."""
        key = str(uuid.UUID(int=self._chance.getrandbits(128))) if method == "POST" else None
        asked = Asked(who, method, path, {} if body is None else body, key)
        twice = self._chance.random() < DOUBLE_CLICKS
        told = self._client.ask_twice(asked) if twice else self._client.ask(asked)
        if not told.good and told.code not in ORDINARY:
            self._memory.fault(f"{method} {path} was answered {told.status} {told.code}: {told.body}")
        return told
