"""schemathesis asks the service what its OpenAPI allows and what it does not: no answer is a fault of ours."""

import os

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, settings

schemathesis = pytest.importorskip("schemathesis")

EXAMPLES = int(os.environ.get("REFUNDLENS_FUZZ", "3"))
"""For each endpoint; REFUNDLENS_FUZZ=500 looks harder."""


@pytest.fixture
def api(app: FastAPI):  # type: ignore[no-untyped-def]
    app.state.ready = True
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    schema.config.generation.update(
        modes=[schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE]
    )
    return schema


schema = schemathesis.pytest.from_fixture("api")


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
    ],
)
def test_no_question_is_a_fault_of_ours(case) -> None:  # type: ignore[no-untyped-def]
    response = case.call(headers={"Authorization": "Bearer test-key"})
    case.validate_response(response, checks=[schemathesis.checks.not_a_server_error])
