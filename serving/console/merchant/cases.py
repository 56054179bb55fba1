"""/new-case: a refund that no platform sent, with the merchant's own copies of its photos.

In: a form with photos. Out: a refund as the API mirrors one, and, where asked, one report about all its photos. Whoever
uploads a photo has supplied it, and is told what that means before they send it; they say where they have it from.
What was typed is kept where something is wrong; photos must be chosen again, which browsers demand.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import APIRouter, Depends, Response
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from refundlens.model.names import DEFECTS
from refundlens.serving.console.forms import attempt, checked, text_of, uploads
from refundlens.serving.console.page import Visit, back_to, page, submit, visits
from refundlens.serving.http.idempotency import Created
from refundlens.serving.http.pages import PageRoute
from refundlens.serving.http.problems import Problem
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.errors import Conflict, Forbidden, Invalid, SentFile, each_file
from refundlens.serving.kit.language import texts
from refundlens.serving.kit.money import decimals, written
from refundlens.serving.kit.principal import VISITOR_ID
from refundlens.serving.kit.roles import Role
from refundlens.serving.refunds import repository as refunds
from refundlens.serving.refunds import service as mirroring
from refundlens.serving.refunds.schemas import (
    MOST_PHOTOS,
    MOST_PRODUCT_ID,
    MOST_TITLE,
    Amount,
    Claim,
    Product,
    RefundIn,
)
from refundlens.serving.refunds.service import PreparedPhoto
from refundlens.serving.reports import schemas, service
from refundlens.serving.reports.schemas import ReportIn
from refundlens.serving.workflow.states import Source

FIELDS = ("number", "platform", "account", "amount", "currency", "product_title", "product_id", "buyer", "claim",
          "claim_text", "deadline", "zone", "source", "note")  # fmt: skip
"""What is put back into a form that failed."""
CURRENCIES = ("CNY", "HKD", "TWD", "USD", "EUR", "GBP", "JPY", "KRW", "SGD", "MYR", "THB", "VND")
"""Offered; every other of ISO 4217 comes by the API."""
MOST_FIELDS = 32
LONGEST_NAME = 255
"""Characters of a photo's name that are kept."""

router = APIRouter(include_in_schema=False, route_class=PageRoute)
Merchant = Annotated[Visit, Depends(visits(Role.MERCHANT))]
Sender = Annotated[Visit, Depends(uploads(Role.MERCHANT, "/new-case", MOST_PHOTOS, MOST_FIELDS))]


@router.get("/new-case")
def new_case(visit: Merchant) -> Response:
    """The form."""
    return _draw(visit)


@router.post("/new-case")
async def make_case(visit: Sender) -> Response:
    """Keep the case, report its photos where that is asked, and go there: to a single report, or to all of the case."""
    form = await visit.request.form()
    made, problem = await attempt(_made(visit, form))
    if made is None:
        return await run_in_threadpool(_draw, visit, problem, {name: text_of(form, name) for name in FIELDS})
    return back_to(f"/reports/{made['report']}" if made["report"] else f"/refunds/{made['refund']}")


async def _made(visit: Visit, form: FormData) -> dict[str, str | None]:
    if visit.principal.key_id == VISITOR_ID:
        raise Forbidden(texts("new_case", visit.language)["visitor"])
    number, body = _asked(visit, form)
    sources = [source for source in Source.by_buyer() if source == text_of(form, "source")]
    if not sources:
        raise Invalid("no_source", "source: say where the photos come from")
    buyers = [(sources[0], *one) for one in await _files(form, "photos")]
    listing = [(Source.LISTING, *one) for one in await _files(form, "listing")]
    if not buyers:
        raise Invalid("no_photo", "photos: choose at least one of the buyer's")
    photos = await run_in_threadpool(_prepared, visit, [*buyers, *listing])
    report = bool(text_of(form, "report"))
    note = text_of(form, "note")

    def do(context: Context) -> Created:
        owner = refunds.Owner(body.account, body.platform)
        if refunds.find_refund(context.session, context.principal, number, owner=owner) is not None:
            raise Conflict("refund_known", f"There is a refund {number} already.", number=number)
        refund, _ = mirroring.mirror(context, visit.services.secret, number, body, photos)
        made: Sequence[str] = ()
        if report:
            shown = [photo.sha256 for photo in photos if photo.source is not Source.LISTING]
            whose = {"account": refund.account, "platform": refund.platform}
            asked = checked(
                ReportIn, refund_id=number, image=shown[: schemas.MOST_PHOTOS], note=note, **whose
            )
            made = [one.id for one in service.submit(context, asked)]
        return Created({"refund": refund.refund_id, "report": made[0] if len(made) == 1 else None})

    named = FormData([(name, value) for name, value in form.multi_items() if isinstance(value, str)])
    whole = FormData([*named.multi_items(), *(("photo", photo.sha256) for photo in photos)])
    found: dict[str, str | None] = json.loads(bytes((await submit(visit, whole, do)).body))
    return found


