"""What goes in and comes out, as OpenAPI shows it."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from refundlens.model.names import Defect
from refundlens.serving.kit.clock import Moment, Timestamp
from refundlens.serving.kit.schema import Answer, Given, from_base64
from refundlens.serving.storage.tables import Image
from refundlens.serving.workflow.states import Outcome, RefundStatus, Source, Supplier

MOST_PHOTOS = 32
"""Of one refund; platforms allow nine in a claim, and chats and reviews have some more."""
EXAMPLE_IN: dict[str, Any] = {
    "account": "shop-42",
    "platform": "taobao",
    "platform_version": 1700000000123,
    "status": "open",
    "amount": {"value": 12800, "currency": "CNY"},
    "buyer": "open_uid_8f3a",
    "claim": {"type": "hole", "text": "There is a hole in the front."},
    "deadline_at": "2026-11-24T08:00:00Z",
    "images": {"refund": [{"name": "a.jpg", "data": "/9j/4AAQSkZJRg..."}]},
}
EXAMPLE: dict[str, Any] = {
    "refund_id": "20261122000123",
    "version": 1,
    "account": "shop-42",
    "platform": "taobao",
    "platform_version": 1700000000123,
    "status": "open",
    "amount": {"value": 12800, "currency": "CNY"},
    "buyer": "buyer:5f0c2e7d9a41...",
    "claim": {"type": "hole", "text": "There is a hole in the front."},
    "deadline_at": "2026-11-24T08:00:00.000Z",
    "outcome": "undecided",
    "outcome_final": False,
    "voided": False,
    "images": [
        {
            "id": "img_01KAMZ5S8GQ3V6T0C9R4X2Y7AB",
            "source": "refund",
            "supplied_by": "platform",
            "name": "a.jpg",
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "width": 1080,
            "height": 1440,
            "url": "/v1/images/img_01KAMZ5S8GQ3V6T0C9R4X2Y7AB",
            "report_id": None,
        }
    ],
    "created_at": "2026-11-22T08:00:00.000Z",
    "updated_at": "2026-11-22T08:00:00.000Z",
}


def _decoded(value: object) -> object:
    if isinstance(value, str):
        try:
            return from_base64(value)
        except ValueError as error:
            raise ValueError("this is not base64") from error
    raise ValueError("the file's bytes in base64")


class PhotoIn(Given):
    """A photo's bytes, or the SHA-256 of one that this refund has already."""

    model_config = ConfigDict(extra="forbid")

    data: Annotated[bytes, BeforeValidator(_decoded)] | None = Field(
        default=None, description="the file in base64", json_schema_extra={"type": "string"}
    )
    sha256: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")
    name: str | None = Field(default=None, max_length=255)
    signature: Annotated[bytes, BeforeValidator(_decoded), Field(min_length=64, max_length=64)] | None = (
        Field(
            default=None,
            description="the platform's Ed25519 signature in base64 (docs/platforms.md): "
            "the photo then counts as the platform's",
            json_schema_extra={"type": "string"},
        )
    )

    @model_validator(mode="after")
    def _one(self) -> "PhotoIn":
        if (self.data is None) == (self.sha256 is None):
            raise ValueError("give either `data` or `sha256`")
        return self


class Amount(Given):
    """Money as the platforms' own APIs count it: 12800 fen are 128.00 yuan."""

    model_config = ConfigDict(extra="forbid")

    value: int = Field(ge=0, le=10**15, description="in the currency's smallest unit")
    currency: str = Field(default="CNY", pattern="^[A-Z]{3}$", description="ISO 4217")


class Claim(Given):
    """What the buyer says is wrong."""

    model_config = ConfigDict(extra="forbid")

    type: Defect | None = None
    text: str = Field(default="", max_length=10_000)


class RefundIn(Given):
    """A refund as the platform has it now. Photos that are left out stay; none is ever removed by this."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": EXAMPLE_IN})

    account: str | None = Field(
        default=None,
        min_length=1,
        max_length=120,
        description="the shop; a merchant's key knows its own, others must say",
    )
    platform: str | None = Field(default=None, max_length=40)
    platform_version: int | None = Field(
        default=None, ge=0, lt=2**63, description="the platform's own version: an older one is refused"
    )
    status: RefundStatus = RefundStatus.OPEN
    amount: Amount
    buyer: str = Field(
        min_length=1, max_length=200, description="the platform's reference; kept as a keyed hash only"
    )
    claim: Claim = Claim()
    deadline_at: Moment | None = Field(
        default=None, description="when the platform decides by itself; RFC 3339 with a zone"
    )
    images: dict[Source, list[PhotoIn]] = Field(
        default_factory=dict, description="the photos by where they came from"
    )

    @model_validator(mode="after")
    def _bounded(self) -> "RefundIn":
        if sum(len(photos) for photos in self.images.values()) > MOST_PHOTOS:
            raise ValueError(f"at most {MOST_PHOTOS} photos of one refund")
        return self


class VoidIn(Given):
    """Why a mirror is taken back."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field(min_length=1, max_length=5_000)


def image_url(image: Image) -> str | None:
    return None if image.erased_at else f"/v1/images/{image.id}"


class ImageOut(Answer):
    id: str
    source: Source
    supplied_by: Supplier | None = Field(
        description="who sent it; none of photos from before that was written down"
    )
    name: str | None
    sha256: str
    width: int
    height: int
    url: str | None = Field(description="none once the photo was erased")
    report_id: str | None = Field(description="the newest report about this photo")


class RefundOut(Answer):
    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    refund_id: str
    version: int
    account: str
    platform: str | None
    platform_version: int | None
    status: RefundStatus
    amount: Amount
    buyer: str = Field(description="a keyed hash of the platform's reference")
    claim: Claim
    deadline_at: Timestamp | None
    outcome: Outcome
    outcome_final: bool
    voided: bool = Field(description="an administrator took this mirror back")
    images: list[ImageOut]
    created_at: Timestamp
    updated_at: Timestamp


class RefundPage(BaseModel):
    items: list[RefundOut]
    next_cursor: str | None
