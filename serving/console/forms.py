"""The console's forms: fields as the API's own models read them, files within their limits, and why nothing was done.

In: what a browser posted. Out: texts, models, a visit whose files have arrived; a `Problem` for the page that the form
stands on. Pages and API hold the same limits.
"""

import math
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData

from refundlens.serving.console.page import Elsewhere, Visit, visits, way_in
from refundlens.serving.http.body import arriving, expected_bytes, faults
from refundlens.serving.http.problems import Problem, problem_of
from refundlens.serving.identity.access import from_cookie, has_session
from refundlens.serving.identity.scopes import IdentityError
from refundlens.serving.kit.context import Services
from refundlens.serving.kit.errors import Conflict, DomainError, Invalid, etag
from refundlens.serving.kit.roles import Role

TOLD_ON_THE_PAGE = frozenset({400, 403, 409, 412, 413, 415, 422})
"""Statuses that a page explains where its form stands; others are no matter of the form."""
LINE = 200
"""Characters of a name, a reason or a reference."""

Asked = TypeVar("Asked", bound=BaseModel)
Result = TypeVar("Result")


def text_of(form: FormData, name: str, most: int | None = None) -> str:
    """A field without the space around it; empty where it did not come. Raises Invalid where it is too long."""
    value = form.get(name)
    text = value.strip().replace("\r\n", "\n") if isinstance(value, str) else ""
    if most is not None and len(text) > most:
        raise Invalid("invalid_request", f"{name}: at most {most} characters")
    return text


def chosen(form: FormData, name: str, among: Sequence[str]) -> str:
    """What was picked from a list. Raises Invalid for anything else."""
    value = text_of(form, name)
    if value not in among:
        raise Invalid("invalid_request", f"{name}: one of {', '.join(among)}")
    return value


def confirmed(form: FormData) -> None:
    """Raises Invalid where nobody said that it is meant."""
    if form.get("sure") != "yes":
        raise Invalid("not_confirmed", "Tick the box that says you are sure.")


def unread(query: Mapping[str, str], given: Mapping[str, str]) -> list[str]:
    """What was typed into a list's filters and is nothing they know, so that a list never looks narrowed when it is
    not. given: what of the query holds."""
    typed = ("since", "until", "least", "most")
    return [query[name].strip()[:60] for name in typed if query.get(name, "").strip() and name not in given]


def checked(model: type[Asked], **values: object) -> Asked:
    """Raises Invalid."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise Invalid("invalid_request", faults(error)) from error


def version_seen(form: FormData, name: str = "version") -> str | None:
    """If-Match: the version that the page showed."""
    version = text_of(form, name)
    return etag(int(version)) if version.isascii() and version.isdigit() and len(version) <= 18 else None


async def attempt(work: Awaitable[Result]) -> tuple[Result | None, Problem | None]:
    """What came of it, or why nothing was done. Raises DomainError for what no page can explain."""
    try:
        return await work, None
    except IdentityError as error:
        return None, problem_of(Conflict(error.code, str(error)))
    except DomainError as error:
        problem = problem_of(error)
        if problem.status not in TOLD_ON_THE_PAGE:
            raise
        return None, problem


def uploads(role: Role, way: str, files: int, fields: int) -> Callable[[Request], AsyncIterator[Visit]]:
    """A dependency as `visits`, for a form that brings files: they are counted before they are read, within the limits
    that hold for photos everywhere. way: the form's page. Raises Problem 401, 403, 408, 413, 429, 503."""

    async def visit(request: Request) -> AsyncIterator[Visit]:
        if not await has_session(request):  # what was typed waits in the browser until its owner is back
            raise Elsewhere(way_in(request, way))
        await from_cookie(request, role)  # whose share of bytes it is
        parts = Services.of(request)
        size = expected_bytes(request, parts.settings)
        with parts.service.admission.place(request, math.inf, size, photos=0):
            async with arriving(request, parts.settings):
                await request.form(max_files=files, max_fields=fields)
            yield await visits(role)(request)

    return visit
