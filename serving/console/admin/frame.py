"""What the administrators' pages share: who may see them, their navigation, and how a form is done and told.

In: a visit and a form. Out: a page with a row of the subjects above it; a `Problem` where nothing was done.
"""

from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import Depends, Response
from fastapi.responses import HTMLResponse
from starlette.datastructures import FormData

from refundlens.serving.console.page import Visit, page, submit, visits
from refundlens.serving.http.idempotency import Created
from refundlens.serving.http.problems import Problem, problem_of
from refundlens.serving.identity.scopes import IdentityError
from refundlens.serving.kit.clock import rfc3339
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.errors import Conflict, DomainError, Invalid
from refundlens.serving.kit.language import texts
from refundlens.serving.kit.roles import Role

Admin = Annotated[Visit, Depends(visits(Role.ADMIN))]
SUBJECTS = {
    "people": "/admin/keys",
    "webhooks": "/admin/webhooks",
    "audit": "/admin/audit",
    "complaints": "/complaints",
    "buyers": "/admin/buyers",
    "settings": "/admin/settings",
    "health": "/admin/health",
}
"""Pages in the order of their navigation, with their addresses; each has the texts `admin_{subject}`."""
TOLD_ON_THE_PAGE = frozenset({403, 409, 412, 422})
"""Statuses that the page explains where its form stands."""


def sheet(
    visit: Visit, subject: str, failed: Problem | None = None, template: str | None = None, **values: object
) -> HTMLResponse:
    """The page of a subject. failed: why a form did nothing. template: another than the subject's."""
    return page(
        visit,
        f"admin/{template or subject}.html",
        f"admin_{subject}",
        failed.status if failed else 200,
        a=texts("admin", visit.language),
        subjects=SUBJECTS,
        subject=subject,
        failed=failed,
        stamp=rfc3339,
        **values,
    )


async def attempt(
    visit: Visit, form: FormData, do: Callable[[Context], Created]
) -> tuple[Response | None, Problem | None]:
    """Do what a form asks: its answer, or why nothing was done. Raises DomainError for what no page can explain."""
    try:
        return await submit(visit, form, do), None
    except IdentityError as error:
        return None, problem_of(Conflict("key_changed", str(error)))
    except DomainError as error:
        problem = problem_of(error)
        if problem.status not in TOLD_ON_THE_PAGE:
            raise
        return None, problem


def confirmed(form: FormData) -> None:
    """Raises Invalid where nobody said that it is meant: it cannot be undone."""
    if form.get("sure") != "yes":
        raise Invalid("not_confirmed", "Tick the box that says you are sure; this cannot be undone.")


def text_of(form: FormData, name: str, most: int = 200) -> str:
    """A field without the spaces around it. Raises Invalid where it is too long."""
    text = str(form.get(name) or "").strip()
    if len(text) > most:
        raise Invalid("invalid_request", f"{name}: at most {most} characters")
    return text


def chosen(form: FormData, name: str, among: Sequence[str]) -> str:
    """What was picked from a list. Raises Invalid for anything else."""
    value = str(form.get(name) or "")
    if value not in among:
        raise Invalid("invalid_request", f"{name}: one of {', '.join(among)}")
    return value
