"""Bundles that differ in what they say of themselves, or in their weights."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import helper, numpy_helper

from refundlens.model.bundle import CALIBRATION, CARD, TRAINING, VERSION
from refundlens.model.detect import Detector
from refundlens.serving.events import audit
from refundlens.serving.identity.tenants import DEFAULT
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.registry import service
from refundlens.serving.registry.bundles import examine, open_bundles
from refundlens.serving.settings import Settings
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.files import FileStore
from refundlens.serving.storage.tables import Tenant

ENGINEER = Principal(DEFAULT, "", Role.ENGINEER, "eve")
ADMIN = Principal(DEFAULT, "", Role.ADMIN, "root")


@pytest.fixture
def database(database: Database, moving_clock: Any) -> Database:
    """With the tenant of those who run the installation: they alone change the model."""
    with database.transaction() as session:
        session.add(Tenant(id=DEFAULT, name="default", created_at=moving_clock()))
        session.flush()
        audit.start(session, DEFAULT)
    return database


@pytest.fixture(scope="session")
def make_bundle(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes the tiny bundle as another version; none for a fact leaves it out. blind: its network sees no red."""

    def make(version: str, card: str = "For tests.", blind: bool = False, **facts: str | None) -> Path:
        network = onnx.load(str(bundle))
        known = {entry.key: entry.value for entry in network.metadata_props}
        known |= {VERSION: version, CARD: card}
        if "calibration" in facts:
            known |= {CALIBRATION: facts["calibration"] or ""}
        if "training" in facts:
            known |= {TRAINING: facts["training"] or ""}
        if blind:
            _scale(network, "colours", 0.1)
        del network.metadata_props[:]
        helper.set_model_props(network, {key: value for key, value in known.items() if value or key == CARD})
        path = tmp_path_factory.mktemp("made") / f"{version}.onnx"
        onnx.save(network, str(path))
        return path

    return make


def _scale(network: Any, name: str, factor: float) -> None:
    (weights,) = (one for one in network.graph.initializer if one.name == name)
    weights.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weights) * factor, name))


@pytest.fixture
def bundles(tmp_path: Path) -> FileStore:
    return open_bundles(Settings(data_dir=tmp_path))


@pytest.fixture
def engineer() -> Principal:
    return ENGINEER


@pytest.fixture
def admin() -> Principal:
    return ADMIN


@pytest.fixture
def add(database: Database, bundles: FileStore, make_bundle: Any, moving_clock: Any) -> Callable[..., str]:
    """Registers a version in the database of the test; its id."""

    def register(version: str, **facts: Any) -> str:
        path = make_bundle(version, **facts)
        bundles.put(path.read_bytes())
        found = examine(Detector(path, threads=1, device="cpu"), path.stat().st_size)
        with database.transaction() as session:
            return str(service.add(session, ENGINEER, found, moving_clock()).id)

    return register
