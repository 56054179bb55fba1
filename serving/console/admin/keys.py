"""People and their keys: make, narrow, replace, take back. A key is on the page that answers its making alone.

In: forms. Out: `serving.identity.keys` does it, and audits it. A form that is sent twice makes one key; the second
answer cannot show it, since only its hash is kept, and says so.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Response
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import FormData

from refundlens.serving.console.admin.frame import Admin, sheet
from refundlens.serving.console.forms import LINE, attempt, chosen, confirmed, text_of
from refundlens.serving.console.page import Visit, back_to, fields, submit
from refundlens.serving.http import paging
from refundlens.serving.http.idempotency import Created
from refundlens.serving.http.pages import PageRoute
from refundlens.serving.http.problems import Problem
from refundlens.serving.identity import holders, keys, passwords
from refundlens.serving.identity.keys import NewKey, NewKeyRequest
from refundlens.serving.identity.scopes import scope_of
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.errors import Invalid
from refundlens.serving.kit.roles import KEY_ROLES, Role
from refundlens.serving.storage.tables import ApiKey

router = APIRouter(prefix="/admin", include_in_schema=False, route_class=PageRoute)

PEOPLE = 25
"""Of a page."""
LIVES = ("", "1", "7", "30", "90", "365")
"""Days that a new key may last; none is for ever."""
OVERLAPS = ("0", "1", "24", "168")
"""Hours that a replaced key may work on: not at all where it got out, a week where many programs have it."""


@router.get("")
def admin_start(visit: Admin) -> Response:
    return back_to("/admin/keys")


@router.get("/keys")
def keys_page(visit: Admin, find: str = "", after: str = "") -> Response:
    """Everybody who holds a key. Raises Problem 400 for a cursor that is none of ours."""
    return draw(visit, find.strip(), after)


@router.post("/keys/new")
async def create(visit: Admin) -> Response:
    """Make a key, and show it this once."""
    form = await fields(visit)

    def make(context: Context) -> NewKey:
        tenant, actor = context.principal.tenant, context.principal.actor
        return keys.create_key(context.session, tenant, context.now, actor, _wanted(visit, form))

    return await _made(visit, form, make)


@router.post("/keys/{key_id}/replace")
async def replace(visit: Admin, key_id: str) -> Response:
    """Another key in its place, shown this once; the old one works on for a while."""
    form = await fields(visit)

    def make(context: Context) -> NewKey:
        hours = timedelta(hours=int(chosen(form, "overlap", OVERLAPS)))
        tenant, actor = context.principal.tenant, context.principal.actor
        return keys.rotate_key(context.session, key_id, context.now, actor, tenant, hours)

    return await _made(visit, form, make)


@router.post("/keys/{key_id}/login")
async def set_login(visit: Admin, key_id: str) -> Response:
    """The address that its holder may log in with."""
    form = await fields(visit)

    def do(context: Context) -> Created:
        tenant, actor = context.principal.tenant, context.principal.actor
        login = text_of(form, "login", passwords.LONGEST_LOGIN)
        passwords.set_login(context.session, key_id, login, context.now, actor, tenant)
        return Created({"id": key_id}, 200)

    return await _ended(visit, form, do)


@router.post("/keys/{key_id}/revoke")
async def revoke(visit: Admin, key_id: str) -> Response:
    """Take a key back for good."""
    form = await fields(visit)

    def do(context: Context) -> Created:
        confirmed(form)
        tenant, actor = context.principal.tenant, context.principal.actor
        return Created({"id": keys.revoke(context.session, key_id, context.now, actor, tenant).id}, 200)

    return await _ended(visit, form, do)


@router.post("/people/revoke")
async def revoke_all(visit: Admin) -> Response:
    """Take back every key of somebody who leaves."""
    form = await fields(visit)

    def do(context: Context) -> Created:
        confirmed(form)
        tenant, actor = context.principal.tenant, context.principal.actor
        subject = text_of(form, "subject", LINE)
        number = holders.revoke_all(context.session, tenant, subject, context.now, actor)
        return Created({"revoked": number}, 200)

    return await _ended(visit, form, do)


def draw(
    visit: Visit,
    find: str = "",
    after: str = "",
    failed: Problem | None = None,
    made: NewKey | None = None,
    repeated: bool = False,
) -> Response:
    """The page. made: a key that nobody has seen yet; repeated: it was made before, and shown then."""
    last = paging.decode(after, (str,))[0] if after else None
    now = visit.services.clock()
    with visit.services.database.reading() as session:
        people = holders.list_holders(session, visit.principal.tenant, now, find, last, PEOPLE)
    more = None
    if len(people) > PEOPLE:
        people = people[:PEOPLE]
        kept = {"find": find} if find else {}
        more = f"/admin/keys?{urlencode({**kept, 'after': paging.encode([people[-1].subject])})}"
    return sheet(
        visit,
        "people",
        failed,
        people=people,
        state=lambda key: _state(key, now),
        find=find,
        more=more,
        first=not after,
        made=made,
        repeated=repeated,
        roles=[role.value for role in KEY_ROLES],
        parts=api_parts(visit.request.app.openapi()),
        lives=LIVES,
        overlaps=OVERLAPS,
    )


def api_parts(openapi: dict[str, Any]) -> dict[str, list[str]]:
    """What a key can be narrowed to: each part of the API with the scopes it has."""
    found = {
        scope_of(path, method.upper())
        for path, methods in openapi["paths"].items()
        for method in methods
        if path.startswith("/v")
    }
    parts: dict[str, list[str]] = {}
    for scope in sorted(found):
        parts.setdefault(scope.partition(":")[0], []).append(scope)
    return parts


def _wanted(visit: Visit, form: FormData) -> NewKeyRequest:
    """Raises Invalid."""
    name = text_of(form, "name", LINE)
    if not name:
        raise Invalid("name_missing", "name: say what or whom the key is for")
    role = Role(chosen(form, "role", [one.value for one in KEY_ROLES]))
    account = text_of(form, "account", 120)
    if account and role not in (Role.MERCHANT, Role.PLATFORM):
        raise Invalid("account_for_merchants", "account: only a merchant's key acts for a shop")
    days = chosen(form, "days", LIVES)
    wanted = [str(scope) for scope in form.getlist("scope")]
    known = {scope for scopes in api_parts(visit.request.app.openapi()).values() for scope in scopes}
    if not known.issuperset(wanted):
        raise Invalid("invalid_request", "scope: one of those on the page")
    expires = visit.services.clock() + timedelta(days=int(days)) if days else None
    return NewKeyRequest(
        role, name, text_of(form, "subject", 120) or name[:120], account or None, wanted, expires
    )


async def _made(visit: Visit, form: FormData, make: Callable[[Context], NewKey]) -> Response:
    made: list[NewKey] = []

    def do(context: Context) -> Created:
        new = make(context)
        context.session.flush()
        context.session.expunge(new.row)
        made.append(new)
        return Created({"id": new.row.id})  # the key itself is stored nowhere

    _, failed = await attempt(submit(visit, form, do))
    new = made[-1] if made and not failed else None
    return await run_in_threadpool(draw, visit, "", "", failed, new, not failed and new is None)


async def _ended(visit: Visit, form: FormData, do: Callable[[Context], Created]) -> Response:
    _, failed = await attempt(submit(visit, form, do))
    if failed:
        return await run_in_threadpool(draw, visit, "", "", failed)
    return back_to("/admin/keys")


def _state(key: ApiKey, now: Any) -> str:
    """Whether it opens anything: `works`, `replaced` (works on for a while), `expired`, `revoked`."""
    if key.revoked_at:
        return "revoked"
    if not keys.holds(key, now):
        return "expired"
    return "replaced" if key.rotated_to else "works"
