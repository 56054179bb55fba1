"""Mirrors a refund: makes or changes it, keeps its photos, and has its reports follow."""

import secrets
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from refundlens.model.compare.prints import Print
from refundlens.model.photo.image import ImageError, probe, type_as_sent
from refundlens.serving.events import audit
from refundlens.serving.events.audit import Fact
from refundlens.serving.kit.clock import NEVER, rfc3339_or_none
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.errors import Changed, Conflict, Forbidden, Invalid, check_version
from refundlens.serving.kit.ids import make_id
from refundlens.serving.kit.money import rank
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import SYSTEM, Actor, Role
from refundlens.serving.refunds import repository, search
from refundlens.serving.refunds.repository import Owner
from refundlens.serving.refunds.schemas import (
    MOST_PHOTOS,
    Amount,
    ImageOut,
    PhotoIn,
    Product,
    RefundIn,
    RefundOut,
    image_url,
)
from refundlens.serving.refunds.signed_photos import Signature, check_platform_signature, statement
from refundlens.serving.reuse import catalogue
from refundlens.serving.reuse.catalogue import print_of
from refundlens.serving.storage.files import FileStore
from refundlens.serving.storage.secret import Secret
from refundlens.serving.storage.tables import Image, PhotoRequest, Refund, Report, Tenant
from refundlens.serving.workflow import suppliers, timers
from refundlens.serving.workflow.machine import apply
from refundlens.serving.workflow.states import (
    Event,
    Outcome,
    PhotoRequestState,
    RefundStatus,
    ReportState,
    Source,
    Supplier,
)

PRODUCT = frozenset({"product_id", "product_title"})
"""Columns that come and stay together."""


@dataclass(frozen=True)
class PreparedPhoto:
    """A photo that was opened and stored before the transaction, or only named by its hash (media_type is none).
    print: what finds the same picture again, none for a photo that cannot be opened. signature: the platform's, as it
    came; signed_by: the platform, once that was checked."""

    source: Source
    sha256: str
    name: str | None
    media_type: str | None = None
    width: int = 0
    height: int = 0
    bytes: int = 0
    print: Print | None = None
    signature: Signature | None = None
    signed_by: Actor | None = None


def prepare(images: Mapping[Source, Sequence[PhotoIn]], files: FileStore) -> list[PreparedPhoto]:
    """Open the photos and store their bytes. Raises Invalid for what is no picture.

    Outside of the transaction: writing megabytes would hold up everybody else. A photo whose transaction then fails
    lies unused until the retention sweep.
    """
    prepared = []
    for source, items in images.items():
        for index, item in enumerate(items):
            if item.data is None:
                photo = PreparedPhoto(source, str(item.sha256), item.name)
            else:
                where = f"images.{source}[{index}]"
                photo = prepare_one(files, source, item.name, item.data, where)
            prepared.append(replace(photo, signature=item.signature))
    return prepared


def prepare_one(
    files: FileStore, source: Source, name: str | None, data: bytes, where: str = "image"
) -> PreparedPhoto:
    """Open and store one photo. where: what an error calls it; "" where the caller says so. Raises Invalid."""
    try:
        form, width, height = probe(data)
    except ImageError as error:
        raise Invalid(error.code, f"{where}: {error.message}" if where else error.message) from error
    return PreparedPhoto(
        source, files.put(data), name, type_as_sent(data, form), width, height, len(data), print_of(data)
    )


def mirror(
    context: Context,
    secret: Secret,
    refund_id: str,
    body: RefundIn,
    photos: Sequence[PreparedPhoto],
    if_match: str | None = None,
) -> tuple[Refund, bool]:
    """(refund, whether it is new). secret: makes the buyer's hash. Raises NotFound, Conflict, Changed, Invalid."""
    session, principal, now = context.session, context.principal, context.now
    body = _named_by(principal, body)
    refund = find_mirror(context, refund_id, Owner(body.account, body.platform))
    photos = [_vouched(session, principal, refund_id, body, photo) for photo in photos]
    columns = _columns(secret, principal, body, now)
    columns |= _buyer(secret, principal, body, any(photo.signed_by for photo in photos))
    if refund is None:
        refund = _make(context, columns, refund_id, body, if_match)
        _keep_photos(session, refund, photos, principal.actor, now)
        fact = Fact("refund.mirrored", refund.id, data=_facts(refund))
        audit.append(session, refund.tenant_id, now, principal.actor, fact)
        return refund, True
    check_version(if_match, refund.version)
    _change(context, columns, refund, body, photos)
    return refund, False


