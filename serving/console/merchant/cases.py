"""/new-case: a refund that no platform sent, with the merchant's own copies of its photos.

In: a form with photos. Out: a refund as the API mirrors one, and, where asked, one report about all its photos. Whoever
uploads a photo has supplied it, and is told what that means before they send it; they say where they have it from.
What was typed is kept where something is wrong; photos must be chosen again, which browsers demand.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import APIRouter, Depends, Response
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from refundlens.model.names import DEFECTS
from refundlens.serving.console.forms import attempt, checked, text_of, uploads
from refundlens.serving.console.page import Visit, back_to, page, submit, visits
from refundlens.serving.http.body import digest
from refundlens.serving.http.idempotency import Created
from refundlens.serving.http.pages import PageRoute
from refundlens.serving.http.problems import Problem
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.errors import Conflict, Forbidden, Invalid
from refundlens.serving.kit.language import texts
from refundlens.serving.kit.money import decimals, written
from refundlens.serving.kit.principal import VISITOR_ID
from refundlens.serving.kit.roles import Role
from refundlens.serving.refunds import repository as refunds
from refundlens.serving.refunds import service as mirroring
from refundlens.serving.refunds.schemas import MOST_PHOTOS, Amount, Claim, RefundIn
from refundlens.serving.refunds.service import PreparedPhoto
from refundlens.serving.reports import schemas, service
from refundlens.serving.reports.schemas import ReportIn
from refundlens.serving.workflow.states import Source

FIELDS = ("number", "platform", "account", "amount", "currency", "buyer", "claim", "claim_text", "deadline", "zone",
          "source", "note")  # fmt: skip
"""What is put back into a form that failed."""
CURRENCIES = ("CNY", "HKD", "TWD", "USD", "EUR", "GBP", "JPY", "KRW", "SGD", "MYR", "THB", "VND")
"""Offered; every other of ISO 4217 comes by the API."""
MOST_FIELDS = 32

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
        raise Invalid("invalid_request", texts("new_case", visit.language)["no_source"])
    buyers = [(sources[0], *one) for one in await _files(form, "photos")]
    listing = [(Source.LISTING, *one) for one in await _files(form, "listing")]
    if not buyers:
        raise Invalid("invalid_request", texts("new_case", visit.language)["no_photo"])
    photos = await run_in_threadpool(_prepared, visit, [*buyers, *listing])
    report = bool(text_of(form, "report"))
    note = text_of(form, "note")

    def do(context: Context) -> Created:
        owner = refunds.Owner(body.account, body.platform)
        if refunds.find_refund(context.session, context.principal, number, owner=owner) is not None:
            said = texts("new_case", visit.language)["known"].format(number=number)
            raise Conflict("refund_known", said)
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
    """The refund's number, and the rest of it. Raises Invalid."""
    words = texts("new_case", visit.language)
    number = text_of(form, "number")
    if not 1 <= len(number) <= 64 or not all(letter.isalnum() or letter in "_.:-" for letter in number):
        raise Invalid("invalid_request", words["bad_number"])
    currency = text_of(form, "currency") or CURRENCIES[0]
    body = checked(
        RefundIn,
        account=text_of(form, "account") or None,
        platform=text_of(form, "platform") or None,
        amount=checked(
            Amount, value=_minor(text_of(form, "amount"), currency, words["bad_amount"]), currency=currency
        ),
        buyer=text_of(form, "buyer"),
        claim=checked(Claim, type=text_of(form, "claim") or None, text=text_of(form, "claim_text")),
        deadline_at=_deadline(visit, form, words),
    )
    return number, body


def _minor(said: str, currency: str, wrong: str) -> int:
    """An amount as people write it, in the smallest unit. Raises Invalid."""
    amount = written(said, currency)
    minor = None if amount is None else amount.scaleb(decimals(currency))
    if minor is None or minor != minor.to_integral_value():
        raise Invalid("invalid_request", wrong)
    return int(minor)


def _deadline(visit: Visit, form: FormData, words: Mapping[str, str]) -> datetime | None:
    """The browser's local time, in the zone that it says. Raises Invalid."""
    said = text_of(form, "deadline")
    if not said:
        return None
    try:
        zone = ZoneInfo(text_of(form, "zone")) if text_of(form, "zone") else UTC
        moment = datetime.fromisoformat(said).replace(tzinfo=zone)
    except (ValueError, OSError, ZoneInfoNotFoundError) as error:
        raise Invalid("invalid_request", words["bad_deadline"]) from error
    if moment <= visit.services.clock():
        raise Invalid("invalid_request", words["past_deadline"])
    return moment


async def _files(form: FormData, name: str) -> list[tuple[str | None, bytes]]:
    """(name, bytes) of files that were chosen; a field without one comes as an empty file."""
    chosen = [one for one in form.getlist(name) if isinstance(one, UploadFile)]
    found = [(one.filename or None, await one.read()) for one in chosen]
    return [one for one in found if one[1]]


def _prepared(visit: Visit, photos: Sequence[tuple[Source, str | None, bytes]]) -> list[PreparedPhoto]:
    """Each photo once. Raises Invalid, naming the one that cannot be read."""
    each = {digest(data): (source, name, data) for source, name, data in reversed(photos)}
    files = visit.services.files
    return [
        mirroring.prepare_one(files, source, name and name[-255:], data, name or "photo")
        for source, name, data in reversed(each.values())
    ]


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
