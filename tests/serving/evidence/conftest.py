"""A report whose photo the tiny network calls fake, over the real application, without a worker."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from refundlens.model.detect import Detector
from refundlens.serving.evidence.signature import PublicKey, Signer
from refundlens.serving.kit.context import Context
from refundlens.serving.refunds.repository import lock_by_key
from refundlens.serving.reports.screening import conclude, keep_maps
from refundlens.serving.storage.tables import Report


@dataclass(frozen=True)
class Case:
    """photo: its bytes."""

    app: FastAPI
    as_caller: Callable[..., TestClient]
    photo: bytes
    report_id: str
    detection_id: str

    @property
    def key(self) -> PublicKey:
        return Signer(self.app.state.secret).public

    def get(self, path: str, caller: str = "shop-1", **headers: str) -> Any:
        return self.as_caller(caller).get(path, headers=headers)

    def pack(self, query: str = "", caller: str = "shop-1") -> bytes:
        """The JSON of the report's pack."""
        answer = self.get(f"/v1/reports/{self.report_id}/evidence.json{query}", caller)
        assert answer.status_code == 200, answer.text
        return bytes(answer.content)

    def pdf(self, query: str = "", caller: str = "shop-1", language: str = "en") -> bytes:
        path = f"/v1/reports/{self.report_id}/evidence.pdf{query}"
        answer = self.get(path, caller, **{"Accept-Language": language})
        assert answer.status_code == 200, answer.text
        return bytes(answer.content)


@pytest.fixture
def case(
    workflow_app: FastAPI,
    as_caller: Callable[..., TestClient],
    photo: Callable[..., bytes],
    detector: Detector,
) -> Case:
    """An established report of shop-1."""
    content = photo(red=True)
    merchant = as_caller("shop-1")
    image = {"name": "jumper.jpg", "data": base64.b64encode(content).decode()}
    body = {
        "amount": {"value": 12800, "currency": "CNY"}, "buyer": "buyer-7", "claim": {"type": "hole", "text": "a hole"},
        "status": "open", "images": {"refund": [image]},
    }  # fmt: skip
    mirrored = merchant.put("/v1/refunds/R-1", json=body)
    assert mirrored.status_code in (200, 201), mirrored.text
    named = mirrored.json()["images"][0]["id"]
    made = merchant.post("/v1/reports", json={"refund_id": "R-1", "image": named})
    assert made.status_code == 201, made.text
    state = workflow_app.state
    found = keep_maps(state.files, detector.detect(content, "hole"))
    with state.database.transaction() as session:
        report = session.get_one(Report, made.json()["id"])
        refund = lock_by_key(session, report.refund_id)
        conclude(Context(session, state.settings, state.clock()), report.claim_id, refund, {named: found})
        detection_id = report.screening_id
    assert detection_id is not None
    return Case(workflow_app, as_caller, content, made.json()["id"], detection_id)
