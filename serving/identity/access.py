"""The door: FastAPI dependencies that let a request in by role.

In: a bearer key or the console's cookie. Out: a `Principal`. Raises Problem 401 without either, or with one that is
unknown, expired or revoked; 403 `forbidden` where the role or the key's scopes do not allow it, `cross_site` where
another site's page sent it, `csrf` where a form of ours did not.

>>> Merchant = Annotated[Principal, Depends(needs(Role.MERCHANT))]

The console's cookie: HttpOnly, SameSite=Strict, and Secure wherever the browser came by https.

It has no end of its own: browsers forget it when they are closed, and the session behind it ends by itself.
"""

import hmac
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from refundlens.serving.http.budgets import remember_principal
from refundlens.serving.http.context import ApiCall, services
from refundlens.serving.http.problems import Problem
from refundlens.serving.identity.keys import Authentication
from refundlens.serving.identity.scopes import SAFE_METHODS, permits, scope_of
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import KEY_ROLES, Role

COOKIE = "refundlens_session"


def give(request: Request, response: Response, value: str) -> None:
    """Send the cookie along."""
    response.set_cookie(COOKIE, value, httponly=True, samesite="strict", secure=_is_https(request))


def take_back(request: Request, response: Response) -> None:
    """Have the browser forget it."""
    response.delete_cookie(COOKIE, httponly=True, samesite="strict", secure=_is_https(request))


async def start_visit(request: Request, response: Response) -> None:
    """Give whoever opens the demo page a session, unless they have one."""
    callers = services(request).callers
    value = request.cookies.get(COOKIE)
    if value and await callers.by_cookie(value) is not None:
        return
    fresh = await callers.visit()
    if fresh is not None:
        give(request, response, fresh)


def _is_https(request: Request) -> bool:
    """Whether the browser speaks https: with us, or with a proxy before us at the public address."""
    public = urlsplit(services(request).settings.public_url)
    proxied = public.scheme == "https" and public.netloc == request.headers.get("host")
    return request.url.scheme == "https" or proxied


CSRF_HEADER, CSRF_FIELD = "X-CSRF-Token", "csrf"
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_bearer = HTTPBearer(auto_error=False, description="A key of `refundlens keys create`, or the demo key.")


async def authenticated(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)] = None
) -> Authentication:
    """Whoever sent this, by key or else by cookie. Raises Problem 401, 403."""
    if credentials is not None:
        found = await services(request).callers.by_key(credentials.credentials)
    else:
        found = await _by_cookie(request)
    if found is None:
        detail = (
            "Send an API key as `Authorization: Bearer <key>`. `refundlens keys create` makes one, and "
            "`refundlens serve` prints a demo key."
        )
        raise Problem(401, "unauthorized", detail, {"WWW-Authenticate": "Bearer"})
    request.scope.setdefault("state", {}).setdefault("facts", {})["key"] = found.principal.key_id
    remember_principal(request, found.principal)
    return found


def needs(first: Role, *others: Role, csrf: bool = True) -> Callable[..., Awaitable[Principal]]:
    """A dependency that lets these roles in, and admins. csrf: whether a session's POST must bring its token; off only
    where nothing but an opinion on a photo comes of it and the body must not be read before there is room for it."""
    roles = (first, *others)

    async def permitted(
        request: Request, found: Annotated[Authentication, Depends(authenticated)]
    ) -> Principal:
        if csrf:
            await check_csrf(request, found)
        return _permitted(request, found.principal, roles)

    return permitted


def calls(first: Role, *others: Role) -> Callable[..., Awaitable[ApiCall]]:
    """The same as a dependency that gives the whole `ApiCall`."""
    permitted = needs(first, *others)

    async def call(request: Request, principal: Annotated[Principal, Depends(permitted)]) -> ApiCall:
        return ApiCall(request, principal)

    return call


async def from_cookie(request: Request, first: Role, *others: Role) -> Principal:
    """Whose session a page was asked from, for pages that are no API and look at no key. Raises Problem 401, 403."""
    found = await _by_cookie(request)
    if found is None:
        raise Problem(401, "unauthorized", "The session is over. Open the page again: /")
    remember_principal(request, found.principal)
    return _permitted(request, found.principal, (first, *others))


async def has_session(request: Request) -> bool:
    """Whether a page was asked from a session that lives."""
    return await _by_cookie(request) is not None


def _permitted(request: Request, principal: Principal, roles: Sequence[Role]) -> Principal:
    if not principal.has_role(*roles):
        may = ", ".join(sorted({*roles, Role.ADMIN}, key=KEY_ROLES.index))
        detail = f"A key of the role {principal.role.value} may not do this. Roles that may: {may}."
        raise Problem(403, "forbidden", detail)
    path = request.scope["route"].path
    if principal.visits and (request.method == "PUT" or path.startswith("/v1/platforms/")):
        detail = "The demo's visitors share one shop and add no refunds to it; the demo key may."
        raise Problem(403, "forbidden", detail)
    wanted = scope_of(path, request.method)
    if not permits(principal.scopes, wanted):
        detail = f"This key is narrowed to {', '.join(sorted(principal.scopes))}; this needs {wanted}."
        raise Problem(403, "forbidden", detail)
    return principal


async def check_csrf(request: Request, found: Authentication, forms: bool = False) -> None:
    """Raises Problem 403 where a session would change something without the token that only our own pages know. forms:
    whether the token may be in the form's field; only for pages, whose forms are read whole before that is known."""
    if found.csrf is None or request.method in SAFE_METHODS:
        return
    sent = request.headers.get(CSRF_HEADER)
    if forms and sent is None and request.headers.get("content-type", "").startswith(_FORMS):
        field = (await request.form()).get(CSRF_FIELD)
        sent = field if isinstance(field, str) else None
    if sent is None or not hmac.compare_digest(sent.encode(), found.csrf.encode()):
        detail = f"Send the session's token in the form's field {CSRF_FIELD} or as {CSRF_HEADER}. Open the page again."
        raise Problem(403, "csrf", detail)


async def _by_cookie(request: Request) -> Authentication | None:
    value = request.cookies.get(COOKIE)
    found = await services(request).callers.by_cookie(value) if value else None
    if found is not None and from_elsewhere(request):
        raise Problem(403, "cross_site", "This session belongs to the page; other sites need an API key.")
    return found


def from_elsewhere(request: Request) -> bool:
    """Whether another site's page sent this. Browsers leave Sec-Fetch-Site out on plain http beyond this machine;
    there the Origin, which every POST carries, must be the host that was asked."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host")
