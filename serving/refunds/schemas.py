"""What goes in and comes out, as OpenAPI shows it."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from refundlens.model.names import Defect
from refundlens.serving.kit.clock import Moment, Timestamp
from refundlens.serving.kit.schema import Answer, Given, Line, Statement, from_base64
from refundlens.serving.storage.tables import Image
from refundlens.serving.workflow.states import Outcome, RefundStatus, Source, Supplier

MOST_PHOTOS = 32
"""Of one refund; platforms allow nine in a claim, and chats and reviews have some more."""
REFUND_NUMBER = r"^[\w.:\-]{1,64}$"
"""A platform's number of a refund: it stands in addresses."""
MOST_WORDS = 10_000
"""Characters of what a buyer says is wrong."""
MOST_PRODUCT_ID = 100
"""Characters; item numbers of platforms have under 20, shops' own codes up to 64."""
MOST_TITLE = 255
"""Characters of a product's title: the most that a platform takes."""
EXAMPLE_IN: dict[str, Any] = {
    "account": "shop-42",
    "platform": "taobao",
    "platform_version": 1700000000123,
    "status": "open",
    "amount": {"value": 12800, "currency": "CNY"},
    "product": {"id": "610938472615", "title": "Cotton T-shirt"},
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
    "product": {"id": "610938472615", "title": "Cotton T-shirt"},
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

EXAMPLE_MESSAGE: dict[str, Any] = {
    "refund_id": "20261122000123",
    "status": "WAIT_SELLER_AGREE",
    "refund_fee": "128.00",
    "refund_version": 1700000000123,
    "refund_phase": "aftersale",
    "dispute_type": "REFUND",
    "cs_status": 1,
    "num_iid": 610938472615,
    "title": "纯棉T恤",
    "seller_nick": "shop-42",
    "buyer_open_uid": "open_uid_8f3a",
    "reason": "质量问题",
    "desc": "袖口有个破洞",
    "refund_remind_timeout": {"exist_timeout": True, "timeout": "2026-11-24 16:00:00"},
    "refundlens": {"images": {"refund": [{"name": "a.jpg", "data": "/9j/4AAQSkZJRg..."}]}},
}
EXAMPLE_READING: dict[str, Any] = {
    "raw_status": "WAIT_SELLER_AGREE",
    "partial": False,
    "barriers": [],
    "unknown": [],
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
    text: str = Field(default="", max_length=MOST_WORDS)


class Product(Given):
    """What was bought. At least one of both."""

    model_config = ConfigDict(extra="forbid")

    id: Line | None = Field(
        default=None,
        max_length=MOST_PRODUCT_ID,
        description="the item's number on the platform, or the shop's own code of it: what statistics are counted by",
    )
    title: Line | None = Field(default=None, max_length=MOST_TITLE, description="its name, for people")

    @model_validator(mode="after")
    def _named(self) -> "Product":
        if self.id is None and self.title is None:
            raise ValueError("give `id`, `title` or both")
        return self


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
    product: Product | None = Field(default=None, description="left out, the one that is known stays")
    buyer: str | None = Field(
        min_length=1,
        max_length=200,
        description="the platform's reference; kept as a keyed hash only. null where the platform does not tell buyers "
        "apart: such a refund reaches nobody's record",
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


class Addition(Given):
    """What a platform's own message cannot carry."""

    model_config = ConfigDict(extra="forbid")

    account: str | None = Field(
        default=None,
        min_length=1,
        max_length=120,
        description="the shop, where the platform does not name it",
    )
    buyer: str | None = Field(
        default=None, min_length=1, max_length=200, description="where the platform's message names none"
    )
    claim_type: Defect | None = Field(
        default=None, description="in place of the guess from the buyer's words"
    )
    product: Product | None = Field(default=None, description="in place of the message's")
    images: dict[Source, list[PhotoIn]] = Field(
        default_factory=dict, description="the photos by where they came from"
    )


class PlatformMessage(BaseModel):
    """A refund, message, dispute or event as the platform sent it, all its members left as they came; in `refundlens`
    what it cannot carry."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"example": EXAMPLE_MESSAGE})

    refundlens: Addition = Addition()


class BarrierOut(BaseModel):
    """Why the platform lets this refund not be refused now. `code` is stable."""

    code: str
    text: str


class PlatformReading(BaseModel):
    """What the adapter understood beyond the mirror."""

    raw_status: str = Field(description="as the platform wrote it")
    partial: bool = Field(description="a message that says only what changed; send the whole refund, too")
    barriers: list[BarrierOut] = Field(description="empty where the platform lets the refund be refused")
    unknown: list[str] = Field(description="`field=value` that this version does not know")


class VoidIn(Given):
    """Why a mirror is taken back."""

    model_config = ConfigDict(extra="forbid")

    reason: Statement = Field(max_length=5_000)


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
    product: Product | None = Field(description="none where nobody named it")
    buyer: str | None = Field(
        description="a keyed hash of the platform's reference; none where nobody was named"
    )
    claim: Claim
    deadline_at: Timestamp | None
    outcome: Outcome
    outcome_final: bool
    voided: bool = Field(description="an administrator took this mirror back")
    images: list[ImageOut]
    created_at: Timestamp
    updated_at: Timestamp


class MirroredMessage(RefundOut):
    """The refund as it stands after a platform's message."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE | {"reading": EXAMPLE_READING}})

    reading: PlatformReading


class RefundPage(BaseModel):
    items: list[RefundOut]
    next_cursor: str | None
