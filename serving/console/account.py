"""/password: whoever has a login here chooses a password for it.

In: a form from a session. Out: `serving.identity.passwords` does it, and audits it.
"""

from typing import Annotated

from fastapi import APIRouter, Depends, Response
from fastapi.concurrency import run_in_threadpool

from refundlens.serving.console.page import Visit, back_to, fields, page, visits
from refundlens.serving.http.budgets import caller_of
from refundlens.serving.http.pages import PageRoute
from refundlens.serving.identity import passwords
from refundlens.serving.identity.access import COOKIE
from refundlens.serving.identity.scopes import IdentityError
from refundlens.serving.storage.tables import ApiKey

router = APIRouter(prefix="/password", include_in_schema=False, route_class=PageRoute)
Person = Annotated[Visit, Depends(visits())]


@router.get("")
def password_page(visit: Person, done: bool = False) -> Response:
    return _draw(visit, done=done)


@router.post("/change")
async def change(visit: Person) -> Response:
    """What was typed is kept nowhere: neither in a stored answer nor in the page. Raises Problem 429."""
    form = await fields(visit)
    logins, caller = visit.services.budgets.logins, caller_of(visit.request)
    logins.check(caller)
    logins.pay(caller, 1)  # at once: of many that come together, none is tried for nothing
    before, first, again = (str(form.get(name) or "") for name in ("before", "password", "again"))
    wrong: str | None = "differ"
    if first == again:
        async with visit.services.hashing:
            wrong = await run_in_threadpool(_set, visit, before, first)
    if wrong:
        return await run_in_threadpool(_draw, visit, wrong)
    logins.pay(caller, -1)
    return back_to("/password?done=1")


def _set(visit: Visit, before: str, password: str) -> str | None:
    """Why nothing was done."""
    cookie = visit.request.cookies.get(COOKIE, "")
    who = visit.principal
    try:
        database, now = visit.services.database, visit.services.clock()
        passwords.set_password(database, who.key_id, before, password, now, who.actor, cookie)
    except IdentityError as error:
        return str(error)
    return None


def _draw(visit: Visit, wrong: str | None = None, done: bool = False) -> Response:
    with visit.services.database.reading() as session:
        row = session.get(ApiKey, visit.principal.key_id)
        login, has = (row.login, row.password is not None) if row is not None else (None, False)
    status = 422 if wrong else 200
    return page(
        visit,
        "password.html",
        "password",
        status,
        login=login,
        has=has,
        wrong=wrong,
        done=done,
        shortest=passwords.SHORTEST,
        longest=passwords.LONGEST,
    )
