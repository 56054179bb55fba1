"""People are told: a real mail server and a real receiver get what deadlines and verdicts say, signed where the chats
sign, tried again when refused, and no other shop's."""

import asyncio
import base64
import hashlib
import hmac
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastapi import FastAPI
from sqlalchemy import select

from refundlens.serving.events import outbox
from refundlens.serving.events.outbox import WebhookType
from refundlens.serving.settings import Settings
from refundlens.serving.storage.tables import WebhookDelivery, WebhookEndpoint
from refundlens.serving.webhooks import simulator
from refundlens.serving.webhooks.delivery import deliver_due
from refundlens.serving.webhooks.mail import Mailer, is_address
from refundlens.serving.webhooks.notices import HOSTS, KINDS, TOLD, notice
from refundlens.serving.webhooks.sending import HttpSender
from tests.support.desk import Desk
from tests.support.receivers import MailServer, Robot

pytestmark = pytest.mark.slow

TAKEN = {"slack": "ok", "feishu": '{"code":0,"msg":"success"}'}


@pytest.fixture
def robot() -> Iterator[Robot]:
    made = Robot()
    yield made
    made.server.shutdown()


@pytest.fixture
def mail() -> Iterator[MailServer]:
    made = MailServer()
    yield made
    made.controller.stop()


@pytest.fixture
def settings(settings: Settings, mail: MailServer) -> Settings:
    more = {"allow_private_webhooks": True, "smtp_url": mail.url, "mail_from": "lens@shop.example.com"}
    return Settings(**settings.model_dump() | more | {"public_url": "https://lens.example.com"})


def _deliver(app: FastAPI) -> int:
    parts = app.state

    async def send() -> int:
        mailer = Mailer(parts.settings.smtp_url.get_secret_value(), parts.settings.mail_from)
        sender = HttpSender(
            parts.secret, parts.webhook_guard, mailer=mailer, public_url="https://lens.example.com"
        )
        try:
            return await deliver_due(parts.database, parts.clock, sender, 60, 10)
        finally:
            await sender.close()

    return asyncio.run(send())


def _add(desk: Desk, kind: str, address: str, secret: str = "", **more: Any) -> Any:
    page = desk.get("/notifications")
    events = more.pop("event", ["report.deadline_warning", "report.established"])
    return desk.send(
        page, "/notifications/new", kind=kind, address=address, secret=secret, event=events, **more
    )


def _publish(app: FastAPI, kind: WebhookType, account: str = "shop-1", **more: Any) -> None:
    data = {**simulator.EXAMPLES[kind], "account": account, **more}
    with app.state.database.transaction() as session:
        outbox.publish(session, "tnt_default", app.state.clock(), kind, data["report_id"], data)


def _channel(app: FastAPI) -> WebhookEndpoint:
    query = select(WebhookEndpoint).where(
        WebhookEndpoint.kind != "webhook", WebhookEndpoint.deleted_at.is_(None)
    )
    with app.state.database.reading() as session:
        row: WebhookEndpoint = session.execute(query).scalar_one()
        return row


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "email"])
def test_a_chat_gets_the_warning_as_its_robots_take_it(
    workflow_app: FastAPI, robot: Robot, kind: str
) -> None:
    robot.answer = TAKEN.get(kind, robot.answer)
    shop = Desk(workflow_app, "shop-1", "zh")
    assert _add(shop, kind, robot.url, "SEC-of-the-robot", language="zh").status_code == 303
    _publish(workflow_app, WebhookType.REPORT_DEADLINE_WARNING)
    _publish(workflow_app, WebhookType.REPORT_DEADLINE_WARNING, account="shop-2")  # not its shop
    _publish(workflow_app, WebhookType.REPORT_NEEDS_REVIEW)  # not wanted
    assert _deliver(workflow_app) == 1
    [(path, body)] = robot.got
    text = {"slack": body.get("text"), "feishu": (body.get("content") or {}).get("text")}.get(kind)
    text = text if isinstance(text, str) else body["text"]["content"]
    assert (
        "退款 9911223344：距平台处理还有 2 小时" in text and "https://lens.example.com/reports/rpt_" in text
    )
    secret = b"SEC-of-the-robot"
    if kind == "dingtalk":
        query = {name: values[0] for name, values in parse_qs(urlsplit(path).query).items()}
        said = f"{query['timestamp']}\n{secret.decode()}".encode()
        assert query["sign"] == base64.b64encode(hmac.new(secret, said, hashlib.sha256).digest()).decode()
        assert query["access_token"] == "tok-12345678" and len(query["timestamp"]) == 13
    if kind == "feishu":
        said = f"{body['timestamp']}\n{secret.decode()}".encode()
        assert body["sign"] == base64.b64encode(hmac.new(said, b"", hashlib.sha256).digest()).decode()
    row = _channel(workflow_app)
    assert "tok-12345678" not in f"{row.url}{row.sealed}" and row.url.endswith("…5678")


