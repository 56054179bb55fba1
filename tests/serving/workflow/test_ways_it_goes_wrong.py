"""The ways a dispute goes wrong, over HTTP against a live server whose clock is moved."""

import base64
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from types import ModuleType
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from sqlalchemy import func, select

from refundlens.serving.kit.clock import rfc3339
from refundlens.serving.storage.tables import (
    DetectionRecord,
    IntegrityEntry,
    OutboxEvent,
    Report,
    Tenant,
    WebhookDelivery,
)
from refundlens.training.references.views import from_another_side
from tests.model.photo import build
from tests.support.scenes import scene

pytestmark = pytest.mark.slow


@pytest.fixture
def calls(live: Any, story: ModuleType) -> Callable[[str], Any]:
    """A caller by subject."""
    made: dict[str, Any] = {}

    def caller(subject: str) -> Any:
        return made.setdefault(subject, story.Caller(live.base, live.key(subject)))

    return caller


@pytest.fixture
def reported(live: Any, calls: Any, story: ModuleType, photo: Callable[..., bytes]) -> Callable[..., Any]:
    """Mirrors a refund, reports its photo and waits for the verdict. red: a photo that the tiny model calls fake;
    unsure: one it is unsure of."""

    def report(
        refund_id: str, red: bool = False, hours: float | None = 100, picture: bytes | None = None
    ) -> Any:
        deadline = None if hours is None else rfc3339(live.clock() + timedelta(hours=hours))
        body = story.refund(picture or photo(red=red), deadline=deadline)
        image = calls("shop-1").put(f"/v1/refunds/{refund_id}", body)["images"][0]["id"]
        made = calls("shop-1").post("/v1/reports", {"refund_id": refund_id, "image": image})
        path = f"/v1/reports/{made['id']}"
        return story.until("verdict", lambda: _not_submitted(calls("shop-1").get(path)))

    return report


@pytest.fixture
def unsure(photo: Callable[..., bytes]) -> bytes:
    """A picture outside every calibrated condition: no verdict but a person's."""
    return photo("GIF")


def _not_submitted(report: Any) -> Any:
    return None if report["state"] == "submitted" else report


def _types(live: Any, report: str) -> list[str]:
    with live.app.state.database.reading() as session:
        query = select(OutboxEvent.type).where(OutboxEvent.object_id == report).order_by(OutboxEvent.id)
        return list(session.execute(query).scalars())


def test_an_unsure_verdict_goes_to_a_person_and_an_authentic_one_does_not(
    reported: Any, unsure: bytes
) -> None:
    doubtful = reported("r-doubt", picture=unsure)
    assert (doubtful["state"], doubtful["verdict"]) == ("needs_review", "inconclusive")
    clear = reported("r-clear")
    assert (clear["state"], clear["verdict"]) == ("not_established", "authentic")


def test_authentic_settles_nothing_where_the_tenant_accepts_fewer_missed_fakes(
    live: Any, reported: Any
) -> None:
    """The tiny model states a miss bound of 12 %."""
    with live.app.state.database.transaction() as session:
        [tenant] = session.execute(select(Tenant)).scalars().all()
        tenant.settings = {"miss_limit": 0.1}
    strict = reported("r-strict")
    assert (strict["state"], strict["verdict"]) == ("needs_review", "authentic")
    with live.app.state.database.transaction() as session:
        session.get_one(Tenant, tenant.id).settings = {"miss_limit": 0.12}
    assert reported("r-lenient")["state"] == "not_established"


