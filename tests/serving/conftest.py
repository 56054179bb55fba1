"""A tiny but real ONNX bundle, pictures of every kind, and a service around them."""

import hashlib
import io
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from fastapi import FastAPI
from onnx import TensorProto, helper, numpy_helper
from PIL import Image as Picture
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from model.bundle import CALIBRATION, CARD, FORMAT, FORMAT_KEY, NAME, VERSION
from model.calibration import LOSSLESS, Bin, Calibration
from model.detect import Detector
from model.pooling import FEATURES
from model.reliability import Curve, ReliabilityTable
from serving.app import create_app
from serving.audit import chain
from serving.db.session import Database, sqlite_url
from serving.db.tables import Image, Refund, Report, Screening, Tenant
from serving.db.tables.reports import NEVER
from serving.files import FileStore
from serving.ids import make_id
from serving.settings import Settings
from serving.workflow.states import ReportState

KEY = "test-key"


def _network() -> onnx.ModelProto:
    """tiles -> mean colours -> logits: red pixels look manipulated, and look like a hole."""
    colours = np.array([[-2, -2, 4, -2], [2, 0, -2, 0], [2, 0, -2, 0]], np.float32)
    cells = np.zeros((5, 3, 1, 1), np.float32)
    cells[0, :, 0, 0] = cells[1, :, 0, 0] = [24, -12, -12]
    weights = [
        numpy_helper.from_array(np.array(1 / 255, np.float32), "scale"),
        numpy_helper.from_array(colours, "colours"),
        numpy_helper.from_array(cells, "cells"),
        numpy_helper.from_array(np.array([-4, -4, -9, -9, -9], np.float32), "offsets"),
        numpy_helper.from_array(np.array([2, 3], np.int64), "axes"),
    ]
    nodes = [
        helper.make_node("Cast", ["tiles"], ["float"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["float", "scale"], ["unit"]),
        helper.make_node("Transpose", ["unit"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("ReduceMean", ["planes", "axes"], ["mean"], keepdims=0),
        helper.make_node("MatMul", ["mean", "colours"], ["kind"]),
        helper.make_node("AveragePool", ["planes"], ["small"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Conv", ["small", "cells", "offsets"], ["map"]),
    ]
    tiles = helper.make_tensor_value_info("tiles", TensorProto.UINT8, ["n", 224, 224, 3])
    kind = helper.make_tensor_value_info("kind", TensorProto.FLOAT, ["n", 4])
    local = helper.make_tensor_value_info("map", TensorProto.FLOAT, ["n", 5, 28, 28])
    graph = helper.make_graph(nodes, "tiny", [tiles], [kind, local], weights)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)


def _calibration() -> Calibration:
    count = len(FEATURES)
    everything = Bin(
        long_side=(1, 100_000),
        jpeg_quality=(1, LOSSLESS + 1),
        sharpness=(0, 1),
        photos=400,
        threshold=0.9,
        bound=0.0075,
    )
    return Calibration(
        features=tuple(FEATURES),
        mean=(0.0,) * count,
        scale=(1.0,) * count,
        weights=(1.0,) * count,
        offset=-1.0,
        clear_below=0.3,
        limit=0.01,
        confidence=0.95,
        bins=(everything,),
        reliability=_reliability(),
    )


def _reliability() -> ReliabilityTable:
    """Flat cells are worth a tenth, all others nine tenths."""
    any_value = Curve(at=(0.5,), worth=(0.9,))
    contrast = Curve(at=(4.0, 6.0), worth=(0.1, 0.9))
    return ReliabilityTable(
        saturation=any_value, contrast=contrast, sharpness=any_value, overall=0.6, pictures=100
    )


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Path of the tiny bundle."""
    model = _network()
    facts = {
        FORMAT_KEY: FORMAT,
        NAME: "refundlens-tiny",
        VERSION: "0.0.1",
        CARD: "For tests.",
        CALIBRATION: _calibration().to_json(),
    }
    helper.set_model_props(model, facts)
    path = tmp_path_factory.mktemp("bundle") / "tiny.onnx"
    onnx.save(model, str(path))
    return path


@pytest.fixture(scope="session")
def detector(bundle: Path) -> Detector:
    return Detector(bundle, threads=1)


@pytest.fixture
def settings(bundle: Path, tmp_path: Path) -> Settings:
    return Settings(bundle=bundle, data_dir=tmp_path / "var", workers=2, api_keys=KEY, demo=False)


@pytest.fixture
def app(settings: Settings, detector: Detector) -> FastAPI:
    return create_app(settings, detector)


@pytest.fixture
def client(app: FastAPI) -> Iterator[TestClient]:
    """A client with a key of a service that is not ready until its warm-up is over."""
    with TestClient(app, headers={"Authorization": f"Bearer {KEY}"}, raise_server_exceptions=False) as client:
        yield client


@pytest.fixture(scope="session")
def photo() -> Callable[..., bytes]:
    """Makes the bytes of a picture: grey noise with, if asked for, a red square (which the tiny network calls fake)."""

    def make(
        form: str = "JPEG", size: tuple[int, int] = (320, 240), red: bool = False, **options: object
    ) -> bytes:
        pixels = np.random.default_rng(7).integers(90, 160, (size[1], size[0], 3)).astype(np.uint8)
        if red:
            pixels[40:168, 64:192] = (250, 10, 10)
        file = io.BytesIO()
        Picture.fromarray(pixels).save(
            file, form, **({"quality": 90} | options if form == "JPEG" else options)
        )
        return file.getvalue()

    return make


class MovableClock:
    """A clock that stands until a test moves it."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **span: float) -> datetime:
        """Move it by a timedelta's arguments."""
        self.now += timedelta(**span)
        return self.now


@pytest.fixture
def moving_clock() -> MovableClock:
    return MovableClock(datetime(2026, 11, 22, 8, 0, tzinfo=UTC))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """SQLite in a file, with the tables and the tenants `tnt_one` and `tnt_two`."""
    opened = Database(sqlite_url(tmp_path))
    opened.migrate()
    with opened.transaction() as session:
        for name in ("one", "two"):
            session.add(Tenant(id=f"tnt_{name}", name=name, created_at=datetime(2026, 1, 1, tzinfo=UTC)))
            session.flush()
            chain.start(session, f"tnt_{name}")
    yield opened
    opened.close()


@dataclass(frozen=True)
class Dispute:
    """Rows as they were made."""

    refund: Refund
    image: Image
    report: Report


@pytest.fixture
def create_dispute() -> Callable[..., Dispute]:
    """Writes a refund with a screened photo and its report straight into the tables, in whatever state is asked for."""

    def create(
        session: Session,
        now: datetime,
        *,
        buyer: str,
        files: FileStore | None = None,
        content: bytes = b"a photo",
        state: ReportState = ReportState.ESTABLISHED,
        tenant: str = "tnt_one",
        account: str = "shop-1",
        closed: bool = False,
    ) -> Dispute:
        heatmap = "0" * 64 if files is None else files.put(b"map of " + content)
        sha256 = hashlib.sha256(content).hexdigest() if files is None else files.put(content)
        both = {"tenant_id": tenant, "created_at": now}
        key = make_id("rfd", now)
        refund = Refund(
            **both, id=key, refund_id=f"R-{key}", version=1, account=account, amount_minor=12800, currency="CNY",
            status=("closed" if closed else "open"), closed_at=now if closed else None, buyer=buyer, updated_at=now,
            claim_type="hole", claim_text="a hole, says the buyer", outcome="undecided",
        )  # fmt: skip
        session.add(refund)
        session.flush()
        image = Image(
            **both, id=make_id("img", now), refund_id=key, source="refund", sha256=sha256, name="me.jpg",
            media_type="image/jpeg", width=640, height=480, bytes=len(content),
        )  # fmt: skip
        session.add(image)
        session.flush()
        body = {"id": make_id("det", now), "file": "me.jpg", "verdict": "fake", "probability": 0.97,
                "reasons": [{"code": "metadata.camera", "basis": "declared", "text": "My own camera."}]}  # fmt: skip
        screening = Screening(
            id=body["id"], **both, image_id=image.id, verdict="fake", probability=0.97, bound=0.01,
            model_version="1.0.0", body=body, heatmap=heatmap,
        )  # fmt: skip
        session.add(screening)
        session.flush()
        report = Report(
            **both, id=make_id("rpt", now), refund_id=key, image_id=image.id, claim_id=make_id("clm", now),
            account=account, version=1, state=state.value, live=None if state in ReportState.terminal() else 1,
            note="the merchant's words", reported_by="clerk", screening_id=screening.id, verdict="fake", due_at=NEVER,
            amount_rank=-12800, updated_at=now,
        )  # fmt: skip
        session.add(report)
        session.flush()
        return Dispute(refund, image, report)

    return create


@pytest.fixture
def workflow_app(settings: Settings, detector: Detector, moving_clock: MovableClock) -> FastAPI:
    """An application at the movable clock with a key for each role: `key-` and the name after the role."""
    keys = (
        "admin:root",
        "merchant:shop-1",
        "merchant:shop-2",
        "adjudicator:ann",
        "adjudicator:bob",
        "engineer:eve",
    )
    given: dict[str, Any] = {"api_keys": ",".join(f"{key}:key-{key.partition(':')[2]}" for key in keys)}
    return create_app(Settings(**{**settings.model_dump(), **given}), detector, moving_clock)


@pytest.fixture
def as_caller(workflow_app: FastAPI) -> Callable[..., TestClient]:
    """A client with a key, whose every POST has an Idempotency-Key of its own; no worker runs behind it."""

    def caller(name: str) -> TestClient:
        client = TestClient(workflow_app, headers={"Authorization": f"Bearer key-{name}"})
        client.event_hooks = {"request": [_name_request]}
        return client

    return caller


def _name_request(request: Any) -> None:
    if request.method == "POST":
        request.headers.setdefault("Idempotency-Key", secrets.token_hex(8))