def find_mirror(context: Context, refund_id: str, owner: Owner) -> Refund | None:
    """The refund that a message of this shop and platform is about, locked. Raises Conflict."""
    session, principal = context.session, context.principal
    refund = repository.find_refund(session, principal, refund_id, lock=True, owner=owner)
    if refund is None and owner.platform and owner.account:
        refund = repository.unnamed(session, principal.tenant, refund_id, owner.account)
    return refund


def _named_by(principal: Principal, body: RefundIn) -> RefundIn:
    """The refund as its sender's key names shop and platform. Raises Forbidden for a platform that is not the key's."""
    if principal.role is Role.MERCHANT:
        return body.model_copy(update={"account": principal.account})
    if principal.role is not Role.PLATFORM:
        return body
    if body.platform not in (None, principal.account):
        raise Forbidden(f"This key mirrors refunds of {principal.account}, not of {body.platform}.")
    return body.model_copy(update={"platform": principal.account})


def _vouched(
    session: Session, principal: Principal, refund_id: str, body: RefundIn, photo: PreparedPhoto
) -> PreparedPhoto:
    """A photo with its signature checked. Raises Invalid."""
    if photo.signature is None:
        return photo
    if body.account is None or body.platform is None or body.buyer is None:
        raise Invalid("platform_missing", "A signed photo needs `account`, `platform` and `buyer` beside it.")
    tenant = session.get_one(Tenant, principal.tenant)
    said = statement(body.platform, body.account, refund_id, body.buyer, photo.sha256)
    check_platform_signature(tenant.settings, body.platform, photo.signature, said)
    return replace(photo, signed_by=Actor(Role.PLATFORM, body.platform))


def refund_out(refund: Refund, photos: Sequence[tuple[Image, str | None]]) -> RefundOut:
    """photos: of the refund, each with its newest report's id."""
    return RefundOut.of(
        refund,
        platform=refund.platform or None,
        voided=refund.live is None,
        amount=Amount(value=refund.amount_minor, currency=refund.currency),
        product=product_of(refund),
        buyer=None if refund.buyer_named_by is None else f"buyer:{refund.buyer}",
        claim={"type": refund.claim_type, "text": refund.claim_text},
        images=[ImageOut.of(image, url=image_url(image), report_id=report) for image, report in photos],
    )


def product_of(refund: Refund) -> Product | None:
    """None where nobody named it."""
    if refund.product_id is None and refund.product_title is None:
        return None
    return Product(id=refund.product_id, title=refund.product_title)


def _make(
    context: Context, columns: dict[str, Any], refund_id: str, body: RefundIn, if_match: str | None
) -> Refund:
    principal, now = context.principal, context.now
    account = body.account
    if account is None:
        raise Invalid("account_missing", "Say whose refund this is: `account`, the shop's name or number.")
    if if_match is not None:
        raise Changed(detail="There is no such refund yet; send it without If-Match.")
    refund = Refund(
        id=make_id("rfd", now),
        tenant_id=principal.tenant,
        refund_id=refund_id,
        version=1,
        account=account,
        outcome=Outcome.UNDECIDED.value,
        outcome_final=False,
        created_at=now,
        updated_at=now,
        **columns,
    )
    context.session.add(refund)
    context.session.flush()
    return refund


def _columns(secret: Secret, principal: Principal, body: RefundIn, now: datetime) -> dict[str, Any]:
    return {
        "platform": body.platform or "",
        "platform_version": body.platform_version,
        "status": body.status.value,
        "amount_minor": body.amount.value,
        "currency": body.amount.currency,
        "product_id": body.product.id if body.product else None,
        "product_title": body.product.title if body.product else None,
        "claim_type": body.claim.type,
        "claim_text": body.claim.text,
        "deadline_at": body.deadline_at,
        "closed_at": now if body.status is RefundStatus.CLOSED else None,
    }


def _buyer(secret: Secret, principal: Principal, body: RefundIn, signed: bool) -> dict[str, Any]:
    """Whose refund it is, and who says so. signed: the platform signed a photo, and with it the buyer. A refund of
    nobody's gets a buyer of its own, who has no other."""
    if body.buyer is None:
        return {"buyer": secrets.token_hex(32), "buyer_named_by": None}
    by = Supplier.PLATFORM if signed else suppliers.supplier_of(principal.actor)
    return {"buyer": secret.buyer(principal.tenant, body.buyer), "buyer_named_by": by.value}


