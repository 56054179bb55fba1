"""A merchant cannot get a buyer into the record alone. The story played, and what each pack says of the photo."""

import base64
import io
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import numpy as np
import pypdfium2
import pytest
from fastapi import FastAPI
from PIL import Image as PillowImage
from PIL import ImageDraw
from starlette.testclient import TestClient

from refundlens.model.detect import Detector
from refundlens.model.verdict.texts import LANGUAGES, Language
from refundlens.serving.app import create_app
from refundlens.serving.drawing.picture import LINE, MARGIN
from refundlens.serving.drawing.text import chinese_font, font
from refundlens.serving.settings import Settings

pytestmark = pytest.mark.slow

KEYS = (
    "platform:taobao",
    "merchant:shop-1",
    "adjudicator:ann",
    "adjudicator:bob",
    "engineer:eve",
    "admin:root",
)
PATIENCE = 30


@pytest.fixture
def market(settings: Settings, detector: Detector, moving_clock: Any) -> Iterator[FastAPI]:
    """A marketplace with a worker, on a clock that the test moves."""
    yield from _service(settings, detector, moving_clock, False)


def _service(settings: Settings, detector: Detector, clock: Any, single: bool) -> Iterator[FastAPI]:
    keys = ",".join(f"{key}:key-{key.partition(':')[2]}" for key in KEYS)
    given = settings.model_dump() | {"api_keys": keys, "single_merchant": single}
    app = create_app(Settings(**given), detector, clock)
    with TestClient(app) as client:
        app.state.test_client = client
        yield app


class _Caller:
    def __init__(self, app: FastAPI, name: str) -> None:
        self._client: TestClient = app.state.test_client
        self._key = {"Authorization": f"Bearer key-{name}"}

    def __call__(
        self, method: str, path: str, body: Any = None, status: int | None = None, language: Language = "en"
    ) -> Any:
        headers = self._key | {"Accept-Language": language}
        if method == "POST":
            headers["Idempotency-Key"] = f"{time.monotonic_ns()}"
        answer: httpx.Response = self._client.request(method, path, json=body, headers=headers)
        assert answer.status_code == status if status else answer.is_success, answer.text
        return answer.json() if "json" in answer.headers.get("content-type", "") else answer.content


def _refund(photo: bytes, **more: Any) -> dict[str, Any]:
    data = base64.b64encode(photo).decode()
    body = {
        "amount": {"value": 100},
        "buyer": "victim",
        "images": {"refund": [{"name": "a.jpg", "data": data}]},
    }
    return body | more


def _reported(app: FastAPI, refund_id: str, image: str) -> Any:
    made = _Caller(app, "shop-1")("POST", "/v1/reports", {"refund_id": refund_id, "image": image})
    return _when(
        lambda: _Caller(app, "ann")("GET", f"/v1/reports/{made['id']}"),
        lambda one: one["state"] != "submitted",
    )


def _when(look: Callable[[], Any], holds: Callable[[Any], bool]) -> Any:
    ends = time.monotonic() + PATIENCE
    while not holds(found := look()):
        assert time.monotonic() < ends, found
        time.sleep(0.05)
    return found


def _record(app: FastAPI) -> Any:
    return _Caller(app, "ann")("GET", "/v1/buyers/victim/integrity")


def _packs(app: FastAPI, report: str) -> dict[str, Any]:
    ask = _Caller(app, "shop-1")
    return {form: ask("GET", f"/v1/reports/{report}/evidence.{form}") for form in ("json", "pdf", "jpg")}


def _text_of(pdf: bytes) -> str:
    """Of all pages, without spaces."""
    with pypdfium2.PdfDocument(pdf) as document:
        return "".join("".join(page.get_textpage().get_text_range().split()) for page in document)


def test_a_merchant_cannot_get_a_buyer_into_the_record_alone(
    market: FastAPI, photo: Callable[..., bytes], moving_clock: Any
) -> None:
    """He mirrors a refund, uploads a fake of his own, reports it; and even when a person falls for it, and nobody
    appeals, the buyer's record stays empty."""
    shop, ann = _Caller(market, "shop-1"), _Caller(market, "ann")
    [image] = shop("PUT", "/v1/refunds/r1", _refund(photo(red=True)))["images"]
    assert image["supplied_by"] == "merchant"
    report = _reported(market, "r1", image["id"])
    assert (report["state"], report["verdict"]) == ("needs_review", "fake")
    assert report["review_reason"] == "supplied_by_accuser" and report["image"]["supplied_by"] == "merchant"
    packs = _packs(market, report["id"])
    assert packs["json"]["evidence"]["photo"]["supplied_by"] == "merchant"
    assert "Photosuppliedby:themerchant,whoreportedit." in _text_of(packs["pdf"])

    decision = {"decision": "established", "reason_code": "edit_visible", "reason": "It looks edited."}
    assert ann("POST", f"/v1/reports/{report['id']}/decision", decision)["state"] == "established"
    moving_clock.forward(hours=80)
    _when(lambda: ann("GET", f"/v1/reports/{report['id']}"), lambda one: one["state"] == "final_established")
    assert (_record(market)["score"], _record(market)["counts"]["final_established"]) == (100, 0)


