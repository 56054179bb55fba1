"""A picture that was used in another claim is found, told of, shown side by side, and forgotten with its photo."""

import base64
import hashlib
import json
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient
from typer.testing import CliRunner

from refundlens.model.compare.prints import take_print
from refundlens.serving.buyers.erasure import erase
from refundlens.serving.cli.main import app
from refundlens.serving.identity.tenants import DEFAULT, open_database
from refundlens.serving.kit.clock import utc_now
from refundlens.serving.kit.ids import make_id
from refundlens.serving.kit.roles import SYSTEM
from refundlens.serving.reuse import catalogue, telling
from refundlens.serving.reuse.catalogue import Filled, count_photos, fill_prints, print_of
from refundlens.serving.reuse.finder import Finder
from refundlens.serving.settings import Settings
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.files import FileStore
from refundlens.serving.storage.tables import Image, PhotoPrint, Refund, Tenant
from tests.support.scenes import cut, jpeg, scene, sent

pytestmark = pytest.mark.slow

Caller = Callable[[str], Any]


def refund(
    merchant: Any, number: str, content: bytes, source: str = "refund", buyer: str = "b-1"
) -> dict[str, Any]:
    """Mirror a refund with one photo; its JSON."""
    body = {
        "platform": "taobao",
        "status": "open",
        "amount": {"value": 12800, "currency": "CNY"},
        "buyer": buyer,
        "claim": {"type": "hole", "text": "a hole"},
        "images": {source: [{"name": "a.jpg", "data": base64.b64encode(content).decode()}]},
    }
    answer = merchant.put(f"/v1/refunds/{number}", json=body)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def report(merchant: Any, made: dict[str, Any]) -> str:
    body = {"refund_id": made["refund_id"], "image": made["images"][0]["id"]}
    answer = merchant.post("/v1/reports", json=body)
    assert answer.status_code in (201, 202), answer.text
    return str(answer.json()["id"])


def reused(caller: Any, identifier: str) -> dict[str, Any]:
    answer = caller.get(f"/v1/reports/{identifier}")
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


@pytest.fixture
def copies() -> list[bytes]:
    """One picture as four files: as it was, cropped, mirrored, and with a stain."""
    whole = scene(1)
    stained = whole.copy()
    stained[200:260, 300:380] = stained[200:260, 300:380] // 3
    return [
        jpeg(whole),
        jpeg(sent(cut(whole, 0.85), 70, 0.9)),
        jpeg(np.ascontiguousarray(whole[:, ::-1]), 60),
        jpeg(sent(stained, 60, 0.8)),
    ]


def test_says_in_how_many_other_claims_a_picture_was_used(as_caller: Caller, copies: list[bytes]) -> None:
    shop = as_caller("shop-1")
    made = [refund(shop, f"R-{number}", content) for number, content in enumerate(copies)]
    refund(shop, "R-9", jpeg(scene(2)))
    identifier = report(shop, made[0])
    for name in ("shop-1", "ann"):
        body = reused(as_caller(name), identifier)
        assert body["reuse"] == {"claims": 3, "elsewhere": 0}
        [reason] = [one for one in body["reasons"] if one["code"] == "reuse.other_claims"]
        assert reason["basis"] == "derived" and "3" in reason["text"]
    chinese = as_caller("ann").get(f"/v1/reports/{identifier}", headers={"Accept-Language": "zh"}).json()
    assert any("另外 3 笔" in one["text"] for one in chinese["reasons"])


def test_a_picture_used_once_is_no_reason(as_caller: Caller) -> None:
    shop = as_caller("shop-1")
    identifier = report(shop, refund(shop, "R-1", jpeg(scene(1))))
    refund(shop, "R-2", jpeg(scene(2)))
    body = reused(shop, identifier)
    assert body["reuse"] == {"claims": 0, "elsewhere": 0}
    assert not [one for one in body["reasons"] if one["code"].startswith("reuse.")]


def test_the_listing_s_own_picture_is_no_claim(as_caller: Caller, copies: list[bytes]) -> None:
    shop = as_caller("shop-1")
    identifier = report(shop, refund(shop, "R-1", copies[0]))
    refund(shop, "R-2", copies[1], source="listing")
    assert reused(shop, identifier)["reuse"] == {"claims": 0, "elsewhere": 0}