def test_a_double_click_makes_one_report(live: Any, calls: Any, story: ModuleType, photo: Any) -> None:
    image = calls("shop-1").put("/v1/refunds/r1", story.refund(photo()))["images"][0]["id"]
    body = {"refund_id": "r1", "image": image}
    answers: list[httpx.Response] = []

    def click(key: str) -> None:
        answers.append(calls("shop-1").http.post("/v1/reports", json=body, headers={"Idempotency-Key": key}))

    threads = [threading.Thread(target=click, args=(key,)) for key in ("same", "same", "same", "other")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with live.app.state.database.reading() as session:
        assert session.execute(select(func.count()).select_from(Report)).scalar() == 1
    # the same key: the stored answer, or "still running"; another key: the photo is reported already
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert any(answer.status_code == 201 for answer in answers)
    again = calls("shop-1").http.post("/v1/reports", json=body, headers={"Idempotency-Key": "same"})
    other = calls("shop-1").http.post("/v1/reports", json=body, headers={"Idempotency-Key": "other"})
    assert {again.status_code, other.status_code} == {201, 409}
    changed = calls("shop-1").http.post(
        "/v1/reports", json={**body, "note": "x"}, headers={"Idempotency-Key": "same"}
    )
    # whichever click won: its key is bound to its body, the loser's did nothing and is judged by the rules again
    assert changed.status_code == (422 if again.status_code == 201 else 409)


def test_of_two_adjudicators_at_once_one_decides(live: Any, calls: Any, reported: Any, unsure: bytes) -> None:
    report = reported("r2", picture=unsure)
    answers: dict[str, httpx.Response] = {}

    def decide(judge: str, decision: str) -> None:
        body = {"decision": decision, "reason_code": "other", "reason": "seen"}
        answers[judge] = calls(judge).http.post(
            f"/v1/reports/{report['id']}/decision", json=body, headers={"Idempotency-Key": judge}
        )

    threads = [
        threading.Thread(target=decide, args=args)
        for args in (("ann", "established"), ("bob", "not_established"))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers.values()) == [200, 409]
    winner = next(judge for judge, answer in answers.items() if answer.status_code == 200)
    now = calls("ann").get(f"/v1/reports/{report['id']}")
    assert now["decided_by"] == winner
    assert len(now["decisions"]) == 1


def test_who_saw_an_older_version_is_told(calls: Any, reported: Any, unsure: bytes) -> None:
    report = reported("r3", picture=unsure)
    path = f"/v1/reports/{report['id']}"
    seen = calls("ann").http.get(path).headers["etag"]
    calls("bob").post(f"{path}/photo-requests", {"wish": "close_up"})
    body = {"decision": "established", "reason_code": "other", "reason": "seen"}
    late = calls("ann").http.post(
        f"{path}/decision", json=body, headers={"Idempotency-Key": "k", "If-Match": seen}
    )
    assert late.status_code == 412 and late.json()["code"] == "changed_meanwhile"


def test_a_refund_that_closes_expires_what_is_undecided(
    live: Any, calls: Any, story: ModuleType, reported: Any, unsure: bytes
) -> None:
    report = reported("r4", picture=unsure)
    body = story.refund(unsure, status="closed")
    calls("shop-1").put("/v1/refunds/r4", body)
    now = calls("shop-1").get(f"/v1/reports/{report['id']}")
    assert (now["state"], now["allowed_actions"]) == ("expired", [])
    decide = {"decision": "established", "reason_code": "other", "reason": "too late"}
    late = calls("ann").http.post(
        f"/v1/reports/{report['id']}/decision", json=decide, headers={"Idempotency-Key": "k"}
    )
    assert late.status_code == 409


def test_warnings_come_before_the_deadline_and_the_end_at_it(
    live: Any, calls: Any, story: ModuleType, reported: Any, unsure: bytes
) -> None:
    report = reported("r5", picture=unsure, hours=30)
    path = f"/v1/reports/{report['id']}"

    def warned() -> list[str]:
        return [step for step in _types(live, report["id"]) if step == "report.deadline_warning"]

    assert warned() == []
    for count, hours in ((1, 6.1), (2, 22), (3, 1.5)):
        live.clock.forward(hours=hours)
        story.until("a warning", lambda count=count: len(warned()) == count)
    live.clock.forward(hours=0.5)
    now = story.until("the end", lambda: calls("shop-1").get(path)["state"] == "expired")
    assert now
    assert _types(live, report["id"])[-1] == "report.deadline_passed"


def test_a_deadline_that_moves_moves_the_warnings(
    live: Any, calls: Any, story: ModuleType, reported: Any, unsure: bytes
) -> None:
    report = reported("r6", picture=unsure, hours=3)
    other = reported("r6-other", picture=unsure, hours=3)
    later = rfc3339(live.clock() + timedelta(hours=60))
    calls("shop-1").put("/v1/refunds/r6", story.refund(unsure, deadline=later))
    before = _types(live, report["id"]).count("report.deadline_warning")
    live.clock.forward(hours=10)  # past the old deadline, which the other refund still has
    path = f"/v1/reports/{other['id']}"
    story.until("the other's end", lambda: calls("shop-1").get(path)["state"] == "expired")
    assert calls("shop-1").get(f"/v1/reports/{report['id']}")["state"] == "needs_review"
    assert _types(live, report["id"]).count("report.deadline_warning") == before


def test_a_verdict_nobody_appeals_becomes_final_and_enters_the_record(
    live: Any, calls: Any, story: ModuleType, reported: Any
) -> None:
    report = reported("r7", red=True, hours=None)
    assert report["state"] == "established"
    live.clock.forward(hours=73)
    path = f"/v1/reports/{report['id']}"
    story.until("the end", lambda: calls("shop-1").get(path)["state"] == "final_established")
    record = calls("ann").get("/v1/buyers/buyer-1/integrity")
    assert (record["points"], record["score"]) == (1, 75)
    late = calls("ann").http.post(f"{path}/appeals", json={"grounds": "no"}, headers={"Idempotency-Key": "k"})
    assert late.status_code == 409
    live.clock.forward(days=366)
    assert calls("ann").get("/v1/buyers/buyer-1/integrity")["points"] == 0
    with live.app.state.database.reading() as session:
        assert session.execute(select(func.count()).select_from(IntegrityEntry)).scalar() == 2


def test_nobody_judges_an_appeal_against_their_own_decision(calls: Any, reported: Any, unsure: bytes) -> None:
    report = reported("r8", picture=unsure)
    path = f"/v1/reports/{report['id']}"
    body = {"decision": "not_established", "reason_code": "no_trace", "reason": "nothing there"}
    calls("ann").post(f"{path}/decision", body)
    appeal = calls("shop-1").post(f"{path}/appeals", {"grounds": "Look at the rim."})
    answer = {"decision": "uphold", "reason_code": "no_trace", "reason": "still nothing"}
    own = calls("ann").http.post(
        f"/v1/appeals/{appeal['id']}/decision", json=answer, headers={"Idempotency-Key": "k"}
    )
    assert (own.status_code, own.json()["code"]) == (409, "same_judge")
    assert "decide_appeal" not in calls("ann").get(path)["allowed_actions"]
    assert "decide_appeal" in calls("bob").get(path)["allowed_actions"]
    final = calls("bob").post(f"/v1/appeals/{appeal['id']}/decision", answer)
    assert (final["state"], final["outcome"], final["outcome_final"]) == (
        "final_not_established",
        "buyer_supported",
        True,
    )
    assert calls("shop-1").get(path)["decisions"][0]["decided_by"] is None


def test_a_receiver_that_is_down_for_an_hour_gets_everything_afterwards(
    live: Any, calls: Any, story: ModuleType, reported: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with story.receiving() as receiver:
        receiver.status = 503
        secret = calls("admin").post("/v1/webhook-endpoints", {"url": receiver.url})["secret"]
        report = reported("r9", red=True)

        def waiting() -> int:
            with live.app.state.database.reading() as session:
                query = (
                    select(func.count())
                    .select_from(WebhookDelivery)
                    .where(WebhookDelivery.state == "pending")
                )
                return int(session.execute(query).scalar() or 0)

        def recorded() -> int:
            with live.app.state.database.reading() as session:
                return int(session.execute(select(func.sum(WebhookDelivery.attempts))).scalar() or 0)

        story.until("first attempts", lambda: len(receiver.got) >= 3)
        assert waiting() > 0
        receiver.status = 200
        # one refused before and recorded after the hour would wait from then on, longer than this test
        story.until("the refusals' records", lambda: recorded() == len(receiver.got))
        live.clock.forward(hours=1)
        _receiver_clock(monkeypatch, live.clock)
        story.until("all deliveries", lambda: waiting() == 0)
        types = {
            event["type"]
            for event in receiver.verified(secret)
            if event["data"].get("report_id") == report["id"]
        }
        assert types >= {"report.submitted", "report.established", "detection.completed"}


def _receiver_clock(monkeypatch: pytest.MonkeyPatch, clock: Any) -> None:
    """The receiver's library goes by the moved clock, too: it refuses what is older than five minutes."""
    import standardwebhooks.webhooks as library

    class Moved(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return clock().astimezone(tz)

    monkeypatch.setattr(library, "datetime", Moved)
    monkeypatch.setattr(library, "timedelta", lambda minutes: timedelta(hours=2))


def test_the_buyer_follows_appeals_and_sends_a_photo_by_link(
    live: Any, calls: Any, story: ModuleType, reported: Any, unsure: bytes, photo: Any
) -> None:
    report = reported("r10", picture=unsure)
    path = f"/v1/reports/{report['id']}"
    assert set(calls("shop-1").get(path)["track_urls"]) == {"merchant"}
    link = calls("ann").get(path)["track_urls"]["buyer"]
    calls("ann").post(f"{path}/photo-requests", {"wish": "live_capture", "message": "With today's paper."})
    with httpx.Client(base_url=live.base) as buyer:
        page = buyer.get(link, headers={"Accept": "text/html", "Accept-Language": "zh-CN"})
        assert "请补充一张照片" in page.text and "With today" in page.text
        seen = buyer.get(link).json()
        assert seen["note"] == "" and seen["refusal"] is None
        sent = buyer.post(f"{link}/photos", files={"image": ("live.jpg", photo(), "image/jpeg")})
        assert sent.status_code == 201
        assert sent.json()["photo_requests"][0]["state"] == "answered"
        again = buyer.post(f"{link}/photos", files={"image": ("live.jpg", photo(), "image/jpeg")})
        assert again.status_code == 409
        body = {"decision": "established", "reason_code": "other_photo_differs", "reason": "No hole there."}
        calls("ann").post(f"{path}/decision", body)
        appealed = buyer.post(f"{link}/appeal", json={"grounds": "It is the other sleeve."})
        assert appealed.status_code == 201 and appealed.json()["side"] == "buyer"
        forged = buyer.get(link[:-3] + "AAA")
        assert forged.status_code == 404
        live.clock.forward(days=100)
        assert buyer.get(link).status_code == 410
    images = calls("shop-1").get("/v1/refunds/r10")["images"]
    assert sorted(image["source"] for image in images) == ["chat", "refund"]


def test_a_photo_that_does_not_come_lapses(
    live: Any, calls: Any, story: ModuleType, reported: Any, unsure: bytes
) -> None:
    report = reported("r11", picture=unsure)
    path = f"/v1/reports/{report['id']}"
    calls("ann").post(f"{path}/photo-requests", {"wish": "close_up"})
    assert "request_photo" not in calls("ann").get(path)["allowed_actions"]
    live.clock.forward(hours=25)
    story.until("the lapse", lambda: calls("ann").get(path)["photo_requests"][0]["state"] == "lapsed")
    assert "request_photo" in calls("ann").get(path)["allowed_actions"]


def test_several_photos_of_one_click_are_one_claim(calls: Any, story: ModuleType, photo: Any) -> None:
    body = story.refund(photo(red=True))
    second = {"name": "b.jpg", "data": base64.b64encode(photo(size=(300, 240), red=True)).decode()}
    body["images"]["refund"].append(second)
    images = [image["id"] for image in calls("shop-1").put("/v1/refunds/r12", body)["images"]]
    made = calls("shop-1").post("/v1/reports", {"refund_id": "r12", "image": images}, Prefer="wait=20")
    assert [item["state"] for item in made["items"]] == ["established", "established"]
    assert {item["rule"] for item in made["items"]} == {"several_fake"}
    assert len({item["claim_id"] for item in made["items"]}) == 1
    assert made["items"][0]["false_accusation_bound"] == pytest.approx(2 * 0.0075)


def test_photos_of_a_claim_that_name_two_cameras_are_told_apart(
    live: Any, calls: Any, story: ModuleType, photo: Any
) -> None:
    def by(maker: bytes, taken: bytes, **kind: Any) -> bytes:
        block = b"Exif\0\0" + build.tiff_block({0x010F: (2, maker + b"\0")}, {0x9003: (2, taken + b"\0")})
        data = photo(**kind)
        return bytes(data[:2] + b"\xff\xe1" + (len(block) + 2).to_bytes(2, "big") + block + data[2:])

    body = story.refund(by(b"Apple", b"2020:01:02 10:00:00"))
    second = by(b"HUAWEI", b"2020:01:09 10:00:00", size=(300, 240))
    body["images"]["refund"].append({"name": "b.jpg", "data": base64.b64encode(second).decode()})
    first, other = (image["id"] for image in calls("shop-1").put("/v1/refunds/r13", body)["images"])
    for image in (first, other):  # one click after the other: the second knows of the first
        made = calls("shop-1").post("/v1/reports", {"refund_id": "r13", "image": image}, Prefer="wait=20")
    with live.app.state.database.reading() as session:
        stored = session.get_one(DetectionRecord, made["detection_id"]).body
    told = {one["code"]: one["text"] for one in (*stored["reasons"], *stored["details"]["reasons"])}
    assert "Apple, HUAWEI" in told["claim.cameras_differ"]
    assert "7 days apart" in told["claim.times_apart"]
    assert "claim.taken_long_before" in told


def test_photos_of_a_claim_that_show_the_same_thing_are_told_so(
    live: Any, calls: Any, story: ModuleType
) -> None:
    goods = scene(3, 800, 600)
    sides = [goods, from_another_side(goods, np.random.default_rng(1)), scene(9, 800, 600)]
    first, *others = [cv2.imencode(".png", side[..., ::-1])[1].tobytes() for side in sides]
    body = story.refund(first)
    for name, data in zip(("b.png", "c.png"), others, strict=True):
        body["images"]["refund"].append({"name": name, "data": base64.b64encode(data).decode()})
    images = [image["id"] for image in calls("shop-1").put("/v1/refunds/r14", body)["images"]]
    # the last photo is not reported and is looked at all the same
    made = calls("shop-1").post("/v1/reports", {"refund_id": "r14", "image": images[:2]}, Prefer="wait=20")
    with live.app.state.database.reading() as session:
        for report in made["items"]:
            stored = session.get_one(DetectionRecord, report["detection_id"]).body
            told = {one["code"]: one for one in (*stored["reasons"], *stored["details"]["reasons"])}
            assert told["claim.same_thing"]["details"] == {"count": 1}


@pytest.mark.parametrize(
    "method,path,body,status,code",
    [
        ("post", "/v1/reports", {"refund_id": "none", "image": "x"}, 404, "not_found"),
        ("post", "/v1/reports/rpt_none/withdraw", {}, 404, "not_found"),
        ("get", "/v1/reports?cursor=nonsense", None, 400, "invalid_cursor"),
        ("get", "/v1/reports?order=due&cursor=WzFd", None, 400, "invalid_cursor"),
        ("put", "/v1/refunds/bad", {"amount": {"value": -1}}, 422, "invalid_request"),
        (
            "put",
            "/v1/refunds/old",
            {"amount": {"value": 1}, "buyer": "b", "deadline_at": "0001-01-01T00:00:00+14:00"},
            422,
            "invalid_request",
        ),
        ("get", "/v1/refunds?cursor=WyIyMDI2LTAxLTAxVDAwOjAwOjAwIiwgIngiXQ", None, 400, "invalid_cursor"),
        ("get", "/v1/reports?due_before=0001-01-01T00:00:00%2B14:00", None, 422, "invalid_request"),
        ("get", "/track/none", None, 404, "not_found"),
        ("get", "/v1/images/none", None, 404, "not_found"),
    ],
)
def test_nonsense_gets_a_clear_problem(
    calls: Any, method: str, path: str, body: Any, status: int, code: str
) -> None:
    answer = calls("shop-1").http.request(
        method, path, json=body, headers={"Idempotency-Key": f"{path}{body}"[:200]}
    )
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_a_post_without_a_key_is_refused(calls: Any) -> None:
    answer = calls("shop-1").http.post("/v1/reports", json={"refund_id": "r", "image": "x"})
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")


def _claim(story: ModuleType, pictures: list[bytes], **more: Any) -> dict[str, Any]:
    body: dict[str, Any] = story.refund(pictures[0], **more)
    body["images"]["refund"] = [{"data": base64.b64encode(one).decode()} for one in pictures]
    return body


def test_taking_reports_back_takes_no_judgement_back(calls: Any, story: ModuleType, photo: Any) -> None:
    """Nine photos, one fake: that needs a second. Whoever withdraws the others and reports the fake alone has had all
    nine judged already."""
    pictures = [photo(size=(320 + 8 * index, 240)) for index in range(8)] + [photo(red=True)]
    images = calls("shop-1").put("/v1/refunds/r20", _claim(story, pictures))["images"]
    ids = [image["id"] for image in images]
    made = calls("shop-1").post("/v1/reports", {"refund_id": "r20", "image": ids}, Prefer="wait=25")["items"]
    assert [item["state"] for item in made] == ["not_established"] * 8 + ["needs_review"]
    calls("shop-1").post(f"/v1/reports/{made[-1]['id']}/withdraw")
    again = calls("shop-1").post("/v1/reports", {"refund_id": "r20", "image": ids[-1]}, Prefer="wait=20")
    assert again["state"] == "needs_review"


def test_bounds_of_several_clicks_add_up(calls: Any, story: ModuleType, photo: Any) -> None:
    pictures = [photo(size=(320 + 8 * index, 240), red=index == 3) for index in range(4)]
    images = calls("shop-1").put("/v1/refunds/r21", _claim(story, pictures))["images"]
    states, bounds = [], []
    for image in images:
        made = calls("shop-1").post(
            "/v1/reports", {"refund_id": "r21", "image": image["id"]}, Prefer="wait=20"
        )
        states.append(made["state"])
        bounds.append(made["false_accusation_bound"])
    assert states == ["not_established"] * 3 + ["needs_review"]  # 0.75 + 1.5 + 2.25 + 3 % is over 5 %


def test_a_refund_keeps_its_buyer_and_its_version(calls: Any, story: ModuleType, photo: Any) -> None:
    body = story.refund(photo(), buyer="guilty", platform_version=10)
    calls("shop-1").put("/v1/refunds/r22", body)
    swapped = calls("shop-1").http.put("/v1/refunds/r22", json=body | {"buyer": "innocent"})
    assert (swapped.status_code, swapped.json()["code"]) == (409, "buyer_differs")
    calls("shop-1").put("/v1/refunds/r22", body | {"platform_version": None, "status": "closed"})
    older = calls("shop-1").http.put("/v1/refunds/r22", json=body | {"platform_version": 5})
    assert (older.status_code, older.json()["code"]) == (409, "older_version")


def test_one_version_of_the_platforms_says_one_thing(calls: Any, story: ModuleType, photo: Any) -> None:
    body = story.refund(photo(), platform_version=10)
    calls("shop-1").put("/v1/refunds/r24", body)
    calls("shop-1").put("/v1/refunds/r24", body)  # said again
    reused = calls("shop-1").http.put("/v1/refunds/r24", json=body | {"amount": {"value": 1}})
    assert (reused.status_code, reused.json()["code"]) == (409, "version_reused")
    newer = calls("shop-1").put("/v1/refunds/r24", body | {"amount": {"value": 1}, "platform_version": 11})
    assert newer["amount"]["value"] == 1


@pytest.mark.parametrize("deadline", [1763971200, 1763971200000, "1763971200", 1.5, True])
def test_a_deadline_is_a_text_and_no_number(
    calls: Any, story: ModuleType, photo: Any, deadline: object
) -> None:
    body = story.refund(photo()) | {"deadline_at": deadline}
    answer = calls("shop-1").http.put("/v1/refunds/r25", json=body)
    assert answer.status_code == 422
    assert "RFC 3339" in answer.text


@pytest.mark.parametrize("place", ["buyer", "claim", "name"])
def test_no_text_holds_what_postgresql_cannot_keep(
    calls: Any, story: ModuleType, photo: Any, place: str
) -> None:
    body = story.refund(photo())
    if place == "name":
        next(iter(body["images"].values()))[0]["name"] = "a\0.jpg"
    else:
        body |= {place: "x\0y"} if place == "buyer" else {"claim": {"text": "x\0y"}}
    answer = calls("shop-1").http.put("/v1/refunds/r26", json=body)
    assert answer.status_code == 422
    assert "U+0000" in answer.text


def test_a_merchant_does_not_answer_for_the_buyer(
    calls: Any, story: ModuleType, reported: Any, unsure: bytes, photo: Any
) -> None:
    report = reported("r24", picture=unsure)
    path = f"/v1/reports/{report['id']}"
    calls("ann").post(f"{path}/photo-requests", {"wish": "close_up"})
    body = story.refund(unsure)
    body["images"]["chat"] = [{"data": base64.b64encode(photo()).decode()}]
    calls("shop-1").put("/v1/refunds/r24", body)
    assert calls("ann").get(path)["photo_requests"][0]["state"] == "open"
    body["account"] = "shop-1"
    body["images"]["chat"] = [{"data": base64.b64encode(photo(size=(300, 300))).decode()}]
    calls("admin").put("/v1/refunds/r24", body)
    now = calls("ann").get(path)
    assert now["photo_requests"][0]["state"] == "answered"
    assert now["timeline"][-1]["role"] == "admin"


def test_a_refusal_falls_with_its_own_report(calls: Any, story: ModuleType, photo: Any) -> None:
    pictures = [photo(red=True), photo(red=True, size=(400, 300))]
    images = calls("shop-1").put("/v1/refunds/r25", _claim(story, pictures))["images"]
    ids = [image["id"] for image in images]
    first, _ = calls("shop-1").post("/v1/reports", {"refund_id": "r25", "image": ids}, Prefer="wait=20")[
        "items"
    ]
    path = f"/v1/reports/{first['id']}"
    calls("shop-1").post(f"{path}/refusal", {"message": "edited"})
    appeal = calls("ann").post(f"{path}/appeals", {"grounds": "It is real."})
    answer = {"decision": "overturn", "reason_code": "real_damage_shown", "reason": "It is."}
    own = calls("ann").http.post(
        f"/v1/appeals/{appeal['id']}/decision", json=answer, headers={"Idempotency-Key": "own"}
    )
    seen = calls("bob").http.get(f"/v1/appeals/{appeal['id']}").headers["ETag"]
    stale = calls("bob").http.post(
        f"/v1/appeals/{appeal['id']}/decision",
        json=answer,
        headers={"Idempotency-Key": "s", "If-Match": '"1"'},
    )
    assert (stale.status_code, stale.json()["code"]) == (412, "changed_meanwhile") and seen != '"1"'
    assert own.json()["code"] == "same_judge"  # whoever passed the appeal on does not decide it
    calls("bob").post(f"/v1/appeals/{appeal['id']}/decision", answer)
    now = calls("shop-1").get(path)
    assert now["refusal"]["undone_at"] is not None
    assert now["outcome"] == "merchant_supported"  # the other photo stands


def test_a_cleared_photo_stays_cleared_while_its_verdict_is_appealed(
    live: Any, calls: Any, story: ModuleType, photo: Any
) -> None:
    """Two suspects of one claim are fake together; one that a person cleared counts for nothing, also under appeal."""
    from refundlens.model.verdict.claim import PhotoFinding
    from refundlens.serving.reports.screening import judge
    from refundlens.serving.storage.tables import DetectionRecord, Refund

    pictures = [photo("GIF"), photo("GIF", size=(300, 240))]
    images = calls("shop-1").put("/v1/refunds/r30", _claim(story, pictures))["images"]
    first = calls("shop-1").post(
        "/v1/reports", {"refund_id": "r30", "image": images[0]["id"]}, Prefer="wait=20"
    )
    body = {"decision": "not_established", "reason_code": "no_trace", "reason": "Nothing there."}
    calls("ann").post(f"/v1/reports/{first['id']}/decision", body)
    calls("shop-1").post(f"/v1/reports/{first['id']}/appeals", {"grounds": "Look again."})
    second = calls("shop-1").post(
        "/v1/reports", {"refund_id": "r30", "image": images[1]["id"]}, Prefer="wait=20"
    )
    suspect = {
        "verdict": "inconclusive",
        "false_accusation_bound": 0.01,
        "suspect": True,
        "suspect_bound": 0.016,
    }
    PhotoFinding.model_validate(suspect)
    with live.app.state.database.transaction() as session:
        for row in session.execute(select(DetectionRecord)).scalars():
            row.body = {**row.body, **suspect}
    with live.app.state.database.reading() as session:
        refund = session.execute(select(Refund)).scalars().one()
        judged = judge(session, live.app.state.settings, refund, second["claim_id"])
    assert judged.carried == frozenset()
    assert judged.bound is not None


def test_an_erased_photo_is_gone_for_its_own_link_though_another_refund_has_it(
    live: Any, calls: Any, story: ModuleType, reported: Any, photo: Any
) -> None:
    from refundlens.serving.storage.tables import Image

    report = reported("r31")
    calls("shop-2").put("/v1/refunds/r31-other", story.refund(photo()))
    link = calls("ann").get(f"/v1/reports/{report['id']}")["track_urls"]["buyer"]
    assert httpx.get(f"{live.base}{link}/photo").status_code == 200
    with live.app.state.database.transaction() as session:
        session.get_one(Image, report["image"]["id"]).erased_at = live.clock()
    assert httpx.get(f"{live.base}{link}/photo").status_code == 410
    path = f"/v1/reports/{report['id']}"
    assert calls("shop-1").http.get(f"{path}/evidence.jpg").status_code == 410
    pack = calls("shop-1").get(f"{path}/evidence.json", photo="include")
    assert pack["evidence"]["photo"]["state"] == "erased"
