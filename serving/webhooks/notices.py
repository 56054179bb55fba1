"""Events in words, for people: as mail, or as a message of the robots of DingTalk, Feishu, WeCom and Slack.

In: an event's JSON, and where it goes. Out: a `Notice`; for a chat the URL and the body to post, signed where its
robots sign, and what its answer means: three of the four answer 200 to what they refuse.

>>> Target.read(Target("https://hooks.slack.com/services/T0/B0/x").text()).address
'https://hooks.slack.com/services/T0/B0/x'
"""

import base64
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus, urlsplit

from refundlens.serving.events.outbox import WebhookType
from refundlens.serving.kit.language import Language
from refundlens.serving.kit.texts import texts

EMAIL = "email"
HOSTS: Mapping[str, tuple[str, ...]] = {
    "dingtalk": ("oapi.dingtalk.com",),
    "feishu": ("open.feishu.cn", "open.larksuite.com"),
    "wecom": ("qyapi.weixin.qq.com",),
    "slack": ("hooks.slack.com", "hooks.slack-gov.com"),
}
"""Where each chat's robots are."""
SIGNING = ("dingtalk", "feishu")
"""Chats whose robots may want a signature."""
KINDS = (EMAIL, *HOSTS)
WARNINGS = (WebhookType.REPORT_DEADLINE_WARNING, WebhookType.REPORT_DEADLINE_PASSED)
VERDICTS = (
    WebhookType.REPORT_ESTABLISHED,
    WebhookType.REPORT_NOT_ESTABLISHED,
    WebhookType.APPEAL_UPHELD,
    WebhookType.APPEAL_OVERTURNED,
)
OTHERS = (WebhookType.REPORT_NEEDS_REVIEW, WebhookType.APPEAL_OPENED)
TOLD = (*WARNINGS, *VERDICTS, *OTHERS)
"""What people are told of."""


@dataclass(frozen=True)
class Target:
    """address: a mail address or a robot's URL, its token in it. signing_secret: "" where it does not sign."""

    address: str
    signing_secret: str = ""

    def text(self) -> str:
        return json.dumps([self.address, self.signing_secret])

    @classmethod
    def read(cls, text: str) -> "Target":
        return cls(*json.loads(text))

    def shown(self) -> str:
        """What may be seen of it: a robot's URL without its token."""
        parts = urlsplit(self.address)
        return f"{parts.scheme}://{parts.netloc}/…{self.address[-4:]}" if parts.netloc else self.address


@dataclass(frozen=True)
class Notice:
    title: str
    text: str


def notice(event: Mapping[str, Any], language: Language, public_url: str) -> Notice:
    """event: as webhooks carry it, of a type in `TOLD`."""
    words, data = texts("notices", language), event["data"]
    of, what = event["type"].split(".")
    if data.get("about") == "appeal":
        of, what = "appeal", "overdue"
    left = words["left"].get(data.get("before_deadline") or "", "")
    title = words["titles"][of][what].format(refund=data["refund_id"], left=left)
    if event.get("test"):
        title = words["test"].format(title=title)
    lines = [title, words["shop"].format(shop=data["account"])]
    if event.get("test"):
        lines.append(words["test_note"])
    elif public_url:
        lines.append(f"{public_url.rstrip('/')}/reports/{data['report_id']}")
    return Notice(title, "\n".join(lines))


def chat_message(kind: str, to: Target, told: Notice, moment: datetime) -> tuple[str, dict[str, Any]]:
    """URL and JSON body, as each chat's robots take them."""
    if kind == "slack":
        return to.address, {"text": told.text}
    if kind == "feishu":
        signed: dict[str, Any] = {}
        if to.signing_secret:
            seconds = str(int(moment.timestamp()))
            signed = {"timestamp": seconds, "sign": _signature(f"{seconds}\n{to.signing_secret}", "")}
        return to.address, {**signed, "msg_type": "text", "content": {"text": told.text}}
    url = to.address
    if kind == "dingtalk" and to.signing_secret:
        stamp = str(int(moment.timestamp() * 1000))
        sign = quote_plus(_signature(to.signing_secret, f"{stamp}\n{to.signing_secret}"))
        url = f"{url}{'&' if '?' in url else '?'}timestamp={stamp}&sign={sign}"
    return url, {"msgtype": "text", "text": {"content": told.text}}


def refusal(kind: str, answer: str) -> str | None:
    """Why a robot that answered 200 did not take it; none where it did."""
    if kind == "slack":
        return None  # it has statuses
    try:
        said = json.loads(answer)
        code = said.get("errcode", said.get("code", said.get("StatusCode")))
        words = said.get("errmsg") or said.get("msg") or said.get("StatusMessage") or ""
    except (ValueError, AttributeError):
        return "it answered no JSON, so it is no robot's address"
    return None if code == 0 else f"it answered {code}: {words}"[:300]


def _signature(key: str, message: str) -> str:
    return base64.b64encode(hmac.digest(key.encode(), message.encode(), "sha256")).decode()
