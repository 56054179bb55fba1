"""schemathesis asks the service what its OpenAPI allows and what it does not: no answer is a fault of ours."""

import os
from typing import Any

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis.errors import Unsatisfiable
from pydantic import SecretStr

from refundlens.model.detect import Detector
from refundlens.serving.app import create_app
from refundlens.serving.settings import Settings

pytestmark = pytest.mark.slow

schemathesis = pytest.importorskip("schemathesis")

EXAMPLES = int(os.environ.get("REFUNDLENS_FUZZ", "2"))
"""For each endpoint, and again of what it does not allow; REFUNDLENS_FUZZ=500 looks harder."""
HEADERS = {"Authorization": "Bearer fuzz-key", "Idempotency-Key": "fuzz"}


@pytest.fixture
def open_app(settings: Settings, detector: Detector) -> FastAPI:
    """With a key that may do everything: most endpoints would refuse any other before they read the question."""
    changed = settings.model_copy(update={"api_keys": [SecretStr("admin:fuzz:fuzz-key")]})
    return create_app(changed, detector)


def test_no_question_is_a_fault_of_ours(open_app: FastAPI) -> None:
    app = open_app
    app.state.ready = True
    app.state.closing = True  # streams end at once
    asked: set[str] = set()
    for found in schemathesis.openapi.from_asgi("/openapi.json", app).get_all_operations():
        operation = found.ok()
        for mode in (schemathesis.GenerationMode.POSITIVE, schemathesis.GenerationMode.NEGATIVE):

            @given(case=operation.as_strategy(generation_mode=mode))
            @hypothesis_settings(
                max_examples=EXAMPLES, database=None, suppress_health_check=list(HealthCheck)
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
