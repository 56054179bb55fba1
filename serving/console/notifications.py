"""/notifications: where people are told of deadlines and verdicts: e-mail, chats, this browser.

In: forms. Out: `serving.webhooks.channels` does it, and audits it. A merchant's are of his shop, an administrator's of
all; adjudicators have the browser's alone.
"""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from refundlens.serving.console.forms import attempt, text_of
from refundlens.serving.console.page import Visit, back_to, fields, page, submit, visits
from refundlens.serving.http.idempotency import Created
from refundlens.serving.http.pages import PageRoute
from refundlens.serving.http.problems import Problem
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.errors import Forbidden, Invalid
from refundlens.serving.kit.language import Language, known, texts
from refundlens.serving.kit.roles import Role
from refundlens.serving.webhooks import channels, notices
from refundlens.serving.webhooks.channels import ChannelIn
from refundlens.serving.webhooks.mail import mailer_of
from refundlens.serving.webhooks.notices import Target
from refundlens.serving.webhooks.ssrf import UrlRefused
from refundlens.serving.webhooks.wording import undelivered

_OTHER: dict[Language, Language] = {"zh": "en", "en": "zh"}
"""Each language's own name is what the other's pages call it."""

router = APIRouter(prefix="/notifications", include_in_schema=False, route_class=PageRoute)
Reader = Annotated[Visit, Depends(visits(Role.MERCHANT, Role.ADJUDICATOR))]
Owner = Annotated[Visit, Depends(visits(Role.MERCHANT))]


@router.get("")
def notifications(visit: Reader, tried: bool = False) -> Response:
    return _draw(visit, tried=tried)


@router.post("/new")
async def add(visit: Owner) -> Response:
    """Raises Forbidden."""
    if visit.principal.visits:
        raise Forbidden("The demo's visitors share one shop; nobody is told of it by mail.")
    form = await fields(visit)
    _, failed = await attempt(_added(visit, form))
    return await run_in_threadpool(_draw, visit, failed, form) if failed else back_to("/notifications")


async def _added(visit: Visit, form: FormData) -> None:
    """Raises Invalid, Conflict."""
    asked = ChannelIn(
        kind=text_of(form, "kind"),
        target=Target(text_of(form, "address"), text_of(form, "secret")),
        events=[str(kind) for kind in form.getlist("event")],
        language=known(text_of(form, "language")) or "en",
    )
    channels.check_channel(asked, visit.services.settings.allow_private_webhooks)
    if asked.kind != notices.EMAIL:
        try:
            await run_in_threadpool(visit.services.webhook_guard.check, asked.target.address)
        except UrlRefused as error:
            raise Invalid("webhook_url_refused", str(error)) from error

    def do(context: Context) -> Created:
        return Created({"id": channels.add_channel(context, visit.services.secret, asked).id})

    await submit(visit, form, do)


@router.post("/{identifier}/test")
async def test(visit: Owner, identifier: str) -> Response:
    """Send it a test message."""
    form = await fields(visit)

    def do(context: Context) -> Created:
        channels.test_channel(context, identifier)
        return Created({}, 202)

    _, failed = await attempt(submit(visit, form, do))
    return await run_in_threadpool(_draw, visit, failed) if failed else back_to("/notifications?tried=1")


@router.post("/{identifier}/remove")
async def remove(visit: Owner, identifier: str) -> Response:
    form = await fields(visit)

    def do(context: Context) -> Created:
        channels.remove_channel(context, identifier)
        return Created({}, 200)

    await submit(visit, form, do)
    return back_to("/notifications")


def _draw(
    visit: Visit, failed: Problem | None = None, typed: FormData | None = None, tried: bool = False
) -> Response:
    with visit.services.database.reading() as session:
        found = channels.list_channels(session, visit.principal)
    return page(
        visit,
        "notifications.html",
        "notifications",
        failed.status if failed else 200,
        channels=found,
        failed=failed,
        typed=typed or {},
        ticked=typed.getlist("event") if typed else [*notices.WARNINGS, *notices.VERDICTS],
        events=[kind.value for kind in notices.TOLD],
        kinds=notices.KINDS,
        signing=notices.SIGNING,
        mail=mailer_of(visit.services.settings).ready,
        languages={code: texts("page", other)["other_language"] for code, other in _OTHER.items()},
        tried=tried,
        undelivered=partial(undelivered, language=visit.language),
        owns=visit.principal.has_role(Role.MERCHANT) and not visit.principal.visits,
    )
