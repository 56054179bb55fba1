"""Webhooks in the browser: endpoints with their secrets, what was sent to them and what came of it, test events.

In: forms. Out: `serving.webhooks.service` and `.simulator` do it, and audit it. A secret is on the page that answers
its making or its rotation.
"""

import json
from datetime import timedelta
from functools import partial
from typing import get_args
from urllib.parse import urlencode

from fastapi import APIRouter, Response
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from refundlens.serving.console.admin.frame import Admin, sheet
from refundlens.serving.console.forms import LINE, attempt, checked, chosen, confirmed, text_of, version_seen
from refundlens.serving.console.page import Visit, back_to, fields, submit
from refundlens.serving.events.outbox import WebhookType
from refundlens.serving.http import paging
from refundlens.serving.http.idempotency import Created
from refundlens.serving.http.pages import PageRoute
from refundlens.serving.http.problems import Problem, problem_of
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.errors import Invalid, NotFound
from refundlens.serving.webhooks import repository, service, simulator
from refundlens.serving.webhooks.schemas import DeliveryState, EndpointIn, EndpointPatch
from refundlens.serving.webhooks.sending import secret_text
from refundlens.serving.webhooks.ssrf import MOST_CHARACTERS, UrlRefused
from refundlens.serving.webhooks.wording import undelivered

router = APIRouter(prefix="/admin/webhooks", include_in_schema=False, route_class=PageRoute)

ROWS = 25
"""Deliveries of a page."""
STATES: tuple[str, ...] = get_args(DeliveryState)
OVERLAPS = ("0", "24", "168")
"""Hours that the old secret signs beside the new one."""
TYPES = tuple(kind.value for kind in WebhookType)


@router.get("")
def webhooks_page(visit: Admin) -> Response:
    """The endpoints, newest first."""
    return _draw_all(visit)


@router.post("/new")
async def create(visit: Admin) -> Response:
    """Register a URL, and show its secret this once."""
    form = await fields(visit)
    url, refused = await _url(visit, form)
    if refused:
        return await run_in_threadpool(_draw_all, visit, refused)

    def do(context: Context) -> Created:
        asked = checked(
            EndpointIn, url=url, description=text_of(form, "description", LINE), events=_types(form)
        )
        made = service.create_endpoint(context, asked)
        return Created({"id": made.id, "secret_number": made.secret_number})

    answer, failed = await attempt(submit(visit, form, do))
    if answer is None:
        return await run_in_threadpool(_draw_all, visit, failed)
    return await run_in_threadpool(_with_secret, visit, answer)


@router.get("/{endpoint_id}")
def endpoint_page(visit: Admin, endpoint_id: str, state: str = "", cursor: str = "") -> Response:
    """One endpoint with what was sent to it. Raises NotFound, Problem 400 for a cursor that is none of ours."""
    return _draw(visit, endpoint_id, state if state in STATES else "", cursor)


@router.post("/{endpoint_id}/change")
async def change(visit: Admin, endpoint_id: str) -> Response:
    """Another URL, description or choice of types; or use it again, or not for now."""
    form = await fields(visit)
    url, refused = await _url(visit, form)

    def do(context: Context) -> Created:
        enabled = form.get("enabled") == "yes"
        asked = checked(
            EndpointPatch,
            url=url,
            description=text_of(form, "description", LINE),
            events=_types(form),
            enabled=enabled,
        )
        service.change(context, endpoint_id, asked, version_seen(form))
        return Created({}, 200)

    if not refused:
        _, refused = await attempt(submit(visit, form, do))
    return await _told(visit, endpoint_id, refused)


@router.post("/{endpoint_id}/test")
async def test_event(visit: Admin, endpoint_id: str) -> Response:
    """Send it an example of an event."""
    form = await fields(visit)

    def do(context: Context) -> Created:
        kind = WebhookType(chosen(form, "type", TYPES))
        return Created(simulator.send_test(context, endpoint_id, kind), 202)

    _, failed = await attempt(submit(visit, form, do))
    return await _told(visit, endpoint_id, failed)


@router.post("/{endpoint_id}/rotate")
async def rotate(visit: Admin, endpoint_id: str) -> Response:
    """A new secret, shown this once."""
    form = await fields(visit)

    def do(context: Context) -> Created:
        overlap = timedelta(hours=int(chosen(form, "overlap", OVERLAPS)))
        row = service.rotate_secret(context, endpoint_id, overlap)
        return Created({"id": row.id, "secret_number": row.secret_number})

    answer, failed = await attempt(submit(visit, form, do))
    if answer is None:
        return await _told(visit, endpoint_id, failed)
    return await run_in_threadpool(_with_secret, visit, answer)


