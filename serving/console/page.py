"""What every page of the console shares: who visits, the frame around a page, and forms that are done once.

In: a request. Out: a `Visit`, or a redirect to /login; HTML around a template of `serving/web/templates/console`.

A form of ours posts to a path of the console with two hidden fields (macro `keys` of `console/forms.html`): `csrf`, and
`key`, its Idempotency-Key, so that a double click does a thing once. Its handler does the thing with `submit` and is
answered with a redirect (303) back to a page; htmx follows redirects, so the same handler serves with and without
JavaScript. Pages that htmx refreshes ask for themselves with `hx-get` and pick their part with `hx-select`.
"""

import secrets
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode, urlsplit

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute
from sqlalchemy.exc import SQLAlchemyError
from starlette.datastructures import FormData

from refundlens.serving.console.tour import tour_of
from refundlens.serving.http.context import ApiCall
from refundlens.serving.http.idempotency import Created
from refundlens.serving.http.pages import html, language, own_address, remember_language
from refundlens.serving.http.problems import Problem
from refundlens.serving.identity import login
from refundlens.serving.identity.access import COOKIE, check_csrf, start_visit
from refundlens.serving.identity.login import Draft
from refundlens.serving.identity.scopes import SAFE_METHODS, permits
from refundlens.serving.kit.context import Context, Services
from refundlens.serving.kit.errors import Forbidden
from refundlens.serving.kit.language import Language, texts
from refundlens.serving.kit.roles import Role
from refundlens.serving.refunds.schemas import MOST_PHOTOS
from refundlens.serving.reports.wording import in_reader_s_language

SEE_OTHER = 303
FOR_KEYS = ("/queue", "/appeals", "/models", "/admin", "/complaints")
"""Pages that the demo's visitors may not see: whoever asks for one logs in."""
MOST_FIELDS = 2 * MOST_PHOTOS + 32
"""Of a form: a tick and a version for each photo of a refund, and the rest."""


DRAFTED = "drafted"
"""A field that the page's script adds: it keeps what was typed and puts it back."""
NOT_CONTENT = ("csrf", "key", "who", DRAFTED)
"""Fields of a form that say nothing of what is asked."""


@dataclass(frozen=True)
class Visit(ApiCall):
    """A page's visitor. csrf: what forms must bring back."""

    csrf: str

    @property
    def language(self) -> Language:
        return language(self.request)


_OTHER: dict[Language, Language] = {"en": "zh", "zh": "en"}


class Elsewhere(Exception):
    """Raise to send the browser to another page."""

    def __init__(self, path: str) -> None:
        super().__init__(path)
        self.path = path


class Interrupted(Exception):
    """A form came after its login had ended. way: the page that it was on. draft: what was typed; none where the
    browser's script keeps it."""

    def __init__(self, way: str, draft: Draft | None) -> None:
        super().__init__(way)
        self.way, self.draft = way, draft


async def _interrupted(request: Request) -> Interrupted:
    form = await request.form(max_fields=MOST_FIELDS)
    way = _page_path(request)
    came_from = urlsplit(request.headers.get("referer", ""))
    if came_from.netloc == request.headers.get("host") and came_from.path.startswith("/"):
        way = came_from.path
    if DRAFTED in form:
        return Interrupted(way, None)
    kept = [
        (name, value)
        for name, value in form.multi_items()
        if name not in ("csrf", "key") and isinstance(value, str)
    ]
    return Interrupted(way, Draft(to=request.url.path, fields=kept))


def way_in(request: Request, way: str) -> str:
    """Where who has no session is sent. way: where they go on from there."""
    if COOKIE in request.cookies:  # a login that ended: nobody becomes the demo's visitor without a word
        return f"/login?{urlencode({'next': way, 'ended': 1})}"
    return f"/welcome?{urlencode({'next': way})}"


def visits(*roles: Role, scope: str | None = None) -> Callable[[Request], Awaitable[Visit]]:
    """A dependency that lets these roles in, and admins; everybody without a session goes to /login and back. scope:
    the part of the API whose scopes open this page to a narrowed key, too; none does without.

    A POST must bring its csrf token. Raises Forbidden.
    """

    async def visit(request: Request) -> Visit:
        value = request.cookies.get(COOKIE)
        found = await Services.of(request).callers.by_cookie(value) if value else None
        if found is None or found.csrf is None:
            if request.method != "GET":
                raise await _interrupted(request)
            way = str(request.url.path) + (f"?{request.url.query}" if request.url.query else "")
            raise Elsewhere(way_in(request, way))
        await check_csrf(request, found, forms=True)
        wanted = scope and f"{scope}:{'read' if request.method in SAFE_METHODS else 'write'}"
        if found.principal.scopes and not (wanted and permits(found.principal.scopes, wanted)):
            detail = "This key is narrowed to parts of the API, for programs; the console needs a whole key."
            raise Forbidden(detail)
        if roles and not found.principal.has_role(*roles):
            may = ", ".join(roles)
            raise Forbidden(f"This page is for: {may}. Log in with such a key.")
        return Visit(request, found.principal, found.csrf)

    return visit


