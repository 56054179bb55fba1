"""/new-case: a refund that no platform sent, with the merchant's own copies of its photos.

In: a form with photos. Out: a refund as the API mirrors one, and, where asked, one report about all its photos. Whoever
uploads a photo has supplied it, and is told what that means before they send it; they say where they have it from.
What was typed is kept where something is wrong; photos must be chosen again, which browsers demand.
"""

import json
import math
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile

from refundlens.model.names import DEFECTS
from refundlens.serving.console.merchant.refunds import checked, text
from refundlens.serving.console.page import Elsewhere, Visit, back_to, page, submit, visits
from refundlens.serving.http.body import arriving, digest, expected_bytes
from refundlens.serving.http.idempotency import Created
from refundlens.serving.http.pages import PageRoute
from refundlens.serving.http.problems import Problem, problem_of
from refundlens.serving.identity.access import COOKIE, from_cookie, has_session
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.errors import Conflict, DomainError, Forbidden, Invalid
from refundlens.serving.kit.money import decimals, written
from refundlens.serving.kit.principal import VISITOR_ID
from refundlens.serving.kit.roles import Role
from refundlens.serving.kit.texts import texts
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
TOLD_ON_THE_PAGE = frozenset({400, 409, 413, 415, 422})

router = APIRouter(include_in_schema=False, route_class=PageRoute)
Merchant = Annotated[Visit, Depends(visits(Role.MERCHANT))]


async def sending(request: Request) -> AsyncIterator[Visit]:
    """A visitor whose photos arrive, within the limits that hold for them everywhere. Raises Problem 403,
    408, 413, 429, 503."""
    if not await has_session(request):
        ended = COOKIE in request.cookies  # what was typed waits in the browser until its owner is back
        raise Elsewhere("/login?next=%2Fnew-case&ended=1" if ended else "/welcome?next=%2Fnew-case")
    await from_cookie(request, Role.MERCHANT)  # whose share of bytes it is
    state = request.app.state
    size = expected_bytes(request, state.settings)
    with state.service.admission.place(request, math.inf, size, photos=0):
        async with arriving(request, state.settings):
            await request.form(max_files=MOST_PHOTOS, max_fields=MOST_FIELDS)
        yield await visits(Role.MERCHANT)(request)


Sender = Annotated[Visit, Depends(sending)]


@dataclass(frozen=True)
class FailedCase:
    """A form that did not do what it asks: why, and what had been typed."""

    problem: Problem
    typed: Mapping[str, str] = field(default_factory=dict)


@router.get("/new-case")
def new_case(visit: Merchant) -> Response:
    """The form."""
    return _draw(visit)


@router.post("/new-case")
async def make_case(visit: Sender) -> Response:
    """Keep the case, report its photos where that is asked, and go there."""
    form = await visit.request.form()
    try:
        made = await _made(visit, form)
    except DomainError as error:
        problem = problem_of(error)
        if problem.status not in TOLD_ON_THE_PAGE:
            raise
        failed = FailedCase(problem, {name: text(form, name) for name in FIELDS})
        return await run_in_threadpool(_draw, visit, failed)
    return back_to(f"/reports/{made['report']}" if made["report"] else f"/refunds/{made['refund']}")


async def _made(visit: Visit, form: FormData) -> dict[str, str | None]:
    if visit.principal.key_id == VISITOR_ID:
        raise Forbidden(texts("new_case", visit.language)["visitor"])
    number, body = _asked(visit, form)
    sources = [source for source in Source.by_buyer() if source == text(form, "source")]
    if not sources:
        raise Invalid("invalid_request", texts("new_case", visit.language)["no_source"])
    buyers = [(sources[0], *one) for one in await _files(form, "photos")]
    listing = [(Source.LISTING, *one) for one in await _files(form, "listing")]
    if not buyers:
        raise Invalid("invalid_request", texts("new_case", visit.language)["no_photo"])
    photos = await run_in_threadpool(_prepared, visit, [*buyers, *listing])
    report = bool(text(form, "report"))
    note = text(form, "note")

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
        return Created({"refund": refund.refund_id, "report": made[0] if made else None})

    named = FormData([(name, value) for name, value in form.multi_items() if isinstance(value, str)])
    whole = FormData([*named.multi_items(), *(("photo", photo.sha256) for photo in photos)])
    found: dict[str, str | None] = json.loads(bytes((await submit(visit, whole, do)).body))
    return found


def _asked(visit: Visit, form: FormData) -> tuple[str, RefundIn]:
    """The refund's number, and the rest of it. Raises Invalid."""
    words = texts("new_case", visit.language)
    number = text(form, "number")
    if not 1 <= len(number) <= 64 or not all(letter.isalnum() or letter in "_.:-" for letter in number):
        raise Invalid("invalid_request", words["bad_number"])
    currency = text(form, "currency") or CURRENCIES[0]
    body = checked(
        RefundIn,
        account=text(form, "account") or None,
        platform=text(form, "platform") or None,
        amount=checked(
            Amount, value=_minor(text(form, "amount"), currency, words["bad_amount"]), currency=currency
        ),
        buyer=text(form, "buyer"),
        claim=checked(Claim, type=text(form, "claim") or None, text=text(form, "claim_text")),
        deadline_at=_deadline(visit, form, words),
    )
    return number, body


def _minor(said: str, currency: str, wrong: str) -> int:
    """An amount as people write it, in the smallest unit. Raises Invalid."""
    amount = written(said)
    minor = None if amount is None else amount.scaleb(decimals(currency))
    if minor is None or minor != minor.to_integral_value():
        raise Invalid("invalid_request", wrong)
    return int(minor)


def _deadline(visit: Visit, form: FormData, words: Mapping[str, str]) -> datetime | None:
    """The browser's local time, in the zone that it says. Raises Invalid."""
    said = text(form, "deadline")
    if not said:
        return None
    try:
        zone = ZoneInfo(text(form, "zone")) if text(form, "zone") else UTC
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


def _draw(visit: Visit, failed: FailedCase | None = None) -> Response:
    return page(
        visit,
        "merchant/new_case.html",
        "new_case",
        failed.problem.status if failed else 200,
        failed=failed.problem if failed else None,
        typed=dict(failed.typed) if failed else {},
        claims=DEFECTS,
        currencies=CURRENCIES,
        sources=[source.value for source in Source if source in Source.by_buyer()],
        r=texts("refunds", visit.language),
        visitor=visit.principal.key_id == VISITOR_ID,
        asks_shop=visit.principal.role is not Role.MERCHANT,
        most=MOST_PHOTOS,
    )
