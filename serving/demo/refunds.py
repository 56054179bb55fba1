"""Gives the demo's shop refunds to click on: the sample refunds, mirrored as a platform would.

In: an application in demo mode, with its samples drawn. Out: six open refunds of the shop of the demo's visitors that
nobody reported yet, with deadlines from 20 minutes to three days. Looked at when the service starts and every few
minutes: one whose time ran out before anybody reported a photo gets its time anew, one that was reported gets a
successor with the next number, so that whoever comes next finds the same six. A successor is the same claim played
again, not another one with the same photo: what came before it is found no more by its picture.
"""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, or_, select
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from refundlens.serving.demo.samples import (
    CLAIM,
    SAMPLES,
    Sample,
    both_languages,
    listing,
    product_title,
)
from refundlens.serving.identity.keys import DEMO_SUBJECT, PREFIX, visitor
from refundlens.serving.identity.tenants import DEMO
from refundlens.serving.kit.context import Context, Services
from refundlens.serving.kit.errors import DomainError
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.refunds import service
from refundlens.serving.refunds.schemas import Amount, Claim, Product, RefundIn
from refundlens.serving.refunds.service import PreparedPhoto
from refundlens.serving.reuse import catalogue
from refundlens.serving.storage.tables import Image, Refund, Report
from refundlens.serving.workflow.states import RefundStatus, Source

NUMBERS = "DEMO-"
PLATFORM_ID = f"{PREFIX}demo-platform"
"""Of a key that nobody holds: the sample refunds come from the platform, with the buyers' photos."""
TIMES = (
    timedelta(hours=1, minutes=40),
    timedelta(days=3),
    timedelta(minutes=20),
    timedelta(days=1, hours=12),
    timedelta(hours=9),
    timedelta(days=2, hours=4),
)
"""What is left of each sample's refund at first: each kind of warning is seen, and most of them last for a day."""
STALE = timedelta(minutes=5)
"""A refund that nobody reported and that has less time than this left is begun anew."""
RENEWED_EVERY = 120.0
"""Seconds between looks: shorter than `STALE`, so that no visitor finds one whose time is over."""
_log = logging.getLogger(__name__)


def mirror_samples(parts: Services) -> None:
    """Nothing happens where the demo is switched off. Raises OSError, SQLAlchemy's errors."""
    shop = visitor(parts.settings)
    if shop is None:
        return
    for number, (sample, time) in enumerate(zip(SAMPLES, TIMES, strict=True), 1):
        if parts.samples.closed:
            return
        refund_id = _missing(parts, shop, f"{NUMBERS}{number:03}")
        if refund_id is not None:
            mirror_sample(parts, refund_id, sample, time)
    parts.notifier.notify()


def mirror_sample(parts: Services, refund_id: str, sample: Sample, time: timedelta) -> None:
    """Mirror a sample's refund as the demo's platform. Raises OSError, SQLAlchemy's errors."""
    principal = Principal(DEMO, PLATFORM_ID, Role.PLATFORM, "demo-platform", "demo")
    photos = _photos(parts, sample)
    # an error: another process that starts now has made it, or another shop has this number
    with suppress(IntegrityError, DomainError):
        _mirror(parts, principal, refund_id, sample, photos, time)