def test_what_a_robot_refuses_with_200_is_tried_again_and_told_on_the_page(
    workflow_app: FastAPI, robot: Robot, moving_clock: Any
) -> None:
    shop = Desk(workflow_app, "shop-1")
    _add(shop, "dingtalk", robot.url)
    robot.answer = '{"errcode":310000,"errmsg":"sign not match"}'
    sent = shop.send(shop.get("/notifications"), f"/notifications/{_channel(workflow_app).id}/test")
    assert sent.headers["location"] == "/notifications?tried=1"
    assert _deliver(workflow_app) == 1 and "[Test]" in robot.got[0][1]["text"]["content"]
    page = shop.get("/notifications").text
    assert "it answered “310000: sign not match”" in page and ">fails<" in page
    shown = Desk(workflow_app, "shop-1", "zh").get("/notifications").text
    assert "群机器人未接受消息，应答为“310000: sign not match”" in shown and "it answered" not in shown
    robot.answer = '{"errcode":0}'
    moving_clock.forward(minutes=1)
    assert _deliver(workflow_app) == 1
    assert ">works<" in shop.get("/notifications").text
    with workflow_app.state.database.reading() as session:
        assert session.execute(select(WebhookDelivery.attempts)).scalar_one() == 2


def test_a_mail_arrives_and_a_refused_address_is_told(workflow_app: FastAPI, mail: MailServer) -> None:
    shop = Desk(workflow_app, "shop-1")
    _add(shop, "email", "refunds@shop.example.com", language="en")
    _publish(workflow_app, WebhookType.REPORT_ESTABLISHED)
    assert _deliver(workflow_app) == 1
    [message] = mail.got
    assert message["Subject"] == "Refund 9911223344: the photo was found fake"
    assert message["To"] == "refunds@shop.example.com" and "lens@shop.example.com" in message["From"]
    assert message["Auto-Submitted"] == "auto-generated"
    assert "https://lens.example.com/reports/rpt_" in message.get_content()
    first = _channel(workflow_app).id
    shop.send(shop.get("/notifications"), f"/notifications/{first}/remove")
    _add(shop, "email", "nobody@shop.example.com")
    _publish(workflow_app, WebhookType.REPORT_ESTABLISHED)
    assert _deliver(workflow_app) == 1 and len(mail.got) == 1
    assert "550 no such mailbox" in shop.get("/notifications").text


def test_a_password_goes_over_tls_alone(mail: MailServer) -> None:
    told = notice({"type": "report.established", "data": simulator.EXAMPLES[TOLD[2]]}, "en", "")
    secret = Mailer(mail.url.replace("smtp://", "smtp://me:pass@"), "lens@shop.example.com")
    wrong = secret.send("a@shop.example.com", told, "evt_1")
    assert wrong and "could not be used" in wrong and mail.logins == [] and mail.got == []
    assert Mailer("", "").send("a@shop.example.com", told, "evt_1") is not None