def page(visit: Visit, template: str, area: str, status: int = 200, **values: object) -> HTMLResponse:
    """A page of `console/`. area: names the texts `{language}/{area}.toml`, which the template has as `c`, and
    the place in the navigation that is lit."""
    response = html(
        visit.request,
        f"console/{template}",
        status,
        visit=visit,
        area=area,
        c=texts(area, visit.language),
        f=texts("frame", visit.language),
        fresh_key=lambda: secrets.token_urlsafe(16),
        now=visit.services.clock(),
        page_path=_page_path(visit.request),
        other_language_query=_other_language(visit.request),
        whole_address=partial(_whole_address, visit.request),
        tour=tour_of(template, visit.language),
        w=texts("tour", visit.language),
        spoken=partial(in_reader_s_language, language=visit.language),
        **values,
    )
    remember_language(visit.request, response)
    return response


async def trouble(request: Request, problem: Problem) -> HTMLResponse:
    """The page about it: in the visitor's own frame, if a session is known; nobody is asked for a login here."""
    posted = request.method not in SAFE_METHODS and _page_path(request) != "/"
    answer = await open_page(
        request, "problem.html", "problems", problem.status, problem=problem, posted=posted
    )
    answer.headers.update(problem.headers)
    return answer


async def open_page(
    request: Request, template: str, area: str, status: int = 200, **values: object
) -> HTMLResponse:
    """A page that everybody may see: in the visitor's own frame, or without places where nobody is known."""
    visit = await _visitor(request)
    if visit is not None:
        return page(visit, template, area, status, **values)
    spoken = language(request)
    words = {"c": texts(area, spoken), "f": texts("frame", spoken)}
    frame = {"page_path": _page_path(request), "other_language_query": _other_language(request)}
    shown = {"visit": None, "area": area, "tour": [], **frame, **words, **values}
    answer = html(request, f"console/{template}", status, **shown)
    remember_language(request, answer)
    return answer


async def _visitor(request: Request) -> Visit | None:
    """None without a session, and while the database has a trouble of its own."""
    value = request.cookies.get(COOKIE)
    try:
        found = await Services.of(request).callers.by_cookie(value) if value else None
    except (SQLAlchemyError, OSError):
        return None
    return Visit(request, found.principal, found.csrf) if found and found.csrf else None


def _page_path(request: Request) -> str:
    """A page to be drawn again by GET: a form posts to a path under its page's, or to the page's own."""
    path, route = request.url.path, request.scope.get("route")
    if request.method in ("GET", "HEAD") or not isinstance(route, APIRoute):
        return path
    pages, form = set(_pages(request.app.routes)), route.path
    while form not in pages and form:
        path, form = path.rpartition("/")[0], form.rpartition("/")[0]
    return path or "/"


def _pages(routes: Iterable[Any]) -> Iterator[str]:
    """The paths of all that answers a GET."""
    for route in routes:
        if isinstance(route, APIRoute):
            if "GET" in (route.methods or ()):
                yield route.path
        else:
            yield from _pages(getattr(getattr(route, "original_router", route), "routes", ()))


def _other_language(request: Request) -> str:
    """The query by which the page is drawn in the other language, with the same filters."""
    kept = [(name, value) for name, value in request.query_params.multi_items() if name != "lang"]
    return urlencode([*(kept if request.method in SAFE_METHODS else ()), ("lang", _OTHER[language(request)])])


def _whole_address(request: Request, address: str) -> str:
    """One that can be sent to somebody: a path of ours with what it begins with."""
    return own_address(request) + address if address.startswith("/") else address


async def fields(visit: Visit) -> FormData:
    """The form that was posted; its csrf token is checked already."""
    return await visit.request.form(max_fields=MOST_FIELDS)


async def submit(visit: Visit, form: FormData, do: Callable[[Context], Created]) -> Response:
    """Do what a form asks, once for its `key`, in a transaction. Raises DomainError."""
    asked = {name: [str(value) for value in form.getlist(name)] for name in form if name not in NOT_CONTENT}
    key = str(form.get("key") or "") or None
    done = await run_in_threadpool(visit.once, key, asked, do)
    visit.request.state.done = key
    return done


def back_to(path: str) -> Response:
    """After a form: to a page, by GET."""
    return RedirectResponse(path, SEE_OTHER)


async def welcome(request: Request, next: str = "/refunds") -> Response:
    """Where who has no session comes by: demo visitors get one, others log in."""
    target = next if next.startswith("/") and not next.startswith("//") and "\\" not in next else "/refunds"
    response = RedirectResponse(target, SEE_OTHER)
    if Services.of(request).settings.demo and not target.startswith(FOR_KEYS):
        await start_visit(request, response)
        return response
    return RedirectResponse(f"/login?{urlencode({'next': target})}", SEE_OTHER)


def install(app: FastAPI) -> None:
    """Have `Elsewhere` redirect, and the welcome be there."""

    async def go(request: Request, error: Exception) -> Response:
        assert isinstance(error, Elsewhere)
        return RedirectResponse(error.path, SEE_OTHER)

    async def log_in_again(request: Request, error: Exception) -> Response:
        assert isinstance(error, Interrupted)
        return login.draw_login(request, 401, error.way, "login_ended", error.draft)

    app.add_exception_handler(Elsewhere, go)
    app.add_exception_handler(Interrupted, log_in_again)
    app.add_api_route("/welcome", welcome, include_in_schema=False)
