"""Makes one POST of one message and says what became of it.

In: a message for an endpoint. Out: an `DeliveryResult`, always: whatever goes wrong is one. Nothing is followed,
decompressed or read beyond a few kilobytes, and nothing of the environment (proxies, .netrc) is used.

Signs messages as Standard Webhooks 1.0 says; receivers verify with any of its libraries.

In: the service's secret, an endpoint and which of its secrets count now, a message. Out: the three headers. No secret
is stored: each is derived from the service's own, the endpoint's id and a number that rotation raises.
"""

import asyncio
import base64
import json
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Protocol

import httpx
from cryptography.fernet import InvalidToken
from standardwebhooks import Webhook

from refundlens.serving.kit.language import Language
from refundlens.serving.storage.secret import Secret
from refundlens.serving.webhooks import notices
from refundlens.serving.webhooks.mail import Mailer
from refundlens.serving.webhooks.ssrf import PinnedTransport, UrlPolicy, UrlRefused

PREFIX = "whsec_"
OVERLAP = timedelta(hours=24)
"""How long the secret before a rotation signs, too: a working day to give receivers the new one."""


@dataclass(frozen=True)
class WebhookSigner:
    """Whose secrets sign. number: the secret in use; previous_until: until then the one before it signs as well."""

    endpoint_id: str
    number: int
    previous_until: datetime | None

    def numbers(self, now: datetime) -> list[int]:
        """The secrets that count now, the newest first."""
        both = self.previous_until is not None and now < self.previous_until and self.number > 1
        return [self.number, self.number - 1] if both else [self.number]


def secret_text(secret: Secret, endpoint_id: str, number: int) -> str:
    """A secret as its receiver gets it: `whsec_` and 32 bytes in base64."""
    return PREFIX + base64.b64encode(secret.derive("webhook", endpoint_id, str(number))).decode()


def headers(
    secret: Secret, signer: WebhookSigner, message_id: str, payload: str, now: datetime
) -> dict[str, str]:
    """The headers that prove a message is ours, was sent now, and is this one."""
    secrets = [secret_text(secret, signer.endpoint_id, number) for number in signer.numbers(now)]
    return sign_message(secrets, message_id, payload, now)


def sign_message(secrets: Sequence[str], message_id: str, payload: str, now: datetime) -> dict[str, str]:
    """The three headers. secrets: as receivers have them, each signs."""
    moment = now.astimezone(UTC)  # the library takes any zone for UTC
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(Webhook(one).sign(message_id, moment, payload) for one in secrets),
    }


TIMEOUT = 15.0
"""Seconds for everything: name, connection, request, answer. Standard Webhooks asks for 15 to 30."""
BODY_TIMEOUT = 2.0
"""Seconds that we listen to the body of an answer; receivers have little to say."""
KEPT_CHARACTERS = 2048
"""Of the answer, for whoever looks for the fault."""
READ_BYTES = 4 * KEPT_CHARACTERS
"""Of the answer's body, in which as many characters of UTF-8 fit."""
AGENT = "RefundLens-Webhooks/1.0"
_JSON = {
    "content-type": "application/json",
    "user-agent": AGENT,
    "accept": "*/*",
    "accept-encoding": "identity",  # else a small body may become a large one here
    "connection": "close",
}


@dataclass(frozen=True)
class Channel:
    """How a message is told. kind: `webhook` as it is, else in words, see `serving.webhooks.notices`. sealed: address
    and token of those."""

    kind: str = "webhook"
    sealed: str | None = None
    language: Language = "en"


@dataclass(frozen=True)
class Message:
    """payload: the JSON text, which is signed and sent as it is. moment: now, as the clock says."""

    url: str
    event_id: str
    payload: str
    signer: WebhookSigner
    moment: datetime
    channel: Channel = Channel()


@dataclass(frozen=True)
class DeliveryResult:
    """status: the receiver's, none if it gave none; then `error` says why."""

    status: int | None = None
    text: str | None = None
    retry_after: str | None = None
    error: str | None = None

    @property
    def delivered(self) -> bool:
        return self.error is None and self.status is not None and 200 <= self.status < 300


