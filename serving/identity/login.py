"""GET and POST /login, POST /logout: a key, a password or an OpenID provider's word for a session, so that a browser
never keeps the key.

In: a form, or a browser that comes back from the provider. Out: the console's cookie (`serving.identity.access`), and
the way on to a page of ours. What is wrong is paid for: by the address it came from, and by the login it named.
"""

import logging
import secrets
from datetime import timedelta
from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse
from pydantic import BaseModel, Field, ValidationError

from refundlens.serving.http.budgets import Caller, caller_of
from refundlens.serving.http.pages import html, own_address, remember_language
from refundlens.serving.http.problems import Problem
from refundlens.serving.identity import access, drafts, openid, passwords
from refundlens.serving.identity.access import authenticated, check_csrf, from_elsewhere
from refundlens.serving.identity.keys import Authentication
from refundlens.serving.identity.openid import Begun, OpenIdError
from refundlens.serving.kit.context import Services

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
_log = logging.getLogger(__name__)

router = APIRouter(include_in_schema=False)


class Draft(BaseModel):
    """What was typed into a form when its login had ended. to: the path that the form is sent to. fields: names and
    values in the form's order, `who` among them, whose login it was."""

    to: str = Field(max_length=200)
    fields: list[tuple[str, str]] = Field(max_length=64)


