"""Problems told as pages: whoever looks at a page is told in words, in their language, with a way back.

In: a router of the console made with `route_class=PageRoute`. Out: what its handlers raise as `Problem`, as HTML of the
problem's own status. Words by code are in `console.problems.{language}.toml`; a code without any is told in English.
"""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute

from refundlens.serving.console.page import texts
from refundlens.serving.http.pages import html, language
from refundlens.serving.http.problems import Problem


class PageRoute(APIRoute):
    """A page or a form's target."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                return await handle(request)
            except Problem as problem:
                return trouble(request, problem)
            except RequestValidationError:  # an address that none of our pages links to
                return trouble(request, Problem(404, "not_found", "There is no such page."))

        return told


def trouble(request: Request, problem: Problem) -> HTMLResponse:
    """The page about it."""
    answer = html(
        request,
        "console/problem.html",
        problem.status,
        problem=problem,
        c=texts("problems", language(request)),
    )
    answer.headers.update(problem.headers)
    return answer
