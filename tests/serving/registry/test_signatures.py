"""Nothing judges that nobody who may has signed, wherever it comes from; nothing is promoted that cannot be loaded."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, x25519
from fastapi import FastAPI
from starlette.testclient import TestClient
from typer.testing import CliRunner

from refundlens.model.bundle import BundleError
from refundlens.serving.app import create_app
from refundlens.serving.cli.main import app as command
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.errors import Conflict
from refundlens.serving.kit.principal import Principal
from refundlens.serving.registry import repository, service
from refundlens.serving.registry.bundles import check_loadable
from refundlens.serving.registry.follower import Follower
from refundlens.serving.registry.signatures import check_signature, make_signature, read_signature
from refundlens.serving.settings import Settings, SettingsError
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.files import FileStore, digest


def _pem(key: Any) -> bytes:
    return bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


def _public(*keys: Any) -> bytes:
    pem = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return b"".join(key.public_key().public_bytes(*pem) for key in keys)


@pytest.fixture
def key() -> ed25519.Ed25519PrivateKey:
    return ed25519.Ed25519PrivateKey.generate()


@pytest.fixture
def strict(settings: Settings, key: ed25519.Ed25519PrivateKey, tmp_path: Path) -> Settings:
    """Settings that want bundles signed, by this key or an older one."""
    signers = tmp_path / "signers.pem"
    signers.write_bytes(_public(ed25519.Ed25519PrivateKey.generate(), key))
    return settings.model_copy(update={"bundle_signers": signers})


def test_a_signature_is_of_one_bundle_and_one_signer(
    strict: Settings, key: ed25519.Ed25519PrivateKey
) -> None:
    one, other = digest(b"one"), digest(b"other")
    signature = make_signature(one, _pem(key))
    check_signature(strict, one, signature)
    stranger = make_signature(one, _pem(ed25519.Ed25519PrivateKey.generate()))
    for sha256, given in ((other, signature), (one, None), (one, ""), (one, "no base64!"), (one, stranger)):
        with pytest.raises(BundleError, match="REFUNDLENS_BUNDLE_SIGNERS"):
            check_signature(strict, sha256, given)
    check_signature(strict.model_copy(update={"bundle_signers": None}), other, None)


@pytest.mark.parametrize("content", [b"", b"nothing", _public(x25519.X25519PrivateKey.generate())])
def test_signers_that_are_none_are_told(strict: Settings, content: bytes) -> None:
    assert strict.bundle_signers is not None
    strict.bundle_signers.write_bytes(content)
    with pytest.raises(SettingsError, match="REFUNDLENS_BUNDLE_SIGNERS"):
        check_signature(strict, digest(b"x"), "AAAA")


def test_only_ed25519_signs(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="openssl genpkey"):
        make_signature(digest(b"x"), _pem(x25519.X25519PrivateKey.generate()))
    with pytest.raises(BundleError, match="no private key"):
        make_signature(digest(b"x"), b"-----BEGIN")


def test_a_service_starts_with_a_signed_bundle_only(
    strict: Settings, key: ed25519.Ed25519PrivateKey, make_bundle: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    path = make_bundle("0.0.7")
    named = strict.model_copy(update={"bundle": path})
    with pytest.raises(BundleError, match="is not signed"):
        create_app(named)
    private = tmp_path / "private.pem"
    private.write_bytes(_pem(key))
    done = CliRunner().invoke(command, ["models", "sign", str(path), "--key", str(private)])
    assert done.exit_code == 0 and Path(done.stdout.strip()) == path.with_name("0.0.7.onnx.sig")
    app = create_app(named)
    assert app.state.service.detector.name.version == "0.0.7"
    with app.state.database.reading() as session:
        row = service.find(session, "refundlens-tiny-0.0.7")
    assert row.facts["signature"] == read_signature(path)
    check_loadable(app.state.bundles, named, row)
    app.state.database.close()


def test_a_champion_that_somebody_wrote_into_the_database_does_not_judge(
    strict: Settings, key: ed25519.Ed25519PrivateKey, add: Callable[..., str], database: Database, bundles: FileStore,
    admin: Principal, moving_clock: Any,
) -> None:  # fmt: skip
    """Whoever has the database and the disk still has no signature."""
    first, second = add("0.0.1"), add("0.0.2", blind=True)
    with database.transaction() as session:
        context = Context(session, Settings(), moving_clock(), admin)
        service.promote(context, first, "x", force=True)
        row = service.find(session, first)
        row.facts = {**row.facts, "signature": make_signature(row.sha256, _pem(key))}

    class Engine:
        """Tells what it is asked to run."""

        detector = type("Detector", (), {"name": type("Name", (), {"sha256": "", "name": "", "version": ""})})
        ran: list[Path] = []  # noqa: RUF012

        def swap(self, path: Path) -> None:
            self.ran.append(path)

    engine: Any = Engine()
    follower = Follower(database, bundles, engine, strict, notifier=None, clock=None)  # type: ignore[arg-type]
    with database.reading() as session:
        good = service.find(session, first)
        bad = service.find(session, second)
    follower._change(good)
    assert len(engine.ran) == 1
    follower._change(bad)
    assert len(engine.ran) == 1 and follower._failure and "is not signed" in follower._failure.why


@pytest.mark.parametrize("how", ["missing", "damaged"])
def test_what_cannot_be_loaded_cannot_be_promoted(
    workflow_app: FastAPI, as_caller: Callable[..., TestClient], make_bundle: Any, moving_clock: Any, how: str
) -> None:
    from refundlens.model.detect import Detector
    from refundlens.serving.registry.bundles import examine

    path = make_bundle("0.0.9")
    found = examine(Detector(path, threads=1, device="cpu"), path.stat().st_size)
    state = workflow_app.state
    name = state.bundles.put(path.read_bytes())
    file = state.settings.data_dir / "models" / name[:2] / name[2:]
    file.unlink() if how == "missing" else file.write_bytes(file.read_bytes()[:-100])
    with state.database.transaction() as session:
        before = repository.at(session, service.Stage.CHAMPION)
        row = service.add(session, service.SERVICE, found, moving_clock())
        version, champion = row.id, before and before.id
    answer = as_caller("root").post(f"/v1/models/{version}/promote", json={"reason": "x", "force": True})
    assert (answer.status_code, answer.json()["code"]) == (409, "not_loadable")
    with state.database.reading() as session:
        now = repository.at(session, service.Stage.CHAMPION)
        assert (now and now.id) == champion
        with pytest.raises(Conflict):
            check_loadable(state.bundles, state.settings, service.find(session, version))
