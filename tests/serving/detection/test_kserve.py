"""KServe v2: what clients of other servers send is understood, with the same keys, limits and numbers."""

import asyncio
import base64
import json
import struct
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import helper
from starlette.testclient import TestClient

from refundlens.model.bundle import VERSION
from refundlens.model.names import KINDS
from refundlens.serving.http.budgets import Caller
from refundlens.serving.http.problems import ProblemDetails

pytestmark = pytest.mark.slow

Photo = Callable[..., bytes]
PATIENCE = 30.0
"""Seconds until a test that waits gives up."""
MODEL = "/v2/models/refundlens-tiny"


def _json(*photos: bytes, **more: Any) -> dict[str, Any]:
    data = [base64.b64encode(photo).decode() for photo in photos]
    return {"inputs": [{"name": "image", "shape": [len(data)], "datatype": "BYTES", "data": data}], **more}


def _binary(*photos: bytes, size: int | None = None) -> tuple[bytes, dict[str, str]]:
    data = b"".join(struct.pack("<I", len(photo)) + photo for photo in photos)
    parameters = {"binary_data_size": len(data) if size is None else size}
    tensor = {"name": "image", "shape": [len(photos)], "datatype": "BYTES", "parameters": parameters}
    head = json.dumps({"id": "7", "inputs": [tensor]}).encode()
    return head + data, {
        "Inference-Header-Content-Length": str(len(head)),
        "Content-Type": "application/octet-stream",
    }


def _outputs(answer: dict[str, Any]) -> dict[str, list[Any]]:
    return {output["name"]: output["data"] for output in answer["outputs"]}


def test_health_and_metadata(client: TestClient) -> None:
    bare = TestClient(client.app)
    assert bare.get("/v2/health/live").json() == {"live": True}
    assert bare.get("/v2").json()["name"] == "refundlens"
    assert bare.get(MODEL).status_code == 401
    until = time.monotonic() + PATIENCE
    while not client.app.state.ready and time.monotonic() < until:  # type: ignore[attr-defined]
        time.sleep(0.01)  # the warm-up's end would undo what is set below
    cold = TestClient(client.app, headers=dict(client.headers))
    cold.app.state.ready = False  # type: ignore[attr-defined]
    assert cold.get("/v2/health/ready").status_code == cold.get(f"{MODEL}/ready").status_code == 503
    cold.app.state.ready = True  # type: ignore[attr-defined]
    assert client.get("/v2/health/ready").json() == client.get(f"{MODEL}/ready").json() == {"ready": True}
    metadata = client.get(MODEL).json()
    assert metadata["versions"] == ["0.0.1"] and metadata["parameters"]["kind"] == list(KINDS)
    assert metadata["inputs"] == [{"name": "image", "datatype": "BYTES", "shape": [-1]}]
    assert client.get(f"{MODEL}/versions/0.0.1").json() == metadata
    assert client.get(f"{MODEL}/versions/0.0.1/ready").status_code == 200
    for path in ("/v2/models/other", f"{MODEL}/versions/9", f"{MODEL}/versions/9/ready"):
        missing = client.get(path)
        assert missing.status_code == 404 and missing.json()["error"] == missing.json()["detail"]


def test_both_forms_give_the_numbers_of_the_api(client: TestClient, photo: Photo) -> None:
    red, grey = photo(red=True), photo()
    files = [("image", ("a.jpg", red)), ("image", ("b.jpg", grey))]
    expected = client.post("/v1/detect", files=files).json()["detections"]
    plain = client.post(
        f"{MODEL}/infer", json=_json(red, grey, id="7"), headers={"Cache-Control": "no-cache"}
    )
    body, headers = _binary(red, grey)
    binary = client.post(f"{MODEL}/versions/0.0.1/infer", content=body, headers=headers)
    assert binary.headers["cache-status"] == "refundlens; hit" and "ratelimit" in binary.headers
    assert "server-timing" in plain.headers
    for response in (plain, binary):
        answer = response.json()
        assert (answer["model_name"], answer["model_version"], answer["id"]) == (
            "refundlens-tiny",
            "0.0.1",
            "7",
        )
        outputs = _outputs(answer)
        assert outputs["verdict"] == [line["verdict"] for line in expected]
        assert outputs["probability"] == [line["probability"] for line in expected]
        assert outputs["kind"] == [line["kind"][kind] for line in expected for kind in KINDS]
        assert [output["shape"] for output in answer["outputs"]] == [[2], [2], [2, 4], [2], [2]]
        for identifier in outputs["id"]:
            assert client.get(f"/v1/detections/{identifier}").status_code == 200


