"""Health, readiness, metrics, OpenAPI."""

import time
from collections.abc import Callable

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from refundlens.model.detection import Detection
from refundlens.serving.detection.schemas import EXAMPLE, DetectionOut
from refundlens.serving.http.problems import ProblemDetails

pytestmark = pytest.mark.slow


def test_alive_at_once_and_ready_after_warm_up(app: FastAPI) -> None:
    cold = TestClient(app)  # no lifespan: nothing has warmed up
    assert cold.get("/healthz").json() == {"status": "ok"}
    early = cold.get("/readyz")
    assert early.status_code == 503 and early.json()["code"] == "not_ready" and early.headers["retry-after"]
    with TestClient(app) as client:
        until = time.monotonic() + 20
        while client.get("/readyz").status_code != 200:
            assert time.monotonic() < until
            time.sleep(0.01)


@pytest.mark.parametrize("path", ["/healthz", "/metrics", "/openapi.json", "/v1/detections/det_x"])
def test_head_is_get_without_the_body(client: TestClient, path: str) -> None:
    head, whole = client.head(path), client.get(path)
    assert head.status_code == whole.status_code and head.content == b"" and whole.content
    assert head.headers["content-type"] == whole.headers["content-type"]


def test_metrics_count_what_happened(client: TestClient, photo: Callable[..., bytes]) -> None:
    files = [("image", ("a.jpg", photo())), ("image", ("b.jpg", b""))]
    verdict = client.post("/v1/detect", files=files).json()["detections"][0]["verdict"]
    client.request("MADEUP", "/v1/detect")
    text = client.get("/metrics").text
    assert "MADEUP" not in text and 'method="other"' in text
    assert f'refundlens_detections_total{{verdict="{verdict}"}} 1.0' in text
    assert 'refundlens_image_errors_total{code="empty_file"} 1.0' in text
    assert 'refundlens_requests_total{method="POST",route="/v1/detect",status="200"} 1.0' in text
    assert 'refundlens_stage_seconds_count{stage="infer"} 1.0' in text
    assert "refundlens_waiting_images 0.0" in text


def test_openapi_is_whole(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    detect = document["paths"]["/v1/detect"]["post"]
    assert set(detect["requestBody"]["content"]) == {"multipart/form-data", "image/*", "application/json"}
    assert detect["responses"]["200"]["content"]["application/json"]["example"]["detections"]
    assert detect["responses"]["413"]["content"]["application/problem+json"]
    assert "/check" not in document["paths"], "the page is no API"

    def references(node: object) -> list[str]:
        if isinstance(node, dict):
            here = [node["$ref"]] if isinstance(node.get("$ref"), str) else []
            return here + [found for value in node.values() for found in references(value)]
        return [found for item in node for found in references(item)] if isinstance(node, list) else []

    for reference in references(document):
        name = reference.removeprefix("#/components/schemas/")
        assert name in document["components"]["schemas"], reference


def test_the_documented_detection_is_the_real_one(client: TestClient, photo: Callable[..., bytes]) -> None:
    DetectionOut.model_validate(EXAMPLE)
    assert set(DetectionOut.model_fields) - {
        "id",
        "created_at",
        "file",
        "heatmap_url",
        "reliability_url",
    } == ({name for name, field in Detection.model_fields.items() if not field.exclude})
    line = client.post("/v1/detect", files=[("image", ("a.jpg", photo()))]).json()["detections"][0]
    assert set(EXAMPLE) == set(line)
    DetectionOut.model_validate(line)


def test_a_crash_is_a_problem_without_details(app: FastAPI) -> None:
    @app.get("/crash")
    def crash() -> None:
        raise RuntimeError("secret")

    with TestClient(app, raise_server_exceptions=False) as client:
        response = client.get("/crash")
        counted = client.get("/metrics").text
    assert 'refundlens_requests_total{method="GET",route="/crash",status="500"} 1.0' in counted
    problem = ProblemDetails.model_validate(response.json())
    assert problem.code == "internal" and response.status_code == 500 and "secret" not in response.text


@pytest.mark.parametrize("header", ["0", "-1", "1.5", "soon", ""])
def test_a_deadline_is_a_positive_number(
    client: TestClient, photo: Callable[..., bytes], header: str
) -> None:
    files = [("image", ("a.jpg", photo()))]
    assert client.post("/v1/detect", files=files, headers={"X-Deadline-Ms": header}).status_code == 400