def test_a_record_that_was_voided_claims_nothing(as_caller: Caller, copies: list[bytes]) -> None:
    """Mirrored under a wrong shop, taken back and mirrored under its own: the same photo, and one claim."""
    wrong, shop, root = as_caller("shop-2"), as_caller("shop-1"), as_caller("root")
    refund(wrong, "R-1", copies[0])
    identifier = report(shop, refund(shop, "R-2", copies[1]))
    assert reused(root, identifier)["reuse"] == {"claims": 1, "elsewhere": 0}
    assert root.post("/v1/refunds/R-1/void", json={"reason": "wrong shop"}).status_code == 200
    assert reused(root, identifier)["reuse"] == {"claims": 0, "elsewhere": 0}


def test_lists_ask_nothing(as_caller: Caller, copies: list[bytes]) -> None:
    shop = as_caller("shop-1")
    report(shop, refund(shop, "R-1", copies[0]))
    assert [one["reuse"] for one in shop.get("/v1/reports").json()["items"]] == [None]


def test_the_workbench_shows_them_side_by_side(
    as_caller: Caller, copies: list[bytes], workflow_app: FastAPI
) -> None:
    shop = as_caller("shop-1")
    made = [refund(shop, f"R-{number}", content) for number, content in enumerate(copies[:3])]
    identifier = report(shop, made[0])
    for language, words in (("en", "Its mirror image"), ("zh", "镜像翻转")):
        desk = TestClient(workflow_app, follow_redirects=False, headers={"Accept-Language": language})
        assert desk.post("/login", data={"key": "key-ann"}).status_code == 303
        page = desk.get(f"/queue/{identifier}")
        assert page.status_code == 200 and words in page.text
        assert "R-1" in page.text and "R-2" in page.text and "<script>" not in page.text
        shown = re.findall(rf'src="(/queue/{identifier}/uses/\w+/thumb)"', page.text)
        assert len(shown) == 2
        for path in shown:
            answer = desk.get(path)
            assert answer.status_code == 200 and answer.content.startswith(b"\xff\xd8")
    assert desk.get(f"/queue/{identifier}/uses/img_none/thumb").status_code == 404
    changed = re.findall(rf'href="(/queue/{identifier}/uses/\w+/difference)"', page.text)
    assert len(changed) == 1  # the mirror image is not laid over the photo
    answer = desk.get(changed[0])
    assert answer.status_code == 200 and answer.headers["content-type"] == "image/png"


def test_the_listing_s_photo_is_a_reference_in_the_workbench(
    as_caller: Caller, copies: list[bytes], workflow_app: FastAPI
) -> None:
    shop = as_caller("shop-1")
    photos = {"refund": [copies[0]], "listing": [copies[1], jpeg(scene(9))]}
    body = {
        "platform": "taobao", "status": "open", "amount": {"value": 100, "currency": "CNY"}, "buyer": "b-1",
        "claim": {"type": "hole", "text": "a hole"},
        "images": {
            source: [{"name": "a.jpg", "data": base64.b64encode(content).decode()} for content in contents]
            for source, contents in photos.items()
        },
    }  # fmt: skip
    made = shop.put("/v1/refunds/R-1", json=body).json()
    own, same, another = (
        one["id"] for one in sorted(made["images"], key=lambda one: one["source"] != "refund")
    )
    asked = shop.post("/v1/reports", json={"refund_id": "R-1", "image": own})
    desk = TestClient(workflow_app, follow_redirects=False)
    assert desk.post("/login", data={"key": "key-ann"}).status_code == 303
    path = f"/queue/{asked.json()['id']}"
    page = desk.get(path).text
    for image, status in ((same, 200), (another, 404)):
        address = f"{path}/photos/{image}/difference"
        assert address in page
        assert desk.get(address).status_code == status


def test_an_erased_photo_is_found_no_more(
    as_caller: Caller, copies: list[bytes], workflow_app: FastAPI
) -> None:
    shop, state = as_caller("shop-1"), workflow_app.state
    identifier = report(shop, refund(shop, "R-1", copies[0]))
    refund(shop, "R-2", copies[1], buyer="b-2")
    assert reused(shop, identifier)["reuse"]["claims"] == 1
    with state.database.transaction() as session:
        other = session.query(Refund).filter_by(refund_id="R-2").one()
        other.status, other.closed_at = "closed", state.clock()
        erase(session, state.files, DEFAULT, other.buyer, SYSTEM, state.clock())
        assert session.query(PhotoPrint).count() == 1
    assert reused(shop, identifier)["reuse"]["claims"] == 0


def test_a_photo_that_cannot_be_opened_has_no_print() -> None:
    assert print_of(b"\xff\xd8\xff\xe0 no picture") is None
    taken = print_of(jpeg(scene(1)))
    assert taken is not None and len(taken.places) > 10


