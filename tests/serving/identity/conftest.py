"""A small application with the real door, a room for each role, and keys made at will."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Request
from starlette.testclient import TestClient

from refundlens.serving.http import problems
from refundlens.serving.http.budgets import Budgets
from refundlens.serving.identity import keys, login, tenants
from refundlens.serving.identity.access import authenticated, needs
from refundlens.serving.identity.callers import Callers
from refundlens.serving.identity.keys import Authentication, NewKey, NewKeyRequest
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import KEY_ROLES, SYSTEM, Role
from refundlens.serving.settings import Settings
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.tables import Tenant

ENVIRONMENT = "plain-key,merchant:shop-9:shop-key,admin:boss-key"


@pytest.fixture
def with_default(database: Database, moving_clock: Any) -> Database:
    """The database with the tenants that every service has, too."""
    with database.transaction() as session:
        for identifier, name in ((tenants.DEFAULT, "default"), (tenants.DEMO, "demo")):
            session.add(Tenant(id=identifier, name=name, settings={}, created_at=moving_clock()))
            session.flush()
            tenants.audit.start(session, identifier)
    return database


@pytest.fixture
def door(with_default: Database, moving_clock: Any, tmp_path: Path) -> FastAPI:
    """GET and POST /v1/<role> for that role alone, /v1/anyone for all; /v1/me says who is calling."""
    app = FastAPI()
    settings = Settings(data_dir=tmp_path, api_keys=ENVIRONMENT, demo=True)
    app.state.settings, app.state.database, app.state.clock = settings, with_default, moving_clock
    app.state.callers = Callers(settings, with_default, moving_clock)
    app.state.budgets = Budgets(settings, 1, time.monotonic)
    problems.install(app)
    app.include_router(login.router)
    for name, roles in {**{role.value: (role,) for role in KEY_ROLES}, "anyone": KEY_ROLES}.items():

        def room(who: Annotated[Principal, Depends(needs(*roles))]) -> str:
            return who.subject

        app.api_route(f"/v1/{name}", methods=["GET", "POST"])(room)

    @app.get("/v1/me")
    def me(found: Annotated[Authentication, Depends(authenticated)]) -> dict[str, Any]:
        who = found.principal
        return {"tenant": who.tenant, "role": who.role, "subject": who.subject, "account": who.account} | {
            "csrf": found.csrf,
            "key": who.key_id,
        }

    @app.get("/visit")
    async def visit(request: Request) -> problems.JSONResponse:
        response = problems.JSONResponse({})
        await login.access.start_visit(request, response)
        return response

    return app


@pytest.fixture
def caller(door: FastAPI) -> Iterator[TestClient]:
    with TestClient(door, raise_server_exceptions=False, follow_redirects=False) as client:
        yield client


@pytest.fixture
def make_key(with_default: Database, moving_clock: Any) -> Callable[..., NewKey]:
    def make(role: Role = Role.ADJUDICATOR, tenant: str = "tnt_one", **more: Any) -> NewKey:
        with with_default.transaction() as session:
            return keys.create_key(
                session,
                tenant,
                moving_clock(),
                SYSTEM,
                NewKeyRequest(role, more.pop("name", "alice"), **more),
            )

    return make
