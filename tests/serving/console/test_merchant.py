"""The merchant's pages without JavaScript: lists, one click, the report's page, its forms; and who sees none of it."""

import base64
import io
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from html import escape, unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from fastapi import FastAPI
from PIL import Image as Picture
from sqlalchemy import select
from starlette.testclient import TestClient

from refundlens.model.detect import Detector
from refundlens.model.texts.reader import Language, flat
from refundlens.serving.app import create_app
from refundlens.serving.demo import refunds
from refundlens.serving.demo.samples import SAMPLES
from refundlens.serving.identity.access import COOKIE
from refundlens.serving.kit.language import texts
from refundlens.serving.settings import Settings
from refundlens.serving.storage.tables import Image, Refund, Report
from refundlens.serving.workflow.states import ReportState

pytestmark = pytest.mark.slow

Photo = Callable[..., bytes]
NASTY = '<script>alert("x")</script>'


class Console:
    """A browser without JavaScript, logged in as somebody, and the API beside it to bring refunds in."""

    def __init__(self, app: FastAPI, key: str, api: TestClient) -> None:
        self.browser = TestClient(app, raise_server_exceptions=False)
        self.browser.headers["accept-language"] = "en"
        answer = self.browser.post("/login", data={"key": key, "next": "/refunds"}, follow_redirects=False)
        assert answer.status_code == 303 and COOKIE in self.browser.cookies
        self.api = api

    def get(self, path: str, status: int = 200) -> str:
        answer = self.browser.get(path)
        assert answer.status_code == status, answer.text[:500]
        return answer.text

    def send(self, page: str, action: str, status: int = 200, **values: Any) -> str:
        """Send a form of a page as a browser would, following the redirect."""
        form = re.search(rf'<form[^>]*action="{re.escape(action)}".*?</form>', page, re.S)
        assert form, f"no form {action}"
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', form[0]))
        answer = self.browser.post(action, data={**hidden, **values})
        assert answer.status_code == status, answer.text[:500]
        self.last = answer
        return answer.text

    def mirror(
        self, number: str, *photos: bytes, listing: bytes | None = None, **more: Any
    ) -> dict[str, Any]:
        images: dict[str, Any] = {"chat": [{"data": base64.b64encode(one).decode()} for one in photos]}
        if listing is not None:
            images["listing"] = [{"data": base64.b64encode(listing).decode()}]
        body = {"amount": {"value": 12800}, "buyer": number, "images": images, **more}
        answer = self.api.put(f"/v1/refunds/{number}", json=body)
        assert answer.status_code in (200, 201), answer.text
        found: dict[str, Any] = answer.json()
        return found


@pytest.fixture
def console(workflow_app: FastAPI, as_caller: Callable[..., TestClient]) -> Console:
    return Console(workflow_app, "key-shop-1", as_caller("shop-1"))


def test_refunds_come_by_deadline_with_words_for_what_is_left(
    console: Console, photo: Photo, moving_clock: Any
) -> None:
    now = moving_clock()
    for number, span in (("R-3d", 72.5), ("R-20h", 20.2), ("R-90m", 1.51), ("R-20m", 0.35), ("R-late", -1.0)):
        console.mirror(number, photo(), deadline_at=(now + timedelta(hours=span)).isoformat())
    console.mirror("R-none", photo())
    page = console.get("/refunds")
    assert re.findall(r'href="/refunds/(R-\w+)"', page) == ["R-20m", "R-90m", "R-20h", "R-3d"]
    for words in ("21 min", "less than 30 minutes left", "1 h 30 min", "less than 2 hours left", "20 h 12 min",
                  "less than 24 hours left", "3 d 0 h", "¥128.00"):  # fmt: skip
        assert words in page, words
    assert re.findall(r'href="/refunds/(R-\w+)"', console.get("/refunds?part=late")) == ["R-late"]
    assert re.findall(r'href="/refunds/(R-\w+)"', console.get("/refunds?part=undated")) == ["R-none"]
    assert 'name="photo"' not in console.get("/refunds?part=late"), "nothing to report once the time is up"
    assert "Refund R-late" in console.get("/refunds?find=R-late")
    assert "不足 30 分钟" in console.get("/refunds?lang=zh")