def test_other_tenants_are_counted_only_where_both_chose_so(database: Any, moving_clock: Any) -> None:
    taken = take_print(scene(1))
    images = {name: _image(database, f"tnt_{name}", moving_clock(), taken) for name in ("one", "two")}
    for sharing, count in (((), 0), (("one",), 0), (("one", "two"), 1)):
        with database.transaction() as session:
            for name in ("one", "two"):
                session.get_one(Tenant, f"tnt_{name}").settings = {catalogue.SHARES: name in sharing}
        with database.reading() as session:
            found = telling.reuse_of_image(
                session, Finder(), session.get_one(Image, images["one"]), moving_clock()
            )
        assert found is not None and telling.shown(found) == {"claims": 0, "elsewhere": count}
        assert not found.uses


def test_an_index_follows_rows_whenever_they_come_to_light(database: Any, moving_clock: Any) -> None:
    """A row with a lower number than one that is known already, from a transaction that ended later."""
    finder, pictures = Finder(), [take_print(scene(seed)) for seed in range(3)]
    _image(database, "tnt_one", moving_clock(), pictures[0], number=10)
    with database.reading() as session:
        assert len(finder.find(session, "tnt_one", pictures[0], moving_clock())) == 1
    _image(database, "tnt_one", moving_clock(), pictures[1], number=9)
    _image(database, "tnt_one", moving_clock(), pictures[2], number=11)
    with database.reading() as session:
        for picture in pictures:
            assert len(finder.find(session, "tnt_one", picture, moving_clock())) == 1
    size = len(finder)
    moving_clock.forward(minutes=5)
    with database.reading() as session:
        assert len(finder.find(session, "tnt_one", pictures[1], moving_clock())) == 1
        assert finder.find(session, "tnt_two", pictures[1], moving_clock()) == []
    assert len(finder) == size


def test_an_index_made_anew_finds_the_same(database: Any, moving_clock: Any) -> None:
    pictures = [take_print(scene(seed)) for seed in range(5)]
    for picture in pictures:
        _image(database, "tnt_one", moving_clock() - timedelta(hours=1), picture)
    first = Finder()
    for finder in (first, Finder()):
        with database.reading() as session:
            found = [finder.find(session, "tnt_one", picture, moving_clock()) for picture in pictures]
        assert [len(uses) for uses in found] == [1] * 5 and all(uses[0].own for uses in found)
    assert len(first) > 5


def _image(database: Any, tenant: str, now: Any, taken: Any, number: int | None = None) -> str:
    """A refund of a tenant with one photo and its print; the photo's id."""
    with database.transaction() as session:
        made = Refund(
            id=make_id("rfd", now), tenant_id=tenant, refund_id=make_id("x", now), version=1, account="shop",
            status="open", amount_minor=1, currency="CNY", buyer="b" * 64, outcome="undecided", created_at=now,
            updated_at=now,
        )  # fmt: skip
        session.add(made)
        session.flush()
        image = Image(
            id=make_id("img", now), tenant_id=tenant, refund_id=made.id, source="refund", sha256="a" * 64,
            media_type="image/jpeg", width=640, height=480, bytes=9, created_at=now,
        )  # fmt: skip
        session.add(image)
        session.flush()
        catalogue.keep_prints(session, image, taken, now)
        if number is not None:
            session.query(PhotoPrint).filter_by(image_id=image.id).update({"number": number})
        return image.id


def _codes(answer: Any) -> dict[str, str]:
    assert answer.status_code == 200, answer.text
    [line] = answer.json()["detections"]
    told = [*line["reasons"], *line["details"]["reasons"]]
    return {one["code"]: one["text"] for one in told if one["code"].startswith("reuse.")}


def _detect(caller: Any, content: bytes, **headers: str) -> dict[str, str]:
    return _codes(caller.post("/v1/detect", files={"image": ("a.jpg", content)}, headers=headers))


def test_a_photo_sent_by_itself_is_looked_for_in_the_tenant_s_claims(
    as_caller: Caller, copies: list[bytes]
) -> None:
    shop = as_caller("shop-1")
    assert _detect(shop, copies[0]) == {}, "before there is any claim"
    refund(shop, "R-1", copies[1])
    refund(shop, "R-2", copies[2])
    refund(shop, "R-3", copies[3], source="listing")
    found = _detect(as_caller("shop-2"), copies[0], **{"Accept-Language": "zh"})
    assert list(found) == ["reuse.in_claims"] and "2 笔" in found["reuse.in_claims"]
    assert "before: 2" in _detect(shop, copies[0], **{"Cache-Control": "no-cache"})["reuse.in_claims"]
    assert _detect(shop, jpeg(scene(2))) == {}