def test_nor_by_naming_the_victim_for_a_photo_that_somebody_else_sent(
    market: FastAPI, photo: Callable[..., bytes], moving_clock: Any
) -> None:
    """He mirrors another buyer's refund under the victim's name. The real buyer, asked for a photo, sends a fake: it is
    the buyer's, the detector establishes it, and it is final; but nobody except the shop says whose refund it was."""
    shop, ann = _Caller(market, "shop-1"), _Caller(market, "ann")
    [image] = shop("PUT", "/v1/refunds/r1", _refund(photo(red=True)))["images"]
    report = _reported(market, "r1", image["id"])
    wish = {"wish": "close_up", "message": "Closer, please."}
    ann("POST", f"/v1/reports/{report['id']}/photo-requests", wish)
    link = httpx.URL(ann("GET", f"/v1/reports/{report['id']}")["track_urls"]["buyer"]).path
    sent = market.state.test_client.post(
        f"{link}/photos", content=photo(red=True, size=(400, 300)), headers={"Content-Type": "image/jpeg"}
    )
    assert sent.status_code == 201, sent.text
    [theirs] = [one for one in shop("GET", "/v1/refunds/r1")["images"] if one["supplied_by"] == "buyer"]
    second = _reported(market, "r1", theirs["id"])
    assert (second["state"], second["image"]["supplied_by"]) == ("established", "buyer")
    packs = _packs(market, second["id"])
    assert packs["json"]["evidence"]["photo"]["supplied_by"] == "buyer"
    assert "Photosuppliedby:thebuyer" in _text_of(packs["pdf"])
    moving_clock.forward(hours=80)
    _when(lambda: ann("GET", f"/v1/reports/{second['id']}"), lambda one: one["state"] == "final_established")
    assert (_record(market)["score"], _record(market)["counts"]["final_established"]) == (100, 0)


def test_the_same_photo_from_the_platform_is_judged_and_counts(
    market: FastAPI, photo: Callable[..., bytes], moving_clock: Any
) -> None:
    ann, platform = _Caller(market, "ann"), _Caller(market, "taobao")
    [image] = platform("PUT", "/v1/refunds/r1", _refund(photo(red=True), account="shop-1"))["images"]
    assert image["supplied_by"] == "platform"
    report = _reported(market, "r1", image["id"])
    assert (report["state"], report["review_reason"]) == ("established", None)
    packs = _packs(market, report["id"])
    assert packs["json"]["evidence"]["photo"]["supplied_by"] == "platform"
    assert "Photosuppliedby:theplatform." in _text_of(packs["pdf"])
    moving_clock.forward(hours=80)
    _when(lambda: ann("GET", f"/v1/reports/{report['id']}"), lambda one: one["state"] == "final_established")
    assert _record(market)["counts"]["final_established"] == 1


def test_an_honest_looking_upload_settles_nothing_either(
    market: FastAPI, photo: Callable[..., bytes]
) -> None:
    [image] = _Caller(market, "shop-1")("PUT", "/v1/refunds/r1", _refund(photo()))["images"]
    report = _reported(market, "r1", image["id"])
    assert (report["state"], report["verdict"]) == ("needs_review", "authentic")


def test_a_merchants_fake_does_not_help_against_the_buyers_photo(
    market: FastAPI, photo: Callable[..., bytes]
) -> None:
    """Judged together, his own upload would lend its suspicion to what the buyer sent."""
    platform, shop = _Caller(market, "taobao"), _Caller(market, "shop-1")
    [real] = platform("PUT", "/v1/refunds/r1", _refund(photo(), account="shop-1"))["images"]
    images = shop("PUT", "/v1/refunds/r1", _refund(photo(red=True)))["images"]
    forged = next(one["id"] for one in images if one["id"] != real["id"])
    made = shop("POST", "/v1/reports", {"refund_id": "r1", "image": [real["id"], forged]})["items"]
    ends = [
        _when(
            lambda key=one["id"]: shop("GET", f"/v1/reports/{key}"),
            lambda found: found["state"] != "submitted",
        )
        for one in made
    ]
    states = {one["image"]["id"]: one["state"] for one in ends}
    assert states == {real["id"]: "not_established", forged: "needs_review"}


def test_what_the_platform_sends_later_becomes_the_platforms(
    market: FastAPI, photo: Callable[..., bytes]
) -> None:
    """Whoever uploads first does not keep a photo from being the buyer's."""
    body = _refund(photo(red=True))
    _Caller(market, "shop-1")("PUT", "/v1/refunds/r1", body)
    [image] = _Caller(market, "taobao")("PUT", "/v1/refunds/r1", body | {"account": "shop-1"})["images"]
    assert image["supplied_by"] == "platform"
    again = _Caller(market, "shop-1")("PUT", "/v1/refunds/r1", body)["images"]
    assert again[0]["supplied_by"] == "platform", "and nobody takes it back"
    assert _reported(market, "r1", image["id"])["state"] == "established"