@pytest.mark.parametrize(
    "wanted", ["R-2", "R-1#2", "R-1?a=b", "../queue", "R-1/complaints", "<b>", "退款", "a\0b"]
)
def test_a_number_that_is_not_there_is_said_on_the_page(console: Console, wanted: str) -> None:
    """A slip of the finger loses nobody the list, and ends at no other page."""
    console.mirror("R-1")
    page = console.get(f"/refunds?{urlencode({'find': wanted, 'lang': 'zh'})}&part=undated")
    shown = escape(wanted.replace("\0", ""))
    assert texts("refunds", "zh")["find_none"].format(number=shown) in page and 'href="/refunds/R-1"' in page
    assert f'name="find" value="{shown}"' in page and "/history?q=" in page
    assert "<h1>退款 R-1</h1>" in console.get("/refunds?find=+R-1+")


def test_an_empty_list_leads_to_the_lists_that_are_not(console: Console, photo: Photo) -> None:
    here = "There are some under"
    assert "No open refund is waiting" in console.get("/refunds") and here not in console.get("/refunds")
    console.mirror("R-none", photo())
    page = console.get("/refunds")
    empty = re.search(r'<p class="empty">.*?</p>', page)
    assert (
        empty and here in empty[0] and 'href="/refunds?part=undated"' in empty[0] and "late" not in empty[0]
    )
    assert "No open refund is waiting" not in page
    assert here not in console.get("/refunds?part=late"), "that nothing is late is good news by itself"


