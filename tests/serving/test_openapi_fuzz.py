"""schemathesis asks the service what its OpenAPI allows and what it does not: no answer is a fault of ours."""

import os
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable

schemathesis = pytest.importorskip("schemathesis")

EXAMPLES = int(os.environ.get("REFUNDLENS_FUZZ", "2"))
"""For each endpoint, and again of what it does not allow; REFUNDLENS_FUZZ=500 looks harder."""
HEADERS = {"Authorization": "Bearer test-key"}


def test_no_question_is_a_fault_of_ours(app: FastAPI) -> None:
    app.state.ready = True
    asked: set[str] = set()
    for found in schemathesis.openapi.from_asgi("/openapi.json", app).get_all_operations():
        operation = found.ok()
        for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):

            @given(case=operation.as_strategy(generation_mode=mode))
            @settings(
                max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck)
            )
            def ask(case: Any) -> None:
                response = case.call(headers=HEADERS)
                assert response.status_code != 500, f"{case.as_curl_command()}: {response.text}"
                asked.add(case.path)

            try:
                ask()
            except Unsatisfiable:
                continue  # an endpoint without parameters can only be asked rightly
    assert asked == set(app.openapi()["paths"])
