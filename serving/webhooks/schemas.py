"""What goes in and comes out of the webhooks' endpoints, as OpenAPI shows it."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from refundlens.serving.events.outbox import WebhookType
from refundlens.serving.kit.clock import Timestamp
from refundlens.serving.kit.schema import Answer, Given
from refundlens.serving.webhooks.ssrf import MOST_CHARACTERS

ENDPOINT_ID = "whe_01KAMZ5S8GQ3V6T0C9R4X2Y7AB"
DELIVERY_ID = "whd_01KAMZ5S8GQ3V6T0C9R4X2Y7AC"
EVENT_ID = "evt_01KAMZ5S8GQ3V6T0C9R4X2Y7AD"
ENDPOINT_EXAMPLE: dict[str, Any] = {
    "id": ENDPOINT_ID,
    "url": "https://shop.example.com/hooks/refundlens",
    "description": "refund desk",
    "events": ["report.established", "dispute.outcome_changed"],
    "enabled": True,
    "disabled_reason": None,
    "failing_since": None,
    "secret_number": 1,
    "previous_secret_until": None,
    "created_at": "2026-11-22T08:00:00.000Z",
    "updated_at": "2026-11-22T08:00:00.000Z",
}
SECRET_EXAMPLE: dict[str, Any] = {
    **ENDPOINT_EXAMPLE,
    "secret": "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oDazfnVpXxcGg=",
}
DELIVERY_EXAMPLE: dict[str, Any] = {
    "id": DELIVERY_ID,
    "event_id": EVENT_ID,
    "event_type": "report.established",
    "endpoint_id": ENDPOINT_ID,
    "replay": 0,
    "state": "pending",
    "attempts": 2,
    "next_at": "2026-11-22T08:05:06.000Z",
    "status": 502,
    "response": "Bad Gateway",
    "error": None,
    "created_at": "2026-11-22T08:00:00.000Z",
    "ended_at": None,
}
PAYLOAD_EXAMPLE = (
    '{"type":"report.established","timestamp":"2026-11-22T08:00:00.000Z","data":{"id":"rpt_01KAMZ5S8G"}}'
)

DeliveryState = Literal["pending", "delivered", "failed", "cancelled"]


class EndpointIn(Given):
    """A new endpoint."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "example": {name: ENDPOINT_EXAMPLE[name] for name in ("url", "description", "events")}
        },
    )

    url: str = Field(
        min_length=1,
        max_length=MOST_CHARACTERS,
        description="https, a public host, no user or password; checked now and again at each delivery",
    )
    description: str = Field(default="", max_length=200, description="for people")
    events: list[WebhookType] = Field(
        default_factory=list, max_length=len(WebhookType), description="the types it wants; empty for all"
    )


class EndpointPatch(Given):
    """What is to change; what is absent or null stays."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"enabled": True}})

    url: str | None = Field(default=None, min_length=1, max_length=MOST_CHARACTERS)
    description: str | None = Field(default=None, max_length=200)
    events: list[WebhookType] | None = Field(default=None, max_length=len(WebhookType))
    enabled: bool | None = Field(
        default=None,
        description="false: nothing is sent, and what waits is cancelled; true: used again, also after we disabled it",
    )


class RotationIn(Given):
    """How long the old secret signs beside the new one."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"overlap_hours": 24}})

    overlap_hours: float = Field(default=24, ge=0, le=168, description="0 where the old secret got out")


class TrialIn(Given):
    """Which event the example is of."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": {"type": "report.established"}})

    type: WebhookType = WebhookType.REPORT_ESTABLISHED


class Endpoint(Answer):
    """Where events are sent."""

    model_config = ConfigDict(json_schema_extra={"example": ENDPOINT_EXAMPLE})

    id: str
    url: str
    description: str
    events: list[WebhookType] = Field(description="empty for all")
    enabled: bool
    disabled_reason: str | None
    failing_since: Timestamp | None = Field(
        description="when the first of the failures since the last success was"
    )
    secret_number: int = Field(description="which secret signs; each rotation adds one")
    previous_secret_until: Timestamp | None = Field(
        validation_alias="previous_until", description="until then the secret before it signs as well"
    )
    created_at: Timestamp
    updated_at: Timestamp


class EndpointWithSecret(Endpoint):
    """The only answer that holds the secret; a repeated request with its Idempotency-Key gets it again."""

    model_config = ConfigDict(json_schema_extra={"example": SECRET_EXAMPLE})

    secret: str = Field(
        description="what receivers verify with; give it to the Standard Webhooks library as it is"
    )


class EndpointPage(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={"example": {"items": [ENDPOINT_EXAMPLE], "next_cursor": None}}
    )

    items: list[Endpoint]
    next_cursor: str | None


class Delivery(Answer):
    """One event on its way to one endpoint."""

    model_config = ConfigDict(json_schema_extra={"example": DELIVERY_EXAMPLE})

    id: str
    event_id: str = Field(
        description="the `webhook-id` that the receiver sees, the same at every attempt and replay"
    )
    event_type: WebhookType
    endpoint_id: str
    replay: int = Field(description="0 for the first; each redelivery asked for adds one")
    state: DeliveryState
    attempts: int = Field(description="made so far")
    next_at: Timestamp | None = Field(
        description="when the next attempt is due, or the one being made is given up"
    )
    status: int | None = Field(description="HTTP status of the last attempt; null where there was no answer")
    response: str | None = Field(description="the first 2,048 characters of its body")
    error: str | None = Field(description="why there was no answer, or why it does not count")
    created_at: Timestamp
    ended_at: Timestamp | None


class DeliveryWithPayload(Delivery):
    """A delivery with what it carries."""

    model_config = ConfigDict(json_schema_extra={"example": {**DELIVERY_EXAMPLE, "payload": PAYLOAD_EXAMPLE}})

    payload: str = Field(description="the JSON text as it is signed and sent")


class DeliveryPage(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={"example": {"items": [DELIVERY_EXAMPLE], "next_cursor": None}}
    )

    items: list[Delivery]
    next_cursor: str | None
