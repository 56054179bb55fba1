"""What users' scripts rely on: endpoints, who may use them, and what every one of them has."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from refundlens.model.detect import Detector
from refundlens.serving.app import create_app
from refundlens.serving.events.outbox import WebhookType
from refundlens.serving.kit.roles import KEY_ROLES
from refundlens.serving.settings import Settings

pytestmark = pytest.mark.slow

ALL = frozenset(role.value for role in KEY_ROLES)
DISPUTE = frozenset({"merchant", "adjudicator"})
ENDPOINTS: tuple[tuple[str, str, frozenset[str]], ...] = (
    ("POST", "/v1/detect", frozenset({"adjudicator", "engineer", "merchant"})),
    ("GET", "/v1/detections/{id}", ALL),
    ("GET", "/v1/detections/{id}/heatmap", ALL),
    ("GET", "/v1/detections/{id}/evidence.json", ALL),
    ("GET", "/v1/detections/{id}/evidence.pdf", ALL),
    ("GET", "/v1/detections/{id}/evidence.jpg", ALL),
    ("PUT", "/v1/refunds/{refund_id}", DISPUTE | {"platform"}),
    ("GET", "/v1/refunds/{refund_id}", DISPUTE | {"platform"}),
    ("POST", "/v1/platforms/{name}/refunds", frozenset({"platform", "merchant"})),
    ("POST", "/v1/reports", frozenset({"merchant"})),
    ("GET", "/v1/reports", DISPUTE),
    ("GET", "/v1/reports/{id}", DISPUTE),
    ("POST", "/v1/reports/{id}/withdraw", frozenset({"merchant"})),
    ("POST", "/v1/reports/{id}/decision", frozenset({"adjudicator"})),
    ("POST", "/v1/reports/{id}/appeals", DISPUTE),
    ("POST", "/v1/appeals/{id}/decision", frozenset({"adjudicator"})),
    ("POST", "/v1/reports/{id}/refusal", frozenset({"merchant"})),
    ("GET", "/v1/buyers/{ref}/integrity", DISPUTE),
    ("POST", "/v1/webhook-endpoints", frozenset()),
    ("GET", "/v1/webhook-endpoints", frozenset()),
    ("PATCH", "/v1/webhook-endpoints/{id}", frozenset()),
    ("DELETE", "/v1/webhook-endpoints/{id}", frozenset()),
    ("GET", "/v1/webhook-deliveries", frozenset()),
    ("POST", "/v1/webhook-deliveries/{id}/redeliver", frozenset()),
    ("GET", "/v1/models", frozenset({"engineer"})),
    ("POST", "/v1/models/{version}/shadow", frozenset({"engineer"})),
    ("POST", "/v1/models/{version}/promote", frozenset({"engineer"})),
    ("POST", "/v1/models/{version}/rollback", frozenset({"engineer"})),
    ("POST", "/v1/labels", frozenset({"engineer"})),
)
"""Method, path, roles; administrators may do everything."""
WEBHOOKS = {
    "detection.completed", "report.submitted", "report.established", "report.not_established", "report.needs_review",
    "report.deadline_warning", "report.deadline_passed", "report.withdrawn", "appeal.opened", "appeal.upheld",
    "appeal.overturned", "dispute.outcome_changed", "refund.refused", "buyer.integrity_changed", "model.promoted",
    "model.rolled_back",
}  # fmt: skip
ITSELF_IDEMPOTENT = {
    "detect",  # a photo's SHA-256 is its identity
    "void_refund",  # done twice, the second finds nothing
    "track_appeal", "track_send_photo",  # a form of a page: one appeal a report, one photo of a hash
}  # fmt: skip


@pytest.fixture
def asked(settings: Settings, detector: Detector) -> Iterator[tuple[FastAPI, TestClient]]:
    names = {"platform": "taobao", "merchant": "shop-1"}
    keys = ",".join(f"{role}:{names.get(role, role)}:key-{role}" for role in sorted(ALL))
    app = create_app(Settings(**(settings.model_dump() | {"api_keys": keys})), detector)
    yield app, TestClient(app)


def test_endpoints_and_who_may_use_them(asked: tuple[FastAPI, TestClient]) -> None:
    app, client = asked
    paths = app.openapi()["paths"]
    for method, path, roles in ENDPOINTS:
        assert method.lower() in paths.get(path, {}), f"{method} {path} is missing"
        for role in sorted(ALL):
            url = path.replace("{", "").replace("}", "")
            answer = client.request(method, url, headers={"Authorization": f"Bearer key-{role}"})
            assert (answer.status_code == 403) == (role not in roles | {"admin"}), (
                method,
                path,
                role,
                answer.text,
            )
        answer = client.request(method, url)
        assert (answer.status_code, answer.headers["content-type"]) == (401, "application/problem+json")


def test_every_operation_has_what_the_contract_promises(asked: tuple[FastAPI, TestClient]) -> None:
    document = asked[0].openapi()
    assert document["openapi"].startswith("3.1")
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            name = operation["operationId"]
            for status, answer in operation["responses"].items():
                if int(status) >= 400:
                    assert "application/problem+json" in answer["content"], (name, status)
            headers = {
                one["name"].lower() for one in operation.get("parameters", ()) if one["in"] == "header"
            }
            ours = not path.startswith("/v2")  # KServe's protocol has no such header
            if method == "post" and ours and name not in ITSELF_IDEMPOTENT:
                assert "idempotency-key" in headers, f"{name} of {path}"
            if method in ("patch", "put", "delete"):
                assert "if-match" in headers, name
            answered = operation["responses"].get("200", {}).get("content", {}).get("application/json", {})
            listed: dict[str, Any] = answered.get("schema", {})
            found = document["components"]["schemas"].get(listed.get("$ref", "").rpartition("/")[2], {})
            if "items" in found.get("properties", {}):
                assert "next_cursor" in found["properties"], name


def test_the_webhooks_are_those_that_were_promised() -> None:
    assert {kind.value for kind in WebhookType} >= WEBHOOKS


@pytest.mark.parametrize("path", ["/v1/none", "/v1/reports/x/y/z", "/v1/detect"])
def test_whatever_goes_wrong_is_a_problem(asked: tuple[FastAPI, TestClient], path: str) -> None:
    answer = asked[1].get(path)
    assert answer.headers["content-type"] == "application/problem+json" and answer.json()["code"]