def test_a_bad_picture_stays_alone_and_outputs_can_be_chosen(client: TestClient, photo: Photo) -> None:
    wanted = [{"name": "verdict"}, {"name": "probability"}, {"name": "error"}]
    outputs = _outputs(client.post(f"{MODEL}/infer", json=_json(b"", photo(), outputs=wanted)).json())
    assert set(outputs) == {"verdict", "probability", "error"}
    assert outputs["verdict"][0] == "not_judged" and outputs["verdict"][1] != "not_judged"
    assert outputs["probability"][0] == -1 and outputs["error"] == ["empty_file", ""]


TENSOR = {"name": "image", "shape": [1], "datatype": "BYTES", "data": ["/9j/"]}


@pytest.mark.parametrize(
    ("status", "body", "headers"),
    [
        (400, b"{", {}),
        (400, b"{}", {}),
        (400, {"inputs": []}, {}),
        (400, {"inputs": [TENSOR | {"name": "other"}]}, {}),
        (400, {"inputs": [TENSOR | {"datatype": "UINT8"}]}, {}),
        (400, {"inputs": [TENSOR | {"shape": [2]}]}, {}),
        (400, {"inputs": [TENSOR | {"data": [7]}]}, {}),
        (400, {"inputs": [TENSOR | {"data": ["é"]}]}, {}),
        (400, {"inputs": [TENSOR], "outputs": [{"name": "heat"}]}, {}),
        (400, {"inputs": [TENSOR], "parameters": {"claim": "fire"}}, {}),
        (422, {"inputs": [TENSOR | {"data": [], "shape": [0]}]}, {}),
        (413, {"inputs": [TENSOR | {"data": [""] * 17, "shape": [17]}]}, {}),
        (400, {"inputs": [TENSOR]}, {"Inference-Header-Content-Length": "99999"}),
        (400, {"inputs": [TENSOR]}, {"Inference-Header-Content-Length": "-1"}),
        (400, {"inputs": [TENSOR]}, {"X-Deadline-Ms": "soon"}),
        (400, *_binary(b"xx", size=5)),
        (400, *(lambda body, headers: (body[:-1], headers))(*_binary(b"xx", size=5))),
    ],
)
def test_nonsense_is_refused(client: TestClient, status: int, body: Any, headers: dict[str, str]) -> None:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    answer = client.post(f"{MODEL}/infer", content=content, headers=headers)
    assert answer.status_code == status, answer.text
    problem = answer.json()
    ProblemDetails.model_validate(problem)
    assert problem["error"] == problem["detail"]


def test_the_answer_names_the_model_that_judged(
    client: TestClient, bundle: Path, tmp_path: Path, photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another version is swapped in after a request was let in and before its photo is judged."""
    model, other = onnx.load(str(bundle)), tmp_path / "other.onnx"
    facts = {entry.key: entry.value for entry in model.metadata_props} | {VERSION: "0.0.2"}
    helper.set_model_props(model, facts)
    onnx.save(model, str(other))
    service = client.app.state.service  # type: ignore[attr-defined]
    judge, next_bundles = service.judge, [other, bundle]

    async def swap_first(*given: Any) -> Any:
        await asyncio.to_thread(service.engine.swap, next_bundles.pop(0))
        return await judge(*given)

    monkeypatch.setattr(service, "judge", swap_first)
    plain = client.post(f"{MODEL}/infer", json=_json(photo()))
    assert plain.status_code == 200 and plain.json()["model_version"] == "0.0.2"
    gone = client.post(f"{MODEL}/versions/0.0.2/infer", json=_json(photo()))
    assert gone.status_code == 503 and gone.headers["retry-after"] == "1"
    assert gone.json()["code"] == "overloaded"


def test_it_waits_in_the_same_line(client: TestClient, photo: Photo) -> None:
    assert client.post(f"{MODEL}/infer", json=_json(photo())).status_code == 200
    state = client.app.state  # type: ignore[attr-defined]
    state.service.admission.learn(60.0)
    state.budgets.photos.take(
        Caller((("tenant", "tnt_default"),), pays=True), 1
    )  # another of the same tenant's waits
    late = client.post(f"{MODEL}/infer", json=_json(photo()), headers={"X-Deadline-Ms": "20"})
    assert late.status_code == 503 and late.headers["retry-after"] and late.json()["error"]