class Sender(Protocol):
    async def send(self, message: Message) -> DeliveryResult: ...


class HttpSender:
    """Belongs to one event loop; close it when done. One connection a message: what was checked is what is used."""

    def __init__(
        self,
        secret: Secret,
        guard: UrlPolicy,
        timeout: float = TIMEOUT,
        mailer: Mailer | None = None,
        public_url: str = "",
    ) -> None:
        self._secret, self._timeout = secret, timeout
        self._mailer, self._public_url = mailer or Mailer("", ""), public_url
        unshared = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        plain = httpx.AsyncHTTPTransport(trust_env=False, limits=unshared)
        self._client = httpx.AsyncClient(
            transport=PinnedTransport(guard, plain),
            timeout=timeout,
            trust_env=False,
            follow_redirects=False,
        )

    async def send(self, message: Message) -> DeliveryResult:
        try:
            # over all: a receiver that gives one byte a second stays under every other timeout
            async with asyncio.timeout(self._timeout):
                return await self._send(message)
        except UrlRefused as error:
            return DeliveryResult(error=str(error))
        except (TimeoutError, httpx.TimeoutException):
            return DeliveryResult(error=f"no answer within {self._timeout:g} seconds")
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
            return DeliveryResult(error=_reason(error))

    async def close(self) -> None:
        await self._client.aclose()

    async def _send(self, message: Message) -> DeliveryResult:
        if message.channel.kind != "webhook":
            return await self._tell(message)
        signed = headers(self._secret, message.signer, message.event_id, message.payload, message.moment)
        sent = {**signed, **_JSON}
        return await self._post(message.url, message.payload.encode(), sent)

    async def _tell(self, message: Message) -> DeliveryResult:
        """In words, to people."""
        kind = message.channel.kind
        try:
            to = notices.Target.read(self._secret.unseal(message.channel.sealed or ""))
        except InvalidToken:
            return DeliveryResult(error="its address was kept under another REFUNDLENS_SECRET; add it again")
        notice = notices.notice(json.loads(message.payload), message.channel.language, self._public_url)
        if kind == notices.EMAIL:
            wrong = await asyncio.to_thread(self._mailer.send, to.address, notice, message.event_id)
            return DeliveryResult(error=wrong) if wrong else DeliveryResult(250)
        url, body = notices.chat_message(kind, to, notice, message.moment)
        answer = await self._post(url, json.dumps(body, ensure_ascii=False).encode(), _JSON)
        refused = notices.refusal(kind, answer.text or "") if answer.delivered else None
        return replace(answer, error=refused) if refused else answer

    async def _post(self, url: str, body: bytes, sent: Mapping[str, str]) -> DeliveryResult:
        async with self._client.stream("POST", url, content=body, headers=sent) as response:
            text = await _beginning(response)
        moved = (
            "redirects are not followed; register the address it leads to" if response.is_redirect else None
        )
        return DeliveryResult(response.status_code, text, response.headers.get("retry-after"), moved)


async def _beginning(response: httpx.Response) -> str:
    """The first characters of a body, as far as they come in time: the status has said already what counts. NUL, which
    PostgreSQL's text cannot hold, is replaced."""
    read = bytearray()
    with suppress(TimeoutError, httpx.HTTPError):
        async with asyncio.timeout(BODY_TIMEOUT):
            async for part in response.aiter_raw():
                read += part
                if len(read) >= READ_BYTES:
                    break
    return bytes(read[:READ_BYTES]).decode("utf-8", "replace").replace("\0", "\ufffd")[:KEPT_CHARACTERS]


def _reason(error: Exception) -> str:
    """What the tenant is told: the kind of failure, not what our network looks like."""
    if "CERTIFICATE_VERIFY_FAILED" in str(error):
        return "its TLS certificate could not be verified"
    if isinstance(error, httpx.ConnectError):
        return "could not connect"
    return f"the connection failed ({type(error).__name__})"