def _check_buyer(context: Context, refund: Refund, columns: dict[str, Any]) -> None:
    """Keep the buyer who is known, or have the platform's word replace the shop's, which alone reaches nobody's record.
    Raises Conflict for another buyer else."""
    known, said = refund.buyer_named_by, columns["buyer_named_by"]
    platforms = said == Supplier.PLATFORM
    if said is None or (columns["buyer"] == refund.buyer and not platforms):
        columns |= {"buyer": refund.buyer, "buyer_named_by": known}
    elif columns["buyer"] != refund.buyer:
        single = context.settings.single_merchant
        may_name = known is None and (platforms or single)
        if not may_name and not (known == Supplier.MERCHANT and platforms and not single):
            detail = "This refund is another buyer's, or its buyer was erased here; nothing was changed."
            raise Conflict("buyer_differs", detail)


def _change(
    context: Context,
    columns: dict[str, Any],
    refund: Refund,
    body: RefundIn,
    photos: Sequence[PreparedPhoto],
) -> None:
    session, principal, now = context.session, context.principal, context.now
    _refuse_older(refund, body)
    _check_buyer(context, refund, columns)
    if body.platform_version is None:
        columns["platform_version"] = refund.platform_version
    columns["platform"] = columns["platform"] or refund.platform
    if body.product is None:
        columns |= {name: getattr(refund, name) for name in PRODUCT}
    if refund.closed_at is not None and body.status is RefundStatus.CLOSED:
        columns["closed_at"] = refund.closed_at
    changed = {name: value for name, value in columns.items() if getattr(refund, name) != value}
    _refuse_reused(refund, body, changed.keys())
    for name, value in changed.items():
        setattr(refund, name, value)
    added = _keep_photos(session, refund, photos, principal.actor, now)
    if not changed and not added:
        return  # the platform repeats itself
    refund.version += 1
    refund.updated_at = now
    session.flush()
    data = _facts(refund) | {"changed": sorted(changed), "photos_added": len(added)}
    audit.append(
        session, refund.tenant_id, now, principal.actor, Fact("refund.changed", refund.id, data=data)
    )
    if changed:
        search.index_words(session, refund)
        if changed.keys() & PRODUCT:
            search.index_product(session, refund)
        _have_reports_follow(context, refund, "deadline_at" in changed)
    # a merchant's own upload is no answer of the buyer's
    by_platform = principal.role is not Role.MERCHANT
    if by_platform and any(image.source in (Source.REFUND, Source.CHAT) for image in added):
        answer_photo_requests(session, refund, added, principal.actor, now)


def _refuse_older(refund: Refund, body: RefundIn) -> None:
    known, given = refund.platform_version, body.platform_version
    if known is not None and given is not None and given < known:
        detail = f"Version {given} is older than {known}, which is known here; nothing was changed."
        raise Conflict("older_version", detail)


def _refuse_reused(refund: Refund, body: RefundIn, changed: Set[str]) -> None:
    """One version of the platform's says one thing; photos may be added to it, because chats go on, the platform may
    say whose it is after the shop did, and a product may be named that nobody named."""
    changed = changed - {"buyer", "buyer_named_by"}
    if product_of(refund) is None:
        changed = changed - PRODUCT
    if changed and body.platform_version is not None and body.platform_version == refund.platform_version:
        names = ", ".join(sorted(changed))
        detail = (
            f"Version {refund.platform_version} is known with another content ({names}); nothing was changed."
        )
        raise Conflict("version_reused", detail)


def _have_reports_follow(context: Context, refund: Refund, deadline_moved: bool) -> None:
    """Undecided reports expire with a refund that closes, and have their clocks set by one whose deadline moved. Else
    the clocks stay: set again, they would give the latest warning again."""
    session, now = context.session, context.now
    undecided = [state.value for state in ReportState.undecided()]
    query = select(Report).where(Report.refund_id == refund.id, Report.state.in_(undecided))
    for report in session.execute(query.with_for_update()).scalars().all():
        if refund.status == RefundStatus.CLOSED:
            apply(session, context.settings, now, SYSTEM, Event.CLOSE_REFUND, report, refund)
        else:
            report.due_at = refund.deadline_at or NEVER
            report.amount_rank = rank(refund.amount_minor, refund.currency)
            if deadline_moved:
                timers.threaten(session, context.settings, report, refund, now)


