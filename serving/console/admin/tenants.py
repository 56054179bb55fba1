"""Settings in the browser: what the tenant chose, what the installation's environment says, and the tenants of it.

In: forms. Out: `serving.identity.tenants` does it, and audits it. Tenants are made by the installation's own
administrators alone: those whose key is in its environment, who have the machine anyway.
"""

from typing import Any

from fastapi import APIRouter, Response
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from refundlens.serving.console.admin.frame import Admin, sheet
from refundlens.serving.console.forms import LINE, attempt, text_of
from refundlens.serving.console.page import Visit, back_to, fields, submit
from refundlens.serving.http.idempotency import Created
from refundlens.serving.http.pages import PageRoute
from refundlens.serving.http.problems import Problem
from refundlens.serving.identity import keys, tenants
from refundlens.serving.identity.keys import NewKey, NewKeyRequest
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.errors import Forbidden, Invalid
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.settings import Settings
from refundlens.serving.storage.tables import AuditEvent, Image, Tenant

router = APIRouter(prefix="/admin/settings", include_in_schema=False, route_class=PageRoute)

SHOWN = (
    "keep_photos_days", "integrity_days", "appeal_hours", "appeal_answer_hours", "photo_request_hours",
    "screening_minutes", "claim_limit", "rate_limit", "max_images", "max_request_bytes",
)  # fmt: skip
"""Settings of the environment that decide what people here live with; none is a secret."""
SHARES = ("claim_limit",)
"""Of these, those that are shares."""
MANY = 100_000
"""From here on every digit is written: `g` would write 6.4e+07."""
ERASED_BY_TIME = "photos.retention"


@router.get("")
def settings_page(visit: Admin) -> Response:
    return _draw(visit)


@router.post("/choose")
async def choose(visit: Admin) -> Response:
    """Change what this tenant chose."""
    form = await fields(visit)

    def do(context: Context) -> Created:
        values: dict[str, bool | float | None] = {}
        for one in tenants.CHOICES:
            if one.kind == "flag":
                values[one.name] = form.get(one.name) == "yes" or None
            else:
                values[one.name] = _share(text_of(form, one.name, 20))
        caller = context.principal
        kept = tenants.choose(context.session, caller.tenant, context.now, caller.actor, values)
        return Created(kept, 200)

    _, failed = await attempt(submit(visit, form, do))
    return await run_in_threadpool(_draw, visit, failed) if failed else back_to("/admin/settings")


@router.post("/tenants")
async def create_tenant(visit: Admin) -> Response:
    """A new tenant, and the key of its first administrator, shown this once. Raises Forbidden."""
    if not operates(visit.principal):
        raise Forbidden("Tenants are made by administrators whose key is in REFUNDLENS_API_KEYS.")
    form = await fields(visit)
    made: list[NewKey] = []

    def do(context: Context) -> Created:
        name, admin = text_of(form, "name", LINE), text_of(form, "admin", 120)
        if not name or not admin:
            raise Invalid(
                "tenant_names_missing", "name, admin: say how the tenant and its administrator are called"
            )
        session, now, actor = context.session, context.now, context.principal.actor
        tenant = tenants.create_tenant(session, name, now, actor)
        new = keys.create_key(session, tenant.id, now, actor, NewKeyRequest(Role.ADMIN, admin))
        session.flush()
        session.expunge(new.row)
        made.append(new)
        return Created({"id": tenant.id})

    _, failed = await attempt(submit(visit, form, do))
    new = made[-1] if made and not failed else None
    return await run_in_threadpool(_draw, visit, failed, new)


def operates(principal: Principal) -> bool:
    """Whether this administrator runs the installation: the key is of its environment, and not the demo's."""
    own = principal.key_id.startswith(keys.PREFIX) and principal.tenant == tenants.DEFAULT
    return own and principal.role is Role.ADMIN


def _draw(visit: Visit, failed: Problem | None = None, made: NewKey | None = None) -> Response:
    settings: Settings = visit.services.settings
    tenant = visit.principal.tenant
    with visit.services.database.reading() as session:
        chosen = tenants.chosen_settings(session, tenant)
        everybody = tenants.list_tenants(session) if operates(visit.principal) else []
        named = session.get_one(Tenant, tenant).name
        photos = _photos(session, tenant)
        swept = _last_sweep(session, tenant)
    return sheet(
        visit,
        "settings",
        failed,
        choices=tenants.CHOICES,
        chosen=chosen,
        default_miss_limit=settings.miss_limit,
        environment={name: _written(name, getattr(settings, name)) for name in SHOWN},
        tenant_name=named,
        tenants=everybody,
        operates=operates(visit.principal),
        photos=photos,
        swept=swept,
        made=made,
    )


def _written(name: str, value: float) -> str:
    """A setting as people write it; its unit stands beside its name."""
    if name in SHARES:
        return f"{100 * value:g}%"
    return f"{value:,g}" if value < MANY else f"{value:,.0f}"


def _photos(session: Session, tenant: str) -> dict[str, int]:
    """Photos of refunds: kept, and erased."""
    counted = select(Image.erased_at.is_(None), func.count()).where(Image.tenant_id == tenant)
    found: dict[Any, int] = {
        bool(kept): n for kept, n in session.execute(counted.group_by(Image.erased_at.is_(None)))
    }
    return {"kept": found.get(True, 0), "erased": found.get(False, 0)}


def _last_sweep(session: Session, tenant: str) -> AuditEvent | None:
    """When photos were last erased because their time was over."""
    asked = select(AuditEvent).where(
        AuditEvent.tenant_id == tenant, AuditEvent.object_id == tenant, AuditEvent.action == ERASED_BY_TIME
    )
    return session.execute(asked.order_by(AuditEvent.seq.desc()).limit(1)).scalar_one_or_none()


def _share(text: str) -> float | None:
    """Per cent as a share. Raises Invalid."""
    if not text:
        return None
    try:
        share = float(text.removesuffix("%").strip()) / 100
    except ValueError as error:
        raise Invalid("not_a_percentage", "write a number from 0 to 100") from error
    if not 0 <= share <= 1:
        raise Invalid("not_a_percentage", "write a number from 0 to 100")
    return round(share, 6)