@pytest.mark.parametrize("part", ["open", "undated"])
def test_pages_follow_each_other_without_gaps(
    console: Console, moving_clock: Any, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    monkeypatch.setattr("refundlens.serving.console.merchant.repository.PAGE", 2)
    due = (moving_clock() + timedelta(days=1)).isoformat()
    for number in range(5):
        console.mirror(f"R-{number}", **({"deadline_at": due} if part == "open" else {}))
    path, seen = f"/refunds?part={part}", []
    for _ in range(3):
        page = console.get(path)
        seen += re.findall(r'href="/refunds/(R-\d)"', page)
        following = re.search(r'href="([^"]+)" rel="next"', page)
        path = unescape(following[1]) if following else ""
    assert sorted(seen) == [f"R-{number}" for number in range(5)] and path == ""
    assert console.browser.get("/refunds?cursor=nonsense").status_code == 400


def test_one_button_reports_one_photo_once(console: Console, photo: Photo, workflow_app: FastAPI) -> None:
    console.mirror("R-1", photo(red=True), listing=photo(), claim={"type": "hole", "text": NASTY})
    page = console.get("/refunds/R-1")
    assert page.count("Report fake image") == 1, "the listing's photo has no button"
    assert NASTY not in page and "&lt;script&gt;" in page
    shown = console.send(page, "/refunds/reports", note=NASTY)
    assert "The photo is being checked" in shown and 'hx-trigger="every 2s"' in shown
    assert NASTY not in shown and "&lt;script&gt;" in shown
    where = console.last.url.path
    console.send(page, "/refunds/reports", note=NASTY)
    assert console.last.url.path == where, "the same form again is the same report"
    with workflow_app.state.database.reading() as session:
        assert len(session.execute(select(Report.id)).all()) == 1
    assert "Report fake image" not in console.get("/refunds/R-1")


def test_many_photos_of_many_refunds_in_one_click(
    console: Console, photo: Photo, workflow_app: FastAPI, as_caller: Callable[..., TestClient]
) -> None:
    first = console.mirror("R-1", photo(), photo(red=True))
    second = console.mirror("R-2", photo(size=(64, 64)))
    photos = [image["id"] for image in (*first["images"], *second["images"])]
    page = console.get("/refunds?part=undated")
    assert page.count('type="checkbox" name="photo"') == 3
    assert "No photo was selected" in console.send(page, "/refunds/reports")
    as_caller("shop-1").post("/v1/reports", json={"refund_id": "R-2", "image": photos[2]})
    text = console.send(console.get("/refunds?part=undated"), "/refunds/reports", photo=photos)
    assert "Photos reported: 2." in text and "Photos that could not be reported: 1." in text
    with workflow_app.state.database.reading() as session:
        rows = session.execute(
            select(Report.claim_id, Refund.refund_id).join(Refund, Refund.id == Report.refund_id)
        ).all()
    assert sorted(number for _, number in rows) == ["R-1", "R-1", "R-2"]
    assert len({claim for claim, number in rows if number == "R-1"}) == 1, "one refund's photos are one claim"


def test_a_form_without_its_token_does_nothing(console: Console, photo: Photo, workflow_app: FastAPI) -> None:
    image = console.mirror("R-1", photo())["images"][0]["id"]
    answer = console.browser.post("/refunds/reports", data={"photo": image, "key": "k"})
    assert answer.status_code == 403 and "text/html" in answer.headers["content-type"]
    assert "Go back, load it again" in answer.text
    with workflow_app.state.database.reading() as session:
        assert session.execute(select(Report.id)).first() is None


def test_what_is_another_shops_is_not_there(
    console: Console, photo: Photo, workflow_app: FastAPI, as_caller: Callable[..., TestClient]
) -> None:
    image = console.mirror("R-1", photo())["images"][0]["id"]
    console.send(console.get("/refunds/R-1"), "/refunds/reports")
    report = console.last.url.path
    other = Console(workflow_app, "key-shop-2", as_caller("shop-2"))
    assert "R-1" not in other.get("/refunds?part=undated")
    for path in ("/refunds/R-1", report, f"{report}/state", f"{report}/heat.png",
                 f"{report}/evidence.jpg", f"{report}/place-0.jpg", f"/refunds/photos/{image}/thumb"):  # fmt: skip
        assert "nothing here" in other.get(path, 404), path
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', other.get("/refunds")))
    for path, values in ((f"{report}/withdraw", {}), (f"{report}/appeal", {"grounds": "x"}),
                         (f"{report}/refuse", {}), ("/refunds/reports", {"photo": image}),
                         ("/refunds/R-1/complaints", {"kind": "abuse", "text": "x"})):  # fmt: skip
        answer = other.browser.post(path, data={**hidden, "key": path, **values})
        assert answer.status_code == 404, path
    assert TestClient(workflow_app).get("/refunds", follow_redirects=False).status_code == 303
    assert Console(workflow_app, "key-ann", as_caller("ann")).get("/refunds", 403)


def test_withdraw_and_report_again(console: Console, photo: Photo) -> None:
    console.mirror("R-1", photo())
    page = console.send(console.get("/refunds/R-1"), "/refunds/reports")
    where = console.last.url.path
    assert "/refuse" not in page and "/appeal" not in page, "only what may be done now"
    withdrawn = console.send(page, f"{where}/withdraw")
    assert "You took the report back" in withdrawn and "hx-trigger" not in withdrawn.partition("<main")[2]
    afresh = page.replace('name="key" value="', 'name="key" value="2')
    assert "not possible any more" in console.send(afresh, f"{where}/withdraw", 409)
    again = console.send(console.get("/refunds/R-1"), "/refunds/reports")
    assert "The photo is being checked" in again and console.last.url.path != where


def test_no_news_is_not_sent(console: Console, photo: Photo) -> None:
    console.mirror("R-1", photo())
    page = console.send(console.get("/refunds/R-1"), "/refunds/reports")
    following = re.search(r'hx-get="([^"]+seen=\d+)"', page)
    assert following
    assert console.browser.get(following[1]).status_code == 204
    console.send(page, f"{console.last.url.path}/withdraw")
    assert "You took the report back" in console.get(following[1])


def test_complaints_are_filed_and_shown(console: Console) -> None:
    console.mirror("R-1")
    page = console.get("/refunds/R-1")
    filed = console.send(page, "/refunds/R-1/complaints", kind="empty_return", text=f"Empty. {NASTY}")
    assert "Your complaint was filed" in filed and "Empty parcel came back" in filed
    assert NASTY not in filed
    empty = {"kind": "abuse", "text": ""}
    afresh = page.replace('name="key" value="', 'name="key" value="2')
    text = console.send(afresh, "/refunds/R-1/complaints", 422, **empty)
    assert "missing or too long" in text


def test_thumbnails_are_small_private_and_gone_with_their_photo(
    console: Console, photo: Photo, workflow_app: FastAPI
) -> None:
    turned = Picture.Exif()
    turned[0x0112] = 6
    found = console.mirror("R-1", photo(size=(1200, 800), exif=turned.tobytes()), photo("PNG"))
    for image, size in zip(found["images"], ((213, 320), (320, 240)), strict=True):
        answer = console.browser.get(f"/refunds/photos/{image['id']}/thumb")
        assert Picture.open(io.BytesIO(answer.content)).size == size
        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.headers["cache-control"].startswith("private")
        tag = {"If-None-Match": answer.headers["etag"]}
        assert console.browser.get(f"/refunds/photos/{image['id']}/thumb", headers=tag).status_code == 304
    with workflow_app.state.database.transaction() as session:
        session.get_one(Image, found["images"][0]["id"]).erased_at = workflow_app.state.clock()
    assert console.browser.get(f"/refunds/photos/{found['images'][0]['id']}/thumb").status_code == 410
    page = console.get("/refunds/R-1")
    assert "Photo erased" in page and page.count("Report fake image") == 1


@pytest.fixture
def judged(settings: Settings, detector: Detector) -> Iterator[Console]:
    """A console of a service whose worker judges."""
    keys = "merchant:shop-1:key-shop-1,adjudicator:ann:key-ann"
    app = create_app(Settings(**{**settings.model_dump(), "api_keys": keys}), detector)
    with TestClient(app, headers={"Authorization": "Bearer key-shop-1"}) as api:
        yield Console(app, "key-shop-1", api)


def _verdict(console: Console, *photos: bytes, **more: Any) -> str:
    """The path of the report on the first photo, once it is judged."""
    image = console.mirror("R-1", *photos, **more)["images"][0]["id"]
    body = {"refund_id": "R-1", "image": image}
    headers = {"Idempotency-Key": "1", "Prefer": "wait=20"}
    answer = console.api.post("/v1/reports", json=body, headers=headers)
    assert answer.json()["state"] != "submitted"
    return f"/reports/{answer.json()['id']}"


def test_a_fake_is_told_shown_and_refused_with_its_evidence(judged: Console, photo: Photo) -> None:
    where = _verdict(judged, photo(red=True), listing=photo())
    page = judged.get(where)
    assert "<h1>Established: this photo is fake</h1>" in page
    order = [page.index(words) for words in ("Established: this", ">Why<", ">How sure<", ">Timeline<")]
    assert order == sorted(order), "words first, then why, then how sure"
    assert '<rect class="region"' in page and "95% confidence" in page and "the model&#39;s estimate" in page
    assert "/appeal" not in page and "/withdraw" not in page
    pictures = set(re.findall(rf'(?:href|src)="({where}/[\w.-]+|/refunds/photos/\w+/view)"', page))
    assert {f"{where}/heat.png", f"{where}/place-0.jpg", f"{where}/evidence.jpg"} <= pictures
    for path in pictures:
        answer = judged.browser.get(path)
        assert answer.status_code == 200 and Picture.open(io.BytesIO(answer.content)).size > (1, 1), path
    evidence = judged.browser.get(f"{where}/evidence.jpg").content
    assert len(evidence) < 130_000
    after = judged.send(page, f"{where}/refuse", message=f"No. {NASTY}")
    assert "You refused the refund on this ground" in after and NASTY not in after
    assert f"{where}/refuse" not in after
    sent = judged.browser.get(f"{where}/evidence.jpg?download=1")
    assert sent.content == evidence and "attachment" in sent.headers["content-disposition"]


def test_a_genuine_photo_may_be_appealed(judged: Console, photo: Photo) -> None:
    where = _verdict(judged, photo())
    judged.browser.get("/refunds?lang=zh")
    page = judged.get(where)
    assert "不成立" in page and f"{where}/refuse" not in page
    appealed = judged.send(page, f"{where}/appeal", grounds=f"看边缘 {NASTY}")
    assert "申诉中" in appealed and "看边缘" in appealed and NASTY not in appealed
    assert 'hx-trigger="every 10s"' in appealed, "a person takes longer"


def test_pages_load_nothing_from_elsewhere_and_no_inline_code(judged: Console, photo: Photo) -> None:
    where = _verdict(judged, photo(red=True), listing=photo(), deadline_at="2099-01-01T00:00:00Z")
    for path in ("/refunds", "/refunds/R-1", where):
        page = judged.get(path)
        assert len(page) < 100_000
        links = re.sub(r'href="http://[^"]*/track/[^"]*"', "", page)
        assert not re.search(r"""(src|href|action)=["']?(https?:)?//""", links)
        assert not re.search(r"<script(?![^>]*src=)|\sstyle=|\son\w+=", page), "the policy would block it"
        for text in re.findall(
            r"<(?:textarea|select|input)(?![^>]*type=\"(?:hidden|checkbox|radio|range)\")[^>]*>", page
        ):
            name = re.search(r'id="([^"]+)"', text)
            assert "find" in text or (name and f'for="{name[1]}"' in page), f"no label: {text}"


def test_the_demo_opens_on_refunds_to_click(
    bundle: Path, detector: Detector, tmp_path: Path, photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = {sample.slug: (64 + number, 64) for number, sample in enumerate(SAMPLES)}
    monkeypatch.setattr(
        "refundlens.serving.demo.samples.draw_sample", lambda sample: photo(size=sizes[sample.slug])
    )
    monkeypatch.setattr(refunds, "listing", lambda sample: photo("PNG", size=sizes[sample.slug]))
    settings = Settings(bundle=bundle, data_dir=tmp_path / "var", workers=1, worker=False)
    app = create_app(settings, detector)
    app.state.samples.prepare()
    for _ in range(2):  # as a service that starts again
        refunds.mirror_samples(app.state)
    with app.state.database.reading() as session:
        rows = session.execute(select(Refund).order_by(Refund.deadline_at)).scalars().all()
    assert len(rows) == len(SAMPLES)
    spans = [row.deadline_at - app.state.clock() for row in rows if row.deadline_at]
    assert spans[0] < timedelta(minutes=30) and spans[-1] > timedelta(days=2)
    browser = TestClient(app, headers={"Accept-Language": "en"})
    assert 'href="/refunds"' in browser.get("/").text
    fresh = TestClient(app, headers={"Accept-Language": "en"})
    page = fresh.get("/refunds")
    assert page.status_code == 200 and "DEMO-001" in page.text, "nobody has to log in"
    _report_one_and_let_time_pass(app, fresh, page.text)


def _report_one_and_let_time_pass(app: FastAPI, browser: TestClient, page: str) -> None:
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page))
    image = re.search(r'name="photo" value="(\w+)"', page)
    assert image and browser.post("/refunds/reports", data={**hidden, "photo": image[1]}).status_code == 200
    later = app.state.clock() + timedelta(days=40)
    app.state.clock = lambda: later
    refunds.mirror_samples(app.state)
    with app.state.database.reading() as session:
        reported = session.execute(select(Report.refund_id)).scalar_one()
        rows = session.execute(select(Refund)).scalars().all()
    for row in rows:
        assert row.deadline_at is not None
        assert (row.deadline_at > later) == (row.id != reported), "time anew, but not where somebody clicked"
    with app.state.database.reading() as session:
        states = set(session.execute(select(Report.state)).scalars())
    assert states == {ReportState.SUBMITTED.value}


