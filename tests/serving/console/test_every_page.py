"""Every page that there is, as somebody sees it who may: it fits a phone and a desktop, axe finds nothing serious,
nothing breaks in its script, and its frame leaves the screen to it.

The routes say which pages there are: one that is added without a line here fails the test.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fastapi.routing import APIRoute

from refundlens.model.detect import Detector
from refundlens.serving.reports.held import UNDO
from refundlens.serving.settings import Settings
from tests.serving.console.test_versions import LOG, _report, _send
from tests.support.browser import NEEDED, WAYS, Person
from tests.support.desk import Desk
from tests.support.tiny import save_bundle

pytestmark = NEEDED

NO_PAGES = ("/openapi.json", "/badge", "/welcome", "/login/openid", "/login/openid/back", "/queue/next")
"""GET of what people do not look at: parts of pages, and ways to another page."""
FILES = (".jpg", ".png", ".csv", ".jsonl", "/state", "/{size}", "/{kind}", "/files/{file_id}")
LONGEST = "W" * 64
"""Of the longest numbers a refund can have, the widest, which no line can be broken in: it is on every list."""
FRAME = 0.27
"""Share of a phone's screen that the console's frame may take."""


@dataclass(frozen=True)
class Place:
    """path: of a page, with what stands in its places. who: whose key opens it; nobody's: empty."""

    route: str
    path: str
    who: str


@pytest.fixture
def places(
    serve: Callable[[Settings], Any],
    live_settings: Settings,
    story: ModuleType,
    photo: Callable[..., bytes],
    detector: Detector,
    tmp_path: Path,
) -> tuple[Any, list[Place]]:
    """A service with something on each page, and all its pages."""
    live = serve(live_settings)
    shop, ann, admin = (story.Caller(live.base, live.key(name)) for name in ("shop-1", "ann", "admin"))

    def reported(number: str, content: bytes) -> str:
        image = shop.put(f"/v1/refunds/{number}", story.refund(content))["images"][0]["id"]
        made = shop.post("/v1/reports", {"refund_id": number, "image": image}, Prefer="wait=20")
        return str(made["id"])

    doubtful, fake = reported("page-1", photo("GIF")), reported("page-2", photo(red=True))
    endless = story.refund(photo("GIF", size=(200, 300))) | {"claim": {"type": "stain", "text": "污" * 900}}
    image = shop.put(f"/v1/refunds/{LONGEST}", endless)["images"][0]["id"]
    shop.post("/v1/reports", {"refund_id": LONGEST, "image": image, "note": "A" * 900}, Prefer="wait=20")
    story.until("verdict", lambda: ann.get(f"/v1/reports/{fake}")["state"] == "established")
    decided = reported("page-3", photo("GIF", size=(300, 200)))
    ann.post(
        f"/v1/reports/{decided}/decision",
        {"decision": "not_established", "reason_code": "no_trace", "reason": "-"},
    )
    live.clock.now += UNDO
    link = ann.get(f"/v1/reports/{fake}")["track_urls"]["buyer"].removeprefix("buyer:")
    ann.http.post(
        f"{link}/appeal", data={"grounds": "It is torn."}, files={"file": ("a.pdf", b"%PDF-1.7")}
    ).raise_for_status()
    appeal = ann.get("/v1/appeals")["items"][0]["id"]
    kept = {"refund_id": "page-1", "kind": "other", "text": "The photo came twice."}
    complaint = shop.post("/v1/complaints", kept)["id"]
    endpoint = admin.post("/v1/webhook-endpoints", {"url": "http://127.0.0.1:9/hook"})["id"]
    admin.post(f"/v1/webhook-endpoints/{endpoint}/test", {})
    delivery = admin.get("/v1/webhook-deliveries")["items"][0]["id"]
    buyer = admin.get("/v1/refunds/page-2")["buyer"].removeprefix("buyer:")
    eve = Desk(live.app, "eve")
    bundle = save_bundle(tmp_path / "new.onnx", version="0.0.3")
    _send(eve, "new.onnx", bundle.read_bytes())
    running = f"{detector.name.name}-{detector.name.version}"
    _send(eve, "report.json", _report(detector.name.sha256), running)
    _send(eve, "training.jsonl", LOG.read_bytes(), running)
    found = [
        ("/refunds", "", "shop-1"), ("/refunds/{refund_id}", "/refunds/page-1", "shop-1"), ("/new-case", "", "shop-1"),
        ("/reports/{id}", f"/reports/{fake}", "shop-1"), ("/history", "", "shop-1"), ("/statistics", "", "shop-1"),
        ("/notifications", "", "shop-1"), ("/password", "", "shop-1"),
        ("/queue", "", "ann"), ("/queue/{report_id}", f"/queue/{doubtful}", "ann"), ("/queue/mine", "", "ann"),
        ("/appeals", "", "ann"), ("/appeals/{appeal_id}", f"/appeals/{appeal}", "bob"),
        ("/models", "", "eve"), ("/models/compare", f"/models/compare?first={running}", "eve"),
        ("/admin", "", "admin"), ("/admin/keys", "", "admin"), ("/admin/webhooks", "", "admin"),
        ("/admin/webhooks/{endpoint_id}", f"/admin/webhooks/{endpoint}", "admin"),
        ("/admin/webhooks/deliveries/{delivery_id}", f"/admin/webhooks/deliveries/{delivery}", "admin"),
        ("/admin/audit", "", "admin"), ("/admin/buyers", "", "admin"),
        ("/admin/buyers/{buyer}", f"/admin/buyers/{buyer}", "admin"), ("/admin/settings", "", "admin"),
        ("/admin/health", "", "admin"), ("/complaints", "", "admin"),
        ("/complaints/{complaint_id}", f"/complaints/{complaint}", "admin"),
        ("/", "", ""), ("/fake", "", ""), ("/login", "", ""), ("/developers", "", ""),
        ("/developers/reference", "", ""), ("/developers/reference/{name}", "/developers/reference/detect", ""),
        ("/developers/webhooks", "", ""), ("/track/{token}", link, ""), ("/glossary", "", ""),
    ]  # fmt: skip
    return live, [Place(route, path or route, who) for route, path, who in found]


def _pages(routes: Any) -> Iterator[str]:
    for route in routes:
        inner = getattr(route, "original_router", route)
        if not isinstance(route, APIRoute):
            yield from _pages(getattr(inner, "routes", ()))
        elif "GET" in route.methods and not route.include_in_schema:
            yield route.path


@pytest.mark.parametrize("way", ["zh, desktop", "en, phone"])
def test_every_page_is_fit_to_be_seen(browser: Any, places: tuple[Any, list[Place]], way: str) -> None:
    live, known = places
    there = {path for path in _pages(live.app.routes) if not path.endswith(FILES)} - set(NO_PAGES) - {"/fake"}
    assert there <= {one.route for one in known}, "a page that is new: say above how it is reached"
    for who in dict.fromkeys(one.who for one in known):
        person = Person.at(browser, live.base, way)
        if who:
            person.log_in(live.key(who), "/password")
        for one in known:
            if one.who != who:
                continue
            answer = person.page.goto(live.base + one.path)
            assert answer.ok, (one.path, answer.status)
            person.look(one.path)
            frame = person.page.locator("body > header").bounding_box()
            assert frame["height"] <= FRAME * WAYS[way]["viewport"]["height"], (one.path, frame)  # type: ignore[index]
        assert person.troubles == [], who
        person.page.context.close()