def _asked(visit: Visit, form: FormData) -> tuple[str, RefundIn]:
    """The refund's number, and the rest of it. Raises Invalid, with a code that the page has words for."""
    number, buyer, account = (text_of(form, name) for name in ("number", "buyer", "account"))
    if not 1 <= len(number) <= 64 or not all(letter.isalnum() or letter in "_.:-" for letter in number):
        raise Invalid("bad_number", "number: letters, digits and . : _ - alone, 64 at most")
    if not buyer:
        raise Invalid("no_buyer", "buyer: name the buyer")
    if visit.principal.role is not Role.MERCHANT and not account:
        raise Invalid("no_shop", "account: name the shop")
    currency = text_of(form, "currency") or CURRENCIES[0]
    body = checked(
        RefundIn,
        account=account or None,
        platform=text_of(form, "platform") or None,
        amount=_amount(text_of(form, "amount"), currency),
        product=_product(text_of(form, "product_id"), text_of(form, "product_title")),
        buyer=buyer,
        claim=checked(Claim, type=text_of(form, "claim") or None, text=text_of(form, "claim_text")),
        deadline_at=_deadline(visit, form),
    )
    return number, body


def _amount(said: str, currency: str) -> Amount:
    """As people write it. Raises Invalid."""
    amount = written(said, currency)
    minor = None if amount is None else amount.scaleb(decimals(currency))
    try:
        if minor is None or minor != minor.to_integral_value():
            raise ValueError(said)
        return Amount(value=int(minor), currency=currency)
    except ValueError as error:  # pydantic's own is one
        raise Invalid("bad_amount", f"amount: a number in {currency}, such as 128.50") from error


def _product(number: str, title: str) -> Product | None:
    """What was bought, where that was said. Raises Invalid."""
    if not number and not title:
        return None
    try:
        return Product(id=number or None, title=title or None)
    except ValueError as error:
        raise Invalid(
            "bad_product",
            f"product: {MOST_PRODUCT_ID} characters of a number, {MOST_TITLE} of a name, on one line",
        ) from error


def _deadline(visit: Visit, form: FormData) -> datetime | None:
    """The browser's local time, in the zone that it says. Raises Invalid."""
    said = text_of(form, "deadline")
    if not said:
        return None
    try:
        zone = ZoneInfo(text_of(form, "zone")) if text_of(form, "zone") else UTC
        moment = datetime.fromisoformat(said).replace(tzinfo=zone)
    except (ValueError, OSError, ZoneInfoNotFoundError) as error:
        raise Invalid("bad_deadline", "deadline: a date and a time") from error
    if moment <= visit.services.clock():
        raise Invalid("past_deadline", "deadline: it is over")
    return moment


async def _files(form: FormData, name: str) -> list[tuple[SentFile, bytes]]:
    """Files that were chosen, with their bytes; a field without one comes as a file without a name."""
    chosen = [one for one in form.getlist(name) if isinstance(one, UploadFile) and one.filename]
    return [
        (SentFile(name, number, (one.filename or "")[-LONGEST_NAME:]), await one.read())
        for number, one in enumerate(chosen, 1)
    ]


def _prepared(visit: Visit, photos: Sequence[tuple[Source, SentFile, bytes]]) -> list[PreparedPhoto]:
    """Each photo once. Raises UnreadableFiles, naming those that cannot be read, each as often as it was chosen."""
    files = visit.services.files
    prepared = each_file(
        (place, partial(mirroring.prepare_one, files, source, place.name or None, data, ""))
        for source, place, data in photos
    )
    first: dict[str, PreparedPhoto] = {}
    for one in prepared:
        first.setdefault(one.sha256, one)
    return list(first.values())


def _draw(visit: Visit, failed: Problem | None = None, typed: Mapping[str, str] | None = None) -> Response:
    return page(
        visit,
        "merchant/new_case.html",
        "new_case",
        failed.status if failed else 200,
        failed=failed,
        typed=typed or {},
        claims=DEFECTS,
        currencies=CURRENCIES,
        sources=[source.value for source in Source if source in Source.by_buyer()],
        r=texts("refunds", visit.language),
        visitor=visit.principal.key_id == VISITOR_ID,
        asks_shop=visit.principal.role is not Role.MERCHANT,
        most=MOST_PHOTOS,
        most_bytes=visit.services.settings.max_request_bytes,
    )
