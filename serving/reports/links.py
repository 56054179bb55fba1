"""Status links: each side follows a report without an account.

In: a report and a side. Out: a token that says both, ends, and cannot be made by anybody else; and back. The token is
in the address, so it is told to nobody but the side; it opens one report and nothing else.
"""

import base64
import binascii
import hmac
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

from refundlens.serving.kit.errors import Gone, NotFound
from refundlens.serving.storage.secret import Secret

Side = Literal["merchant", "buyer"]
SIDES: tuple[Side, ...] = ("merchant", "buyer")
LIFETIME = timedelta(days=90)
"""Longer than any dispute with its appeal; a fresh link can always be had from the report."""
_LABEL = "status link"
_SIGNATURE_BYTES = 16
"""128 bits: nobody guesses that, and the address stays short enough for a text message."""


@dataclass(frozen=True)
class Link:
    report_id: str
    side: Side


class LinkEnded(Gone):
    """A link of ours that ended at a time. refund: the number to ask with."""

    def __init__(self, link: Link, ended: datetime, refund: str = "") -> None:
        number = f", by the number of the refund: {refund}" if refund else ""
        detail = f"This link ended on {ended:%Y-%m-%d}. Ask the platform for a new one{number}."
        says = f"link_ended_{link.side}"
        super().__init__(
            "link_ended", detail, says=says, side=link.side, ended=f"{ended:%Y-%m-%d}", refund=refund
        )
        self.link, self.ended = link, ended


def token(secret: Secret, report_id: str, side: Side, now: datetime) -> str:
    """For the address /track/{token}. Rounded to a day, so that a page shown twice shows the same link."""
    day = int((now + LIFETIME).timestamp()) // 86400
    said = f"{report_id}.{side[0]}.{day}"
    return f"{_text(said.encode())}.{_text(_signature(secret, said))}"


def read(secret: Secret, value: str, now: datetime) -> Link:
    """Raises NotFound for a token that is not ours, 410 for one that has ended."""
    try:
        said_part, signature_part = value.split(".")
        said = _bytes(said_part).decode()
        genuine = hmac.compare_digest(_bytes(signature_part), _signature(secret, said))
        report_id, initial, day = said.split(".")
        ends = int(day) * 86400
    except (ValueError, binascii.Error) as error:
        raise _unknown() from error
    if not genuine:
        raise _unknown()
    link = Link(report_id, "merchant" if initial == "m" else "buyer")
    if now.timestamp() >= ends:
        raise LinkEnded(link, datetime.fromtimestamp(ends, UTC))
    return link


def _signature(secret: Secret, said: str) -> bytes:
    return secret.derive(_LABEL, said)[:_SIGNATURE_BYTES]


def _unknown() -> NotFound:
    return NotFound("This link leads nowhere. Check that it was copied whole.")


def _text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