@router.post("/{endpoint_id}/delete")
async def delete(visit: Admin, endpoint_id: str) -> Response:
    """Send nothing more to it, for good."""
    form = await fields(visit)

    def do(context: Context) -> Created:
        confirmed(form)
        service.delete(context, endpoint_id, None)
        return Created({}, 200)

    _, failed = await attempt(submit(visit, form, do))
    return await _told(visit, endpoint_id, failed) if failed else back_to("/admin/webhooks")


@router.get("/deliveries/{delivery_id}")
def delivery_page(visit: Admin, delivery_id: str) -> Response:
    """One delivery, with what it carried and what came back. Raises NotFound."""
    return _draw_delivery(visit, delivery_id)


@router.post("/deliveries/{delivery_id}/redeliver")
async def redeliver(visit: Admin, delivery_id: str) -> Response:
    """Send its event again, now."""
    form = await fields(visit)

    def do(context: Context) -> Created:
        again = service.redeliver(context, delivery_id)
        return Created({"id": again["id"]}, 202)

    answer, failed = await attempt(submit(visit, form, do))
    if answer is None:
        return await run_in_threadpool(_draw_delivery, visit, delivery_id, failed)
    return back_to(f"/admin/webhooks/deliveries/{json.loads(bytes(answer.body))['id']}")


def _draw_all(visit: Visit, failed: Problem | None = None) -> Response:
    with visit.services.database.reading() as session:
        rows = repository.endpoints(session, visit.principal.tenant, None, service.MOST_ENDPOINTS)
    return sheet(
        visit, "webhooks", failed, endpoints=[service.endpoint_json(row) for row in rows], types=TYPES
    )


def _draw(
    visit: Visit,
    endpoint_id: str,
    state: str = "",
    cursor: str = "",
    failed: Problem | None = None,
    secret: str | None = None,
) -> Response:
    after = str(paging.decode(cursor, (str,))[0]) if cursor else None
    with visit.reading() as context:
        row = service.find_endpoint(context, endpoint_id)
        found = repository.deliveries(
            context.session, visit.principal.tenant, endpoint_id, state or None, after, ROWS + 1
        )
    more = None
    if len(found) > ROWS:
        kept = {"state": state} if state else {}
        query = urlencode({**kept, "cursor": paging.encode([found[ROWS - 1][0].id])})
        more = f"/admin/webhooks/{endpoint_id}?{query}#deliveries"
    return sheet(
        visit,
        "webhooks",
        failed,
        "endpoint",
        one=service.endpoint_json(row),
        version=row.version,
        deliveries=[service.delivery_json(*each) for each in found[:ROWS]],
        types=TYPES,
        states=STATES,
        state=state,
        first=not cursor,
        more=more,
        secret=secret,
        overlaps=OVERLAPS,
        undelivered=partial(undelivered, language=visit.language),
    )


def _draw_delivery(visit: Visit, delivery_id: str, failed: Problem | None = None) -> Response:
    with visit.services.database.reading() as session:
        found = repository.find_delivery(session, visit.principal.tenant, delivery_id)
    if found is None:
        raise NotFound(f"There is no webhook delivery {delivery_id}.")
    row, event = found
    return sheet(
        visit,
        "webhooks",
        failed,
        "delivery",
        one=service.delivery_json(row, event.type),
        payload=json.dumps(json.loads(event.payload), ensure_ascii=False, indent=2),
        undelivered=partial(undelivered, language=visit.language),
    )


def _with_secret(visit: Visit, answer: Response) -> Response:
    made = json.loads(bytes(answer.body))
    secret = secret_text(visit.services.secret, made["id"], made["secret_number"])
    return _draw(visit, made["id"], secret=secret)


async def _told(visit: Visit, endpoint_id: str, failed: Problem | None) -> Response:
    if failed:
        return await run_in_threadpool(_draw, visit, endpoint_id, "", "", failed)
    return back_to(f"/admin/webhooks/{endpoint_id}")


async def _url(visit: Visit, form: FormData) -> tuple[str, Problem | None]:
    """The URL of a form, and why it may not be one. Before any transaction: it waits for a name server."""
    url = text_of(form, "url")[: MOST_CHARACTERS + 1]
    try:
        await run_in_threadpool(visit.services.webhook_guard.check, url)
    except UrlRefused as error:
        return url, problem_of(Invalid(f"webhook_url_{error.why}", str(error)))
    return url, None


def _types(form: FormData) -> list[str]:
    """The types that were ticked; all of them is none, so that types to come are among them."""
    ticked = [str(kind) for kind in form.getlist("event")]
    return [] if set(ticked) >= set(TYPES) else ticked
