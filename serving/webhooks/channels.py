"""Where people want to be told: added, tried, taken away. A channel is a webhook endpoint of another kind, so that its
messages are queued, retried and given up like any other.

In: a context whose transaction the caller ends. Out: rows, with an audit event for each change. A merchant has those of
his shop; an administrator those that are told of all shops.
"""

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlsplit

from sqlalchemy.orm import Session

from refundlens.serving.events import audit
from refundlens.serving.events.outbox import WebhookType
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.errors import Conflict, Invalid, NotFound
from refundlens.serving.kit.ids import make_id
from refundlens.serving.kit.language import Language
from refundlens.serving.kit.principal import Principal
from refundlens.serving.storage.secret import Secret
from refundlens.serving.storage.tables import WebhookDelivery, WebhookEndpoint
from refundlens.serving.webhooks import repository, simulator
from refundlens.serving.webhooks.mail import is_address
from refundlens.serving.webhooks.notices import EMAIL, HOSTS, KINDS, TOLD, Target
from refundlens.serving.webhooks.queue import cancel_pending
from refundlens.serving.webhooks.ssrf import MOST_CHARACTERS

MOST_CHANNELS = 10
"""Of a shop."""
TESTS, TESTS_OF_SHOP, TESTS_WITHIN = 3, 10, timedelta(minutes=10)
"""Test messages to an address, and of a shop: nobody's mailbox is filled with them, however often its channel is taken
away and added again."""


@dataclass(frozen=True)
class ChannelIn:
    """A channel to be added. events: at least one of `TOLD`."""

    kind: str
    target: Target
    events: list[str]
    language: Language


@dataclass(frozen=True)
class ChannelState:
    """last: what was sent to it last."""

    row: WebhookEndpoint
    last: WebhookDelivery | None

    @property
    def failed(self) -> str | None:
        """Why that did not arrive; none where it did, or nothing was sent."""
        if self.last is None or self.last.state == "delivered":
            return None
        status = self.last.status
        return self.last.error or (f"the receiver answered {status}" if status is not None else None)


def check_channel(asked: ChannelIn, any_host: bool) -> None:
    """Raises Invalid. any_host: closed networks have robots of their own."""
    address = asked.target.address
    if asked.kind not in KINDS:
        raise Invalid("invalid_request", f"kind: one of {', '.join(KINDS)}")
    if not asked.events or set(asked.events) - set(TOLD):
        raise Invalid("no_event_chosen", "Choose at least one thing to be told of.")
    if asked.kind == EMAIL:
        if not is_address(address):
            raise Invalid("not_an_address", "Write one e-mail address, such as refunds@shop.example.com.")
    elif len(address) > MOST_CHARACTERS or (
        not any_host and urlsplit(address).hostname not in HOSTS[asked.kind]
    ):
        hosts = " or ".join(HOSTS[asked.kind])
        raise Invalid("not_a_robot", f"Paste the robot's whole address, which begins with https://{hosts}/")


def list_channels(session: Session, principal: Principal) -> list[ChannelState]:
    """Newest first."""
    rows = repository.channels(session, principal.tenant, principal.account)
    found = []
    for row in rows:
        last = repository.deliveries(session, principal.tenant, row.id, None, None, 1)
        found.append(ChannelState(row, last[0][0] if last else None))
    return found


def add_channel(context: Context, secret: Secret, asked: ChannelIn) -> WebhookEndpoint:
    """asked: as `check_channel` let it pass. Raises Conflict where there are too many."""
    session, principal, now = context.session, context.principal, context.now
    if len(repository.channels(session, principal.tenant, principal.account)) >= MOST_CHANNELS:
        raise Conflict("too_many_channels", f"There are {MOST_CHANNELS} already; take one away first.")
    made = WebhookEndpoint(
        id=make_id("ntf", now),
        tenant_id=principal.tenant,
        version=1,
        kind=asked.kind,
        account=principal.account,
        language=asked.language,
        url=asked.target.shown(),
        sealed=secret.seal(asked.target.text()),
        events=asked.events,
        created_at=now,
        updated_at=now,
    )
    session.add(made)
    session.flush()
    _audit(context, made, "created")
    return made


def test_channel(context: Context, identifier: str) -> None:
    """Send it an example of the first thing it is told of. Raises NotFound, Conflict."""
    row = _find(context, identifier)
    since = context.now - TESTS_WITHIN
    late = repository.addresses_tested(context.session, row.tenant_id, row.account, since)
    if len(late) >= TESTS_OF_SHOP or late.count(row.url) >= TESTS:
        raise Conflict("too_many_tests", "It was told enough for now; try it again in ten minutes.")
    simulator.send_example(context, row, WebhookType(row.events[0]))


def remove_channel(context: Context, identifier: str) -> None:
    """Raises NotFound."""
    row = _find(context, identifier)
    row.deleted_at, row.sealed = context.now, None
    cancel_pending(context.session, row.id, context.now)
    _audit(context, row, "deleted")


def _find(context: Context, identifier: str) -> WebhookEndpoint:
    principal = context.principal
    row = repository.channel(context.session, principal.tenant, principal.account, identifier, lock=True)
    if row is None:
        raise NotFound(f"There is no notification {identifier}.")
    return row


def _audit(context: Context, row: WebhookEndpoint, what: str) -> None:
    data = {"kind": row.kind, "events": row.events, "address_sha256": audit.text_hash(row.url)}
    fact = audit.Fact(f"notification.{what}", row.id, data=data)
    audit.append(context.session, row.tenant_id, context.now, context.principal.actor, fact)