def _keep_photos(
    session: Session, refund: Refund, photos: Sequence[PreparedPhoto], actor: Actor, now: datetime
) -> list[Image]:
    """Add those that the refund does not have yet. Raises Invalid for a hash that it does not have either."""
    images = session.execute(select(Image).where(Image.refund_id == refund.id)).scalars()
    known = {image.sha256: image for image in images}
    if len(known.keys() | {photo.sha256 for photo in photos}) > MOST_PHOTOS:
        raise Invalid("too_many_images", f"A refund has at most {MOST_PHOTOS} photos.")
    added: list[Image] = []
    prints: list[tuple[Image, Print]] = []
    for photo in photos:
        if photo.sha256 in known:
            _vouch(session, known[photo.sha256], photo.signed_by or actor, now)
            continue
        if photo.media_type is None:
            detail = f"This refund has no photo {photo.sha256}; send its `data`."
            raise Invalid("unknown_photo", detail)
        image = Image(
            id=make_id("img", now),
            tenant_id=refund.tenant_id,
            refund_id=refund.id,
            source=photo.source.value,
            sha256=photo.sha256,
            name=photo.name,
            media_type=photo.media_type,
            width=photo.width,
            height=photo.height,
            bytes=photo.bytes,
            supplied_by=suppliers.supplier_of(photo.signed_by or actor).value,
            uploaded_by=(photo.signed_by or actor).name,
            created_at=now,
        )
        known[photo.sha256] = image
        session.add(image)
        added.append(image)
        if photo.print is not None:
            prints.append((image, photo.print))
    session.flush()
    for image, taken in prints:
        catalogue.keep_prints(session, image, taken, now)
    return added


def _vouch(session: Session, image: Image, actor: Actor, now: datetime) -> None:
    """The platform or the buyer sends a photo that only the merchant had sent: from now on it is theirs."""
    supplier = suppliers.supplier_of(actor)
    if supplier is Supplier.MERCHANT or image.supplied_by not in (None, Supplier.MERCHANT):
        return
    data = {"sha256": image.sha256, "before": image.supplied_by, "supplied_by": supplier.value}
    image.supplied_by, image.uploaded_by = supplier.value, actor.name
    audit.append(session, image.tenant_id, now, actor, Fact("image.vouched", image.id, data=data))


def answer_photo_requests(
    session: Session, refund: Refund, added: Sequence[Image], actor: Actor, now: datetime
) -> None:
    """The buyer was asked for a photo and one came: the wish is answered, and the photo is looked at."""
    query = (
        select(PhotoRequest)
        .join(Report, Report.id == PhotoRequest.report_id)
        .where(Report.refund_id == refund.id, PhotoRequest.live.is_not(None))
    )
    for wish in session.execute(query).scalars().all():
        wish.state, wish.live, wish.ended_at = PhotoRequestState.ANSWERED.value, None, now
        timers.cancel(session, wish.report_id, timers.PHOTO_DUE)
        session.execute(
            update(Image).where(Image.id.in_([image.id for image in added])).values(request_id=wish.id)
        )
        data = {"wish": wish.wish, "photos": [image.sha256 for image in added]}
        fact = Fact("report.photo_answered", wish.report_id, data=data)
        audit.append(session, refund.tenant_id, now, actor, fact)
        for image in added:
            timers.schedule(session, refund.tenant_id, timers.SCREEN_EXTRA, image.id, now, now)


def retire_mirror(context: Context, refund: Refund, reason: str) -> None:
    """Take a mirror out of the world, such as one under a wrong shop or buyer: it closes, its undecided reports expire,
    and its number is free. Nothing is deleted. refund is locked."""
    session, now = context.session, context.now
    refund.live, refund.status = None, RefundStatus.CLOSED.value
    refund.closed_at = refund.closed_at or now
    refund.version += 1
    refund.updated_at = now
    session.flush()
    data = _facts(refund) | {"reason_sha256": audit.text_hash(reason)}
    audit.append(
        session, refund.tenant_id, now, context.principal.actor, Fact("refund.voided", refund.id, data=data)
    )
    _have_reports_follow(context, refund, False)


def add_photos(
    session: Session, refund: Refund, photos: Sequence[PreparedPhoto], actor: Actor, now: datetime
) -> None:
    """Photos that came without the rest of the refund, from the buyer's status link. refund is locked."""
    added = _keep_photos(session, refund, photos, actor, now)
    if added:
        refund.version += 1
        refund.updated_at = now
        data = _facts(refund) | {"photos_added": len(added)}
        audit.append(session, refund.tenant_id, now, actor, Fact("refund.changed", refund.id, data=data))
    answer_photo_requests(session, refund, added, actor, now)


def _facts(refund: Refund) -> dict[str, Any]:
    return {
        "refund_id": refund.refund_id,
        "version": refund.version,
        "status": refund.status,
        "platform_version": refund.platform_version,
        "deadline_at": rfc3339_or_none(refund.deadline_at),
    }