async def keep_renewed(parts: Services, seconds: float = RENEWED_EVERY) -> None:
    """Look again and again, until cancelled. A database that is away is asked the next time."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await asyncio.to_thread(mirror_samples, parts)
        except (OSError, SQLAlchemyError):
            _log.warning(
                "the demo's refunds could not be renewed; the next try is in %.0f s", seconds, exc_info=True
            )


def _missing(parts: Services, shop: Principal, number: str) -> str | None:
    """The refund to be mirrored for a sample: its first, the one whose time is over, or the next after one that was
    reported or closed; none where one is open with time left."""
    now: datetime = parts.clock()
    with parts.database.reading() as session:
        last = last_refund(session, shop.tenant, shop.account, number)
        if last is None:
            return number
        if last.status == RefundStatus.OPEN and not is_reported(session, last):
            return last.refund_id if is_over(last, now) else None
    return successor(last.refund_id, number)


def successor(refund_id: str, number: str) -> str:
    """The number after it, of a sample's.

    >>> successor("DEMO-001", "DEMO-001"), successor("DEMO-001-2", "DEMO-001")
    ('DEMO-001-2', 'DEMO-001-3')
    """
    return f"{number}-{place(refund_id, number) + 1}"


def first(refund_id: str) -> str:
    """The number of the sample's first refund.

    >>> first("DEMO-001"), first("DEMO-FAKE-12")
    ('DEMO-001', 'DEMO-FAKE')
    """
    return "-".join(refund_id.split("-")[:2])


def place(refund_id: str, number: str) -> int:
    """Which of a sample's refunds it is, from 1.

    >>> place("DEMO-001", "DEMO-001"), place("DEMO-001-3", "DEMO-001")
    (1, 3)
    """
    _, _, count = refund_id.removeprefix(number).partition("-")
    return int(count or 1)


def _series(number: str) -> ColumnElement[bool]:
    """A sample's refunds: the first, and its successors."""
    return or_(Refund.refund_id == number, Refund.refund_id.startswith(f"{number}-", autoescape=True))


def last_refund(session: Session, tenant: str, account: str | None, number: str) -> Refund | None:
    """The newest refund of a sample."""
    own = (Refund.tenant_id == tenant, Refund.account == account)
    asked = select(Refund).where(*own, _series(number)).order_by(Refund.id.desc()).limit(1)
    return session.execute(asked).scalar_one_or_none()


def is_over(refund: Refund, now: datetime) -> bool:
    """Whether too little time is left for a visitor."""
    return refund.deadline_at is None or refund.deadline_at < now + STALE


def is_reported(session: Session, refund: Refund) -> bool:
    return session.execute(select(Report.id).where(Report.refund_id == refund.id)).first() is not None


def _photos(parts: Services, sample: Sample) -> list[PreparedPhoto]:
    """The buyer's picture, and beside one that was altered the shop's own, from which it was."""
    path = parts.samples.file(sample)
    photos = [service.prepare_one(parts.files, Source.REFUND, path.name, path.read_bytes())]
    if sample.made in ("redrawn", "copied"):
        name = f"{sample.scene}-listing.jpg"
        photos.append(service.prepare_one(parts.files, Source.LISTING, name, listing(sample)))
    return photos


def _mirror(
    parts: Services,
    principal: Principal,
    refund_id: str,
    sample: Sample,
    photos: Sequence[PreparedPhoto],
    time: timedelta,
) -> None:
    now: datetime = parts.clock()
    body = RefundIn(
        account=DEMO_SUBJECT,
        amount=Amount(value=sample.amount_minor, currency="CNY"),
        product=Product(id=sample.product, title=product_title(sample.slug)),
        buyer=f"demo-buyer-{sample.slug}",
        claim=Claim(
            type=sample.defect,
            text=both_languages(sample.slug, CLAIM),
        ),
        deadline_at=now + time,
    )
    with parts.database.transaction() as session:
        context = Context(session, parts.settings, now, principal)
        service.mirror(context, parts.secret, refund_id, body, photos)
        _forget_pictures_before(session, refund_id)


def _forget_pictures_before(session: Session, refund_id: str) -> None:
    """Take away the prints of the sample's earlier refunds: visitors would read that the same picture was used in other
    claims, which was they who came before."""
    number = first(refund_id)
    own = (Refund.tenant_id == DEMO, Refund.account == DEMO_SUBJECT)
    earlier = select(Image.id).join(Refund, Refund.id == Image.refund_id)
    earlier = earlier.where(*own, _series(number), Refund.refund_id != refund_id)
    catalogue.erase_prints(session, session.execute(earlier).scalars().all())
