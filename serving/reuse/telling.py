"""Says that a picture was used in other claims: counts for everybody, which claims only for those who may see them.

In: a photo of a refund, or one that somebody asks about. Out: `Reused`, reasons with basis `derived`, and the API's
JSON. A merchant's own listing picture is in every claim about that listing: only what buyers sent counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from refundlens.model.compare.prints import Print
from refundlens.model.detection import Reason
from refundlens.model.verdict.texts import Language, reason_text
from refundlens.serving.reuse import catalogue
from refundlens.serving.reuse.catalogue import print_of
from refundlens.serving.reuse.finder import Finder, Use
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.tables import Image
from refundlens.serving.workflow.states import Source

OF_A_CLAIM = frozenset({Source.REFUND.value, Source.CHAT.value, Source.REVIEW.value})
"""Sources of photos that buyers claim something with."""


@dataclass(frozen=True)
class Reused:
    """uses: photos of other claims of the tenant, the oldest first. elsewhere: claims of other tenants."""

    uses: Sequence[Use]
    elsewhere: int

    @property
    def claims(self) -> int:
        """Other claims of the tenant."""
        return len({use.refund.id for use in self.uses})


def reuse_of_image(session: Session, finder: Finder, image: Image, now: datetime) -> Reused | None:
    """Of a photo of a refund; None where it has no print, or is no photo that claims something."""
    taken = catalogue.of_image(session, image.id) if image.source in OF_A_CLAIM else None
    return None if taken is None else of_print(session, finder, image.tenant_id, taken, now, image.refund_id)


def reuse_of_photo(
    database: Database, finder: Finder, tenant: str, data: bytes, now: datetime
) -> Reused | None:
    """Of a photo that belongs to no refund here; None where there is nothing that it could be, or it cannot be opened.
    Some 40 ms where a tenant has claims, nothing elsewhere."""
    with database.reading() as session:
        if not catalogue.has_claims(session, tenant):
            return None
    taken = print_of(data)
    if taken is None:
        return None
    with database.reading() as session:
        return of_print(session, finder, tenant, taken, now)


def of_print(
    session: Session, finder: Finder, tenant: str, taken: Print, now: datetime, refund: str | None = None
) -> Reused:
    """Of a print. refund: whose own photos do not count."""
    found = finder.find(session, tenant, taken, now)
    others = [use for use in found if use.image.source in OF_A_CLAIM and use.refund.id != refund]
    elsewhere = {use.refund.id for use in others if not use.own}
    return Reused([use for use in others if use.own], len(elsewhere))


def reasons(reused: Reused, language: Language) -> list[dict[str, Any]]:
    """As the API shows reasons; none where the picture was not used elsewhere."""
    counts = (("reuse.other_claims", reused.claims), ("reuse.other_tenants", reused.elsewhere))
    return [
        {"code": code, "basis": "derived", "text": reason_text(code, language, count=count)}
        for code, count in counts
        if count
    ]


def photo_reasons(reused: Reused, language: Language) -> list[Reason]:
    """Of a photo that belongs to no refund: every claim counts."""
    counts = {"reuse.in_claims": reused.claims, "reuse.in_claims_elsewhere": reused.elsewhere}
    return [
        Reason(
            code=code,
            basis="derived",
            text=reason_text(code, language, count=count),
            details={"count": count},
        )
        for code, count in counts.items()
        if count
    ]


def shown(reused: Reused) -> dict[str, int]:
    """The counts, as the API's JSON."""
    return {"claims": reused.claims, "elsewhere": reused.elsewhere}
