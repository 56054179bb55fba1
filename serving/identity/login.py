"""GET and POST /login, POST /logout: a key for a session, so that a browser never keeps the key.

In: a form with a key. Out: the console's cookie (`serving.identity.access`), and the way on to a page of ours.
"""

import secrets
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field, ValidationError

from refundlens.serving.http.budgets import budgets_of, caller_of
from refundlens.serving.http.context import services
from refundlens.serving.http.pages import html, remember_language
from refundlens.serving.http.problems import Problem
from refundlens.serving.identity import access
from refundlens.serving.identity.access import authenticated, check_csrf, from_elsewhere
from refundlens.serving.identity.keys import Authentication

MOST_BYTES = 65_536
"""Of a login form: a key, a path, and what was typed before the login ended. It is read before anybody is known."""
FORMS = (
    "/refunds",
    "/reports/",
    "/queue/",
    "/appeals/",
    "/models",
    "/complaints/",
    "/admin/",
    "/notifications/",
)
"""Where a draft may be sent to: forms of the console."""
SEE_OTHER = 303

router = APIRouter(include_in_schema=False)


class Draft(BaseModel):
    """What was typed into a form when its login had ended. to: the path that the form is sent to. fields: names and
    values in the form's order, `who` among them, whose login it was."""

    to: str = Field(max_length=200)
    fields: list[tuple[str, str]] = Field(max_length=64)


def draw_login(
    request: Request, status: int, way: str, wrong: str | None, draft: Draft | None = None
) -> HTMLResponse:
    """The login's page. wrong: key of a text; draft: goes along until somebody is logged in."""
    kept = None if draft is None else draft.model_dump_json()
    response = html(
        request,
        "login.html",
        status,
        next=_ours(way),
        wrong=wrong,
        draft=kept,
        demo=services(request).settings.demo,
    )
    remember_language(request, response)
    return response


@router.get("/login")
async def login_page(request: Request, next: str = "/", ended: bool = False) -> Response:
    return draw_login(request, 200, next, "login_ended" if ended else None)


@router.post("/login")
async def log_in(request: Request) -> Response:
    """Begin a session. The one that the browser had ends: nobody else's cookie becomes this caller's."""
    if from_elsewhere(request):
        return draw_login(request, 403, "/", "login_elsewhere")
    form = await _form(request)
    way = _ours(form.get("next", "/"))
    logins, caller = budgets_of(request).logins, caller_of(request)
    try:
        logins.check(caller)
    except Problem as problem:
        answer = draw_login(request, problem.status, way, "login_too_often", _draft(form))
        answer.headers.update(problem.headers)
        return answer
    value = await services(request).callers.log_in(
        form.get("key", "").strip(), request.cookies.get(access.COOKIE)
    )
    if value is None:
        logins.pay(caller, 1)
        return draw_login(request, 401, way, "login_wrong", _draft(form))
    draft, found = _draft(form), await services(request).callers.by_cookie(value)
    response: Response = RedirectResponse(way, SEE_OTHER)
    if draft is not None and found is not None:
        response = _resume(request, draft, way, found)
    access.give(request, response, value)
    return response


def _resume(request: Request, draft: Draft, way: str, found: Authentication) -> Response:
    """What was typed, to be sent with one more press; it says so where another login would send it."""
    who = f"{found.principal.tenant}/{found.principal.subject}"
    before = dict(draft.fields).get("who", who)
    fields = [(name, value) for name, value in draft.fields if name != "who"]
    values = {
        "draft": draft,
        "fields": fields,
        "way": way,
        "csrf": found.csrf,
        "key": secrets.token_urlsafe(16),
    }
    return html(request, "resume.html", 200, who=who, before=before, **values)


def _draft(form: dict[str, str]) -> Draft | None:
    """None where none came, or none of ours."""
    try:
        draft = Draft.model_validate_json(form.get("draft", ""))
    except ValidationError:
        return None
    return draft if draft.to == _ours(draft.to) and draft.to.startswith(FORMS) else None


@router.post("/logout")
async def log_out(request: Request, found: Annotated[Authentication, Depends(authenticated)]) -> Response:
    """End the session of the cookie."""
    await check_csrf(request, found, forms=True)
    value = request.cookies.get(access.COOKIE)
    if value:
        await services(request).callers.log_out(value)
    response = RedirectResponse("/login", SEE_OTHER)
    access.take_back(request, response)
    return response


async def _form(request: Request) -> dict[str, str]:
    """The fields of a small form. Raises Problem 413."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise Problem(413, "too_large", f"A login has at most {MOST_BYTES} bytes.")
    return {name: values[0] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}


def _ours(way: str) -> str:
    """Where to go on: a path of this site, never another's address."""
    fine = way.startswith("/") and not way.startswith("//") and "\\" not in way and way.isprintable()
    return way if fine else "/"