def test_each_role_has_its_own_and_the_api_s_endpoints_are_others(
    workflow_app: FastAPI, robot: Robot, as_caller: Callable[..., Any]
) -> None:
    robot.answer = "ok"
    root, other = Desk(workflow_app, "root"), Desk(workflow_app, "shop-2")
    assert _add(root, "slack", robot.url).status_code == 303
    mine = _channel(workflow_app).id
    assert mine not in other.get("/notifications").text and mine in root.get("/notifications").text
    for path in (f"/notifications/{mine}/test", f"/notifications/{mine}/remove"):
        page = other.get("/notifications")
        assert other.send(page, "/notifications/new") is not None
        form = other.hidden(page, "/notifications/new")
        assert other.http.post(path, data=form).status_code == 404
    for account in ("shop-1", "shop-2"):
        _publish(workflow_app, WebhookType.REPORT_ESTABLISHED, account=account)
    assert _deliver(workflow_app) == 2, "the administrator's are told of every shop"
    api = as_caller("root")
    assert api.get("/v1/webhook-endpoints").json()["items"] == []
    assert api.patch(f"/v1/webhook-endpoints/{mine}", json={"enabled": False}).status_code == 404
    judge = Desk(workflow_app, "ann")
    assert "data-notify" in judge.get("/notifications").text
    assert judge.http.post("/notifications/new", data={}).status_code == 403


@pytest.mark.parametrize(
    ("kind", "address", "words"),
    [
        ("email", "two@a.example.com, b@c.example.com", "one e-mail address"),
        ("email", "x@a.example.com\nBcc: y@z.example.com", "one e-mail address"),
        ("slack", "https://evil.example.com/services/T0", "not the address of that chat"),
        ("wecom", "https://oapi.dingtalk.com/robot/send?access_token=1", "not the address of that chat"),
        ("slack", "", "not the address of that chat"),
    ],
)
def test_wrong_addresses_are_refused_with_what_to_do(
    workflow_app: FastAPI, kind: str, address: str, words: str
) -> None:
    workflow_app.state.settings.allow_private_webhooks = False
    shop = Desk(workflow_app, "shop-1")
    answer = _add(shop, kind, address)
    assert answer.status_code == 422 and words in answer.text
    assert "No" in answer.text and 'value="report.established" checked' in answer.text


def test_nobody_s_mailbox_is_filled_with_tests(workflow_app: FastAPI, mail: MailServer) -> None:
    shop = Desk(workflow_app, "shop-1")
    _add(shop, "email", "refunds@shop.example.com")
    path = f"/notifications/{_channel(workflow_app).id}/test"
    codes = [shop.send(shop.get("/notifications"), path).status_code for _ in range(4)]
    assert codes == [303, 303, 303, 409]
    codes = []
    for name in ("refunds", *map(str, range(8))):
        shop.send(shop.get("/notifications"), path.replace("/test", "/remove"))
        _add(shop, "email", f"{name}@shop.example.com")
        path = f"/notifications/{_channel(workflow_app).id}/test"
        codes.append(shop.send(shop.get("/notifications"), path).status_code)
    assert codes == [409, *[303] * 7, 409], (
        "added again it is the same address; and ten are for a shop, wherever to"
    )
    workflow_app.state.clock.forward(minutes=11)
    assert shop.send(shop.get("/notifications"), path).status_code == 303


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_event_that_people_are_told_of_has_words(language: Any) -> None:
    for kind in TOLD:
        told = notice(
            {"type": kind.value, "data": simulator.EXAMPLES[kind]}, language, "https://l.example.com"
        )
        assert "9911223344" in told.title and "shop-1" in told.text and "{" not in told.text
    overdue = {**simulator.EXAMPLES[TOLD[0]], "about": "appeal", "before_deadline": None}
    assert notice({"type": TOLD[0].value, "data": overdue}, language, "").title
    assert set(HOSTS) < set(KINDS) and is_address("a@b.example") and not is_address("a@b")