def test_who_holds_an_administrators_key_is_no_platform_against_himself(
    market: FastAPI, photo: Callable[..., bytes]
) -> None:
    root = _Caller(market, "root")
    [image] = root("PUT", "/v1/refunds/r1", _refund(photo(red=True), account="shop-1"))["images"]
    made = root("POST", "/v1/reports", {"refund_id": "r1", "image": image["id"]})
    report = _when(lambda: root("GET", f"/v1/reports/{made['id']}"), lambda one: one["state"] != "submitted")
    assert (report["state"], report["review_reason"]) == ("needs_review", "supplied_by_accuser")


def test_an_installation_of_ones_own_judges_its_own_uploads(
    settings: Settings, detector: Detector, moving_clock: Any, photo: Callable[..., bytes]
) -> None:
    for app in _service(settings, detector, moving_clock, True):
        [image] = _Caller(app, "shop-1")("PUT", "/v1/refunds/r1", _refund(photo(red=True)))["images"]
        assert image["supplied_by"] == "merchant", "recorded all the same"
        report = _reported(app, "r1", image["id"])
        assert report["state"] == "established"
        assert _packs(app, report["id"])["json"]["evidence"]["photo"]["supplied_by"] == "merchant"


FACTS_SIZE, INK, NOISE = 22, 28, 6.0
"""Of the facts' lines in the picture: pixels, grey, and by how many levels JPEG changes them in the mean."""
SAID: dict[str, dict[Language, str]] = {
    "platform": {"en": "Photo supplied by: the platform.", "zh": "图片提供方：平台。"},
    "buyer": {
        "en": "Photo supplied by: the buyer, through the status link.",
        "zh": "图片提供方：买家（通过进度链接）。",
    },
    "merchant": {
        "en": "Photo supplied by: the merchant, who reported it.",
        "zh": "图片提供方：举报的商家自己。",
    },
}


def _sent_by(app: FastAPI, supplier: str, photo: bytes) -> Any:
    """A report on a photo that the platform, the merchant or the buyer sent."""
    shop, ann = _Caller(app, "shop-1"), _Caller(app, "ann")
    mirror = _Caller(app, "taobao") if supplier == "platform" else shop
    [image] = mirror("PUT", "/v1/refunds/r1", _refund(photo, account="shop-1"))["images"]
    report = _reported(app, "r1", image["id"])
    if supplier != "buyer":
        return report
    wish = {"wish": "close_up", "message": "Closer, please."}
    ann("POST", f"/v1/reports/{report['id']}/photo-requests", wish)
    link = httpx.URL(ann("GET", f"/v1/reports/{report['id']}")["track_urls"]["buyer"]).path
    jpeg = {"Content-Type": "image/jpeg"}
    app.state.test_client.post(f"{link}/photos", content=photo + b"\0", headers=jpeg)
    [theirs] = [one for one in shop("GET", "/v1/refunds/r1")["images"] if one["supplied_by"] == "buyer"]
    return _reported(app, "r1", theirs["id"])


def _says(jpeg: bytes, text: str) -> bool:
    """Whether the line stands in the picture, at its left edge: pixels alike but for JPEG's own noise."""
    face = font(FACTS_SIZE)
    paper = PillowImage.new("L", (round(face.getlength(text)), round(FACTS_SIZE * LINE)), 255)
    ImageDraw.Draw(paper).text((0, 0), text, INK, face)
    wanted = np.asarray(paper, np.float32)
    page = np.asarray(PillowImage.open(io.BytesIO(jpeg)).convert("L"), np.float32)
    height, width = wanted.shape
    rows = (page[top : top + height, MARGIN : MARGIN + width] for top in range(page.shape[0] - height))
    return min(float(np.abs(row - wanted).mean()) for row in rows) < NOISE


@pytest.mark.skipif(chinese_font() is None, reason="no font with Chinese here; install fonts-noto-cjk")
@pytest.mark.parametrize("supplier", SAID)
def test_every_pack_says_who_sent_the_photo(
    market: FastAPI, photo: Callable[..., bytes], supplier: str
) -> None:
    """JSON, PDF and JPEG, of the report and of its detection, in both languages, whoever reads."""
    report = _sent_by(market, supplier, photo(red=True))
    detection = _Caller(market, "ann")("GET", f"/v1/reports/{report['id']}")["detection_id"]
    for reader in ("shop-1", "ann", "root", "eve"):
        for path in (f"/v1/reports/{report['id']}", f"/v1/detections/{detection}"):
            if reader == "eve" and "reports" in path:
                continue  # engineers see no reports
            ask = _Caller(market, reader)
            assert ask("GET", f"{path}/evidence.json")["evidence"]["photo"]["supplied_by"] == supplier
            for language in LANGUAGES:
                jpeg = ask("GET", f"{path}/evidence.jpg", language=language)
                told = [who for who in SAID if _says(jpeg, SAID[who][language])]
                assert told == [supplier], (reader, path, language)
                pdf = _text_of(ask("GET", f"{path}/evidence.pdf", language=language))
                assert "".join(SAID[supplier][language].split()) in pdf, (reader, path, language)
