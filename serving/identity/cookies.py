"""The console's cookie: HttpOnly, SameSite=Strict, and Secure wherever the browser came by https.

It has no end of its own: browsers forget it when they are closed, and the session behind it ends by itself.
"""

from urllib.parse import urlsplit

from fastapi import Request, Response

from serving.identity.callers import Callers
from serving.settings import Settings

COOKIE = "refundlens_session"


def give(request: Request, response: Response, value: str) -> None:
    """Send the cookie along."""
    response.set_cookie(COOKIE, value, httponly=True, samesite="strict", secure=_is_https(request))


def take_back(request: Request, response: Response) -> None:
    """Have the browser forget it."""
    response.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=_is_https(request))


async def start_visit(request: Request, response: Response) -> None:
    """Give whoever opens the demo page a session, unless they have one."""
    callers: Callers = request.app.state.callers
    value = request.cookies.get(COOKIE)
    if value and await callers.by_cookie(value) is not None:
        return
    fresh = await callers.visit()
    if fresh is not None:
        give(request, response, fresh)


def _is_https(request: Request) -> bool:
    """Whether the browser speaks https: with us, or with a proxy before us at the public address."""
    settings: Settings = request.app.state.settings
    public = urlsplit(settings.public_url)
    proxied = public.scheme == "https" and public.netloc == request.headers.get("host")
    return request.url.scheme == "https" or proxied