def test_other_tenants_claims_are_counted_only_where_both_share(
    as_caller: Caller, copies: list[bytes], workflow_app: FastAPI, moving_clock: Any
) -> None:
    database = workflow_app.state.database
    with database.transaction() as session:
        session.add(Tenant(id="tnt_other", name="other", settings={}, created_at=moving_clock()))
    _mirrored(database, "tnt_other", copies[1], moving_clock())
    fresh = {"Cache-Control": "no-cache"}
    assert _detect(as_caller("ann"), copies[0], **fresh) == {}
    with database.transaction() as session:
        for name in ("tnt_other", DEFAULT):
            session.get_one(Tenant, name).settings = {catalogue.SHARES: True}
    assert list(_detect(as_caller("ann"), copies[0], **fresh)) == ["reuse.in_claims_elsewhere"]


def _mirrored(database: Any, tenant: str, content: bytes, now: Any) -> str:
    """A refund with one photo, as a version without prints mirrored it, and then its print; the image's id."""
    taken = print_of(content)
    assert taken is not None
    with database.transaction() as session:
        image = _kept_image(session, tenant, content, now)
        catalogue.keep_prints(session, image, taken, now)
        return image.id


def _kept_image(session: Any, tenant: str, content: bytes, now: Any) -> Image:
    key = make_id("rfd", now)
    both = {"tenant_id": tenant, "created_at": now}
    session.add(
        Refund(
            **both, id=key, refund_id=key, version=1, account="shop", amount_minor=1, currency="CNY", status="open",
            buyer="b" * 64, updated_at=now, claim_text="", outcome="undecided",
        )
    )  # fmt: skip
    session.flush()
    image = Image(
        **both, id=make_id("img", now), refund_id=key, source="refund", sha256=hashlib.sha256(content).hexdigest(),
        name="a.jpg", media_type="image/jpeg", width=640, height=480, bytes=len(content),
    )  # fmt: skip
    session.add(image)
    session.flush()
    return image


def test_photos_of_former_versions_get_their_prints(
    settings: Settings,
    database: Database,
    copies: list[bytes],
    moving_clock: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files, now = FileStore(settings.data_dir / "files"), moving_clock()
    other, lost = jpeg(scene(2)), jpeg(scene(3))
    with database.transaction() as session:
        for content in (*copies, other, lost, b"no photo"):
            _kept_image(session, "tnt_one", content, now)
            if content is not lost:
                files.put(content)
        old = _kept_image(session, "tnt_two", copies[0], now)
        catalogue.keep_prints(session, old, print_of(copies[0]), now)
        session.query(PhotoPrint).one().content = b"\x00\x00 of another version"
    monkeypatch.setattr(catalogue, "BATCH", 3)
    done = Filled()
    assert count_photos(database, "tnt_one") == 7 and count_photos(database, None) == 8
    assert len(list(fill_prints(database, files, "tnt_one", now, done))) == 7
    assert (done.photos, done.taken, done.unreadable) == (7, 5, 2)
    again = Filled()
    list(fill_prints(database, files, None, now, again))
    assert (again.photos, again.taken, again.unreadable) == (3, 1, 2), "the old one, and what cannot be read"
    with database.reading() as session:
        assert len(Finder().find(session, "tnt_one", print_of(copies[0]), now)) == 4


def test_the_command_fills_and_tells(
    settings: Settings, copies: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REFUNDLENS_DATA_DIR", str(settings.data_dir))
    runner, now = CliRunner(), utc_now()
    opened = open_database(settings, now)
    with opened.transaction() as session:
        _kept_image(session, DEFAULT, copies[0], now)
        _kept_image(session, DEFAULT, b"lost", now)
    FileStore(settings.data_dir / "files").put(copies[0])
    first = runner.invoke(app, ["reuse", "fill", "--json"])
    assert first.exit_code == 1 and json.loads(first.stdout) == {"photos": 2, "taken": 1, "unreadable": 1}
    with opened.transaction() as session:
        session.query(Image).filter_by(sha256=hashlib.sha256(b"lost").hexdigest()).one().erased_at = now
    opened.close()
    second = runner.invoke(app, ["reuse", "fill", "--tenant", "default"])
    assert second.exit_code == 0 and second.stdout.startswith("0 photos had no print")
    assert runner.invoke(app, ["reuse", "fill", "--tenant", "nobody"]).exit_code == 1