def draw_login(
    request: Request, status: int, way: str, wrong: str | None, draft: Draft | None = None, name: str = ""
) -> HTMLResponse:
    """The login's page. wrong: key of a text; draft: goes along until somebody is logged in. name: as it was typed."""
    kept, settings = None if draft is None else draft.model_dump_json(), Services.of(request).settings
    response = html(
        request,
        "login.html",
        status,
        next=_ours(way),
        wrong=wrong,
        draft=kept,
        demo=settings.demo,
        openid=settings.oidc_issuer,
        name=name,
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
    name = form.get("name", "").strip()
    parts = Services.of(request)
    logins, payers = parts.budgets.logins, [caller_of(request)]
    if name:
        payers.append(Caller((("address", f"login of {passwords.plain(name)}"),), pays=False))
    try:
        for payer in payers:
            logins.check(payer)
    except Problem as problem:
        return _too_often(request, problem, way, _draft(form), name)
    for payer in payers:
        logins.pay(payer, 1)  # at once: of many that come together, none is tried for nothing
    value = await (_by_password(request, name, form) if name else _by_key(request, form))
    if value is None:
        wrong = "login_wrong_password" if name else "login_wrong"
        return draw_login(request, 401, way, wrong, _draft(form), name)
    for payer in payers:
        logins.pay(payer, -1)
    draft, found = _draft(form), await parts.callers.by_cookie(value)
    response: Response = RedirectResponse(way, SEE_OTHER)
    if draft is not None and found is not None:
        response = _resume(request, draft, way, found)
    access.give(request, response, value)
    return response


async def _by_key(request: Request, form: dict[str, str]) -> str | None:
    before = request.cookies.get(access.COOKIE)
    return await Services.of(request).callers.log_in(form.get("key", "").strip(), before)


async def _by_password(request: Request, name: str, form: dict[str, str]) -> str | None:
    parts = Services.of(request)

    def check() -> str | None:
        with parts.database.reading() as session:
            return passwords.verified(session, name, form.get("password", ""), parts.clock())

    async with parts.hashing:
        key_id = await run_in_threadpool(check)
    return (
        None if key_id is None else await parts.callers.log_in_as(key_id, request.cookies.get(access.COOKIE))
    )


@router.get("/login/openid")
async def begin_openid(request: Request, next: str = "/") -> Response:
    """Send the browser to the provider."""
    begun = await _begin(request, next, None)
    if isinstance(begun, Response):
        return begun
    return _leave(request, begun, RedirectResponse(begun.url, SEE_OTHER))


@router.post("/login/openid")
async def begin_openid_with_draft(request: Request) -> Response:
    """The same for who left a form behind: it is kept here. By a page of ours: the policy of pages lets no form end on
    another site."""
    if from_elsewhere(request):
        return draw_login(request, 403, "/", "login_elsewhere")
    form = await _form(request)
    begun = await _begin(request, form.get("next", "/"), _draft(form))
    if isinstance(begun, Response):
        return begun
    return _leave(request, begun, html(request, "going_on.html", 200, way=begun.url, said="login_leaving"))


async def _begin(request: Request, way: str, draft: Draft | None) -> Begun | Response:
    """A login at the provider, or what the browser is told instead."""
    parts = Services.of(request)
    provider, begins, caller = parts.openid, parts.budgets.begun_logins, caller_of(request)
    if provider is None:
        return RedirectResponse("/login", SEE_OTHER)
    try:
        begins.check(caller)
        begins.pay(caller, 1)
        token = "" if draft is None else await run_in_threadpool(_keep_draft, request, draft)
        return await provider.begin(own_address(request), _ours(way), token)
    except Problem as problem:
        return _too_often(request, problem, way, draft)
    except OpenIdError as error:
        return _openid_failed(request, error, way, draft)


def _leave(request: Request, begun: Begun, response: Response) -> Response:
    response.set_cookie(
        openid.COOKIE, begun.cookie, openid.LIFE, path=openid.BACK, httponly=True, samesite="lax",
        secure=own_address(request).startswith("https:"),
    )  # fmt: skip
    return response


@router.get(openid.BACK)
async def end_openid(request: Request, state: str = "", code: str = "", error: str = "") -> Response:
    """Come back from it. A page of ours goes on from here: the cookie that is set goes with no redirect that another
    site began."""
    parts = Services.of(request)
    provider = parts.openid
    if provider is None:
        return RedirectResponse("/login", SEE_OTHER)
    logins, caller = parts.budgets.logins, caller_of(request)
    cookie = request.cookies.get(openid.COOKIE, "")
    wanted, token = provider.wanted(cookie)
    draft = await run_in_threadpool(_kept_draft, request, token) if token else None
    try:
        logins.check(caller)
    except Problem as problem:
        return _too_often(request, problem, wanted, draft)
    logins.pay(caller, 1)  # at once: each asks the provider for a token
    try:
        if error or not code:
            raise OpenIdError("openid_failed", f"the provider said {error[:100]!r}")
        address, way = await provider.end(own_address(request), cookie, state, code)
        key_id = await run_in_threadpool(_holder, request, address)
        if key_id is None:
            raise OpenIdError("openid_nobody", "the address is no login here")
    except OpenIdError as failed:
        return _openid_failed(request, failed, wanted, draft)
    logins.pay(caller, -1)
    value = await parts.callers.log_in_as(key_id, request.cookies.get(access.COOKIE))
    found = await parts.callers.by_cookie(value)
    if draft is not None and found is not None:
        await run_in_threadpool(_forget_draft, request, token)
        response: Response = _resume(request, draft, _ours(way), found)
    else:
        response = html(request, "going_on.html", 200, way=_ours(way), said="login_done")
    response.delete_cookie(openid.COOKIE, path=openid.BACK)
    access.give(request, response, value)
    return response


def _keep_draft(request: Request, draft: Draft) -> str:
    parts = Services.of(request)
    with parts.database.transaction() as session:
        life = timedelta(seconds=openid.LIFE)
        return drafts.keep_draft(session, parts.secret, draft.model_dump_json(), parts.clock(), life)


def _kept_draft(request: Request, token: str) -> Draft | None:
    parts = Services.of(request)
    with parts.database.reading() as session:
        text = drafts.find_draft(session, parts.secret, token, parts.clock())
    return None if text is None else Draft.model_validate_json(text)


def _forget_draft(request: Request, token: str) -> None:
    with Services.of(request).database.transaction() as session:
        drafts.forget_draft(session, token)


def _holder(request: Request, address: str) -> str | None:
    parts = Services.of(request)
    with parts.database.reading() as session:
        row = passwords.find_login(session, address, parts.clock())
        return None if row is None else row.id


def _too_often(
    request: Request, problem: Problem, way: str, draft: Draft | None = None, name: str = ""
) -> Response:
    answer = draw_login(request, problem.status, way, "login_too_often", draft, name)
    answer.headers.update(problem.headers)
    return answer


def _openid_failed(request: Request, error: OpenIdError, way: str, draft: Draft | None) -> Response:
    _log.warning("login by OpenID: %s", error)
    return draw_login(request, 502 if error.code == "openid_away" else 401, way, error.code, draft)


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
        await Services.of(request).callers.log_out(value)
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
