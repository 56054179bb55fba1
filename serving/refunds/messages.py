"""Mirrors a refund from the platform's own message.

In: a platform's name, its JSON, and what that cannot carry (`Addition`). Out: the refund, as from PUT /v1/refunds, and
what the adapter understood. A message that says only what changed leaves everything else as it is known.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import ValidationError

from refundlens.serving.kit.context import Context
from refundlens.serving.kit.errors import Conflict, Invalid, NotFound
from refundlens.serving.kit.roles import Role
from refundlens.serving.platforms import BARRIERS, READERS, RefundMirror, UnreadableRefund
from refundlens.serving.platforms.types import Platform, guess_claim
from refundlens.serving.refunds import service
from refundlens.serving.refunds.repository import Owner
from refundlens.serving.refunds.schemas import (
    MOST_PRODUCT_ID,
    MOST_TITLE,
    MOST_WORDS,
    REFUND_NUMBER,
    Addition,
    Amount,
    BarrierOut,
    Claim,
    PlatformReading,
    Product,
    RefundIn,
)
from refundlens.serving.refunds.service import PreparedPhoto
from refundlens.serving.storage.secret import Secret
from refundlens.serving.storage.tables import Refund

PLATFORMS: tuple[Platform, ...] = get_args(Platform)


def map_message(name: str, message: Mapping[str, Any]) -> RefundMirror:
    """Raises NotFound for a platform without an adapter, Invalid for a message that cannot be mirrored."""
    reader = next((READERS[known] for known in PLATFORMS if known == name), None)
    if reader is None:
        known = ", ".join(PLATFORMS)
        detail = f"There is no adapter for {name}; there are {known}. Map it yourself: PUT /v1/refunds/…"
        raise NotFound(detail)
    try:
        said = reader(message)
    except UnreadableRefund as error:
        raise Invalid(error.code, str(error)) from error
    if not re.fullmatch(REFUND_NUMBER, said.refund_id):
        detail = "A refund's number has 1 to 64 letters, digits and . : - _. Pass the platform's JSON on as it came."
        raise Invalid("malformed_field", detail)
    return said


def mirror_message(
    context: Context, secret: Secret, said: RefundMirror, added: Addition, photos: Sequence[PreparedPhoto]
) -> tuple[Refund, bool]:
    """(refund, whether it is new). Raises Conflict `refund_unknown` for a part of what nobody has sent whole, and as
    `service.mirror`."""
    principal = context.principal
    account = principal.account if principal.role is Role.MERCHANT else added.account or said.account
    known = service.find_mirror(context, said.refund_id, Owner(account, said.platform))
    if known is None and said.partial:
        detail = f"This message says only what changed. Fetch refund {said.refund_id} from the platform and send that."
        raise Conflict("refund_unknown", detail)
    body = _as_refund(said, added, account, known)
    return service.mirror(context, secret, said.refund_id, body, photos)


def _as_refund(said: RefundMirror, added: Addition, account: str | None, known: Refund | None) -> RefundIn:
    """In the words of PUT /v1/refunds; `mirror` knows the photos already."""
    kept = known if said.partial else None
    amount = said.amount_minor
    if amount is None and known is not None:
        amount = known.amount_minor
    try:
        return RefundIn(
            account=account or (known.account if known else None),
            platform=said.platform,
            platform_version=said.platform_version,
            status=said.status,
            amount=Amount(value=amount or 0, currency=said.currency),
            product=added.product or _product(said, known),
            buyer=said.buyer_reference or added.buyer,
            claim=Claim(
                type=added.claim_type or _claim_type(said, known),  # type: ignore[arg-type]  # the table keeps a text
                text=kept.claim_text if kept else said.claim_text[:MOST_WORDS],
            ),
            deadline_at=kept.deadline_at if kept else said.deadline_at,
        )
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        detail = f"{place}: {first['msg']}. Pass the platform's JSON on as it came."
        raise Invalid("malformed_field", detail) from error


def _product(said: RefundMirror, known: Refund | None) -> Product | None:
    """What can be kept of a platform's own text: a name is no reason to refuse its refund. A name alone gives way to a
    product whose number is known, a number alone leaves the name that it has."""
    code, title = _on_one_line(said.product_id, MOST_PRODUCT_ID), _on_one_line(said.product_title, MOST_TITLE)
    if code is None and (title is None or (known is not None and known.product_id is not None)):
        return None
    if known is not None and title is None and known.product_id == code:
        title = known.product_title
    return Product(id=code, title=title)


def _on_one_line(text: str | None, most: int) -> str | None:
    """Without control characters and what is too long; none where nothing is left."""
    shown = "".join(" " if unicodedata.category(letter) == "Cc" else letter for letter in text or "")
    return " ".join(shown.split())[:most].strip() or None


def _claim_type(said: RefundMirror, known: Refund | None) -> str | None:
    """A guess from the words gives way to what somebody set."""
    if known is not None and (said.partial or known.claim_type != guess_claim(known.claim_text)):
        return known.claim_type
    return said.claim_type


def reading_of(said: RefundMirror) -> PlatformReading:
    return PlatformReading(
        raw_status=said.raw_status,
        partial=said.partial,
        barriers=[BarrierOut(code=code, text=BARRIERS[code]) for code in said.barriers],
        unknown=list(said.unknown),
    )
