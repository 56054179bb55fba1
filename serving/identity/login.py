"""GET and POST /login, POST /logout: a key for a session, so that a browser never keeps the key.

In: a form with a key. Out: the console's cookie (`serving.identity.access`), and the way on to a page of ours.
"""

from typing import Annotated
from urllib.parse import parse_qs

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from refundlens.serving.http.context import services
from refundlens.serving.http.pages import html, remember_language
from refundlens.serving.http.problems import Problem
from refundlens.serving.identity import access
from refundlens.serving.identity.access import authenticated, check_csrf, from_elsewhere
from refundlens.serving.identity.keys import Authentication

MOST_BYTES = 8_192
"""Of a login form: a key and a path. It is read before anybody is known."""
SEE_OTHER = 303

router = APIRouter(include_in_schema=False)


@router.get("/login")
async def login_page(request: Request, next: str = "/") -> Response:
    response = html(request, "login.html", next=_ours(next), wrong=None)
    remember_language(request, response)
    return response


@router.post("/login")
async def log_in(request: Request) -> Response:
    """Begin a session. The one that the browser had ends: nobody else's cookie becomes this caller's."""
    if from_elsewhere(request):
        return html(request, "login.html", 403, next="/", wrong="login_elsewhere")
    form = await _form(request)
    way = _ours(form.get("next", "/"))
    value = await services(request).callers.log_in(
        form.get("key", "").strip(), request.cookies.get(access.COOKIE)
    )
    if value is None:
        return html(request, "login.html", 401, next=way, wrong="login_wrong")
    response = RedirectResponse(way, SEE_OTHER)
    access.give(request, response, value)
    return response


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
