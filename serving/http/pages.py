"""Pages in the visitor's language, and the headers that every one of them carries.

In: a request, a template of `serving/web/templates`, its values. Out: HTML. Texts are in `serving/web/texts`.
"""

import re
from collections.abc import Callable, Coroutine, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from refundlens.serving.http.problems import Problem, problem_of
from refundlens.serving.kit.clock import rfc3339
from refundlens.serving.kit.context import Services
from refundlens.serving.kit.deadlines import countdown, steps_in_seconds
from refundlens.serving.kit.errors import DomainError
from refundlens.serving.kit.format import bound_percent, percent, percent_in_tenths, when
from refundlens.serving.kit.language import Language, known, preferred, texts
from refundlens.serving.kit.money import money

WEB = Path(__file__).parents[1] / "web"
DONE_COOKIE = "refundlens_done"
LANGUAGE_COOKIE = "refundlens_language"
POLICY = (
    "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
"""Content-Security-Policy: nothing from elsewhere; data: for the photo and its heat map, which are not stored."""


def html(request: Request, template: str, status: int = 200, **values: object) -> HTMLResponse:
    """The template with `t` (texts) and `language` beside its values."""
    spoken = language(request)
    content = render(template, t=texts("page", spoken), language=spoken, **values)
    headers = {
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
        "Content-Language": texts("page", spoken)["lang"],
        "Vary": "Accept-Language, Cookie",
    }
    return HTMLResponse(content, status, headers)


def render(template: str, **values: object) -> str:
    """A template of `serving/web/templates`."""
    return _templates().get_template(template).render(**values)


def why(problem: Problem, language: Language, own: Mapping[str, str] | None = None) -> str:
    """What went wrong, in the reader's words. own: those of the page, by code; then come everybody's. A test holds that
    every code that a page may meet has some; where one has none, nothing of another language is shown."""
    code = problem.values.get("says", problem.code)
    everybody, of_photos = texts("problems", language)["codes"], texts("page", language)
    found = (own or {}).get(code) or everybody.get(code) or of_photos.get(f"error_{code}")
    if found is None:
        return problem.detail if language == "en" else str(texts("problems", language)["other"])
    return str(found).format(**problem.values) if problem.values else str(found)


def language(request: Request) -> Language:
    """What was switched to, now or before; else what the browser prefers."""
    chosen = known(request.query_params.get("lang")) or known(request.cookies.get(LANGUAGE_COOKIE))
    return chosen or preferred(request.headers.get("accept-language"))


def remember_language(request: Request, response: HTMLResponse) -> None:
    """Keep a switch that was made with `?lang=`."""
    chosen = known(request.query_params.get("lang"))
    if chosen is not None:
        response.set_cookie(LANGUAGE_COOKIE, chosen, max_age=365 * 24 * 3600, samesite="lax", httponly=True)


def own_address(request: Request) -> str:
    """By which browsers and programs reach us, without the slash at its end."""
    return (Services.of(request).settings.public_url or str(request.base_url)).rstrip("/")


@cache
def _templates() -> Environment:
    loader = FileSystemLoader(WEB / "templates")
    environment = Environment(
        loader=loader, autoescape=select_autoescape(), undefined=StrictUndefined, trim_blocks=True
    )
    environment.globals |= {"money": money, "stamp": rfc3339, "why": why} | {
        tool.__name__: tool
        for tool in (percent, percent_in_tenths, bound_percent, when, countdown, steps_in_seconds)
    }
    return environment


class PageRoute(APIRoute):
    """A page or a form's target."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                response = await handle(request)
                _confirm(request, response)
                return response
            except DomainError as error:
                return await _trouble(request, problem_of(error))
            except RequestValidationError:  # an address that none of our pages links to
                return await _trouble(request, Problem(404, "not_found", "There is no such page."))

        return told


def _confirm(request: Request, response: Response) -> None:
    """Tell the page's script which form was done, by its key, so that it drops its draft."""
    done = getattr(request.state, "done", None)
    if done and re.fullmatch(r"[\w-]+", done):
        response.set_cookie(DONE_COOKIE, done, max_age=60, samesite="strict")


async def _trouble(request: Request, problem: Problem) -> Response:
    page = Services.of(request).problem_page
    assert page is not None, "`problems.install` had a page"
    answer: Response = await page(request, problem)
    return answer