def test_the_quick_check_stores_nothing_unless_asked(
    bundle: Path, detector: Detector, tmp_path: Path, photo: Photo
) -> None:
    settings = Settings(bundle=bundle, data_dir=tmp_path / "var", workers=1, worker=False)
    app = create_app(settings, detector)
    browser = TestClient(app, headers={"Accept-Language": "en"})
    assert "Nothing is stored" in browser.get("/").text
    files = [
        ("image", ("a.jpg", photo(red=True))),
        ("image", ("b.jpg", photo())),
        ("image", ("c.jpg", b"no")),
    ]
    before = _files(settings.data_dir)
    answer = browser.post("/check", files=files)
    assert answer.status_code == 200 and answer.text.count('<section class="result ') == 3
    assert "a.jpg" in answer.text and "b.jpg" in answer.text and "/v1/detections/" not in answer.text
    assert _files(settings.data_dir) == before
    kept = browser.post("/check?keep=1", files=files[:1])
    address = re.search(r"/v1/detections/det_\w+", kept.text)
    assert address and browser.get(address[0]).status_code == 200
    assert len(_files(settings.data_dir)) > len(before)


def _files(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if path.is_file() and "refundlens.db" not in path.name}


def _flat(area: str, language: Language) -> dict[str, str]:
    return flat(texts(area, language))
