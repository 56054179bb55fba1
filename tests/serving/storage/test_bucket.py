"""A bucket keeps what a folder keeps, on a real S3 server; and the service over it, when that server is away, too."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx
import pytest

from refundlens.serving.settings import Settings, SettingsError
from refundlens.serving.storage.files import (
    BUNDLES,
    FILES,
    DamagedFile,
    FileStore,
    MissingFile,
    digest,
    open_files,
)
from refundlens.serving.storage.place import StoreAway
from tests.support.s3 import BUCKET, KEY, S3, SECRET

pytest.importorskip("obstore", reason="pip install obstore")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3]:
    found = S3(tmp_path_factory.mktemp("s3"))
    found.start()
    yield found
    found.stop()


@pytest.fixture
def bucket(server: S3, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, Any]:
    """Settings of an installation of its own in the bucket; who we are is in the environment, as a cloud has it."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    return {"files": f"s3://{BUCKET}/{tmp_path.name}", "files_endpoint": server.endpoint}


@pytest.fixture
def store(bucket: dict[str, Any]) -> FileStore:
    return open_files(Settings(**bucket))


def _raw(server: S3, prefix: str = "") -> Any:
    from obstore.store import S3Store

    return S3Store(BUCKET, prefix=prefix, endpoint=server.endpoint, client_options={"allow_http": True})


@pytest.mark.slow
@pytest.mark.parametrize("content", [b"", b"a photo", bytes(range(256)) * 40_000], ids=len)
def test_what_was_stored_comes_back_and_goes_for_good(store: FileStore, content: bytes) -> None:
    name = store.put(content)
    assert name == digest(content) == store.put(content, lasting=False)
    assert store.exists(name) and store.get(name) == content and 0 <= store.age(name) < 60
    assert store.erase(name) and not store.erase(name)
    assert not store.exists(name) and store.age(name) == 0
    with pytest.raises(MissingFile, match=name):
        store.get(name)


@pytest.mark.slow
def test_a_damaged_object_is_told_and_mended_by_storing_it_again(
    store: FileStore, server: S3, tmp_path: Path
) -> None:
    import obstore

    name = store.put(b"a photo")
    obstore.put(_raw(server, f"{tmp_path.name}/{FILES}"), f"{name[:2]}/{name[2:]}", b"a phot")
    with pytest.raises(DamagedFile, match=name):
        store.get(name)
    store.put(b"a photo")
    assert store.get(name) == b"a photo"


@pytest.mark.slow
def test_only_what_is_old_and_ours_is_listed_over_many_pages(
    store: FileStore, server: S3, tmp_path: Path
) -> None:
    import obstore

    names = {store.put(b"%d" % number) for number in range(1_100)}
    obstore.put(_raw(server, f"{tmp_path.name}/{FILES}"), "read.me", b"not ours")
    assert set(store.older(datetime.now(UTC) + timedelta(minutes=1))) == names
    assert not list(store.older(datetime.now(UTC) - timedelta(hours=1)))


@pytest.mark.slow
def test_photos_and_models_are_kept_apart(bucket: dict[str, Any]) -> None:
    photos, models = (open_files(Settings(**bucket), what) for what in (FILES, BUNDLES))
    name = models.put(b"a model")
    assert models.exists(name) and not photos.exists(name)
    assert not list(photos.older(datetime.now(UTC) + timedelta(minutes=1)))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "0" * 63])
def test_a_name_that_is_none_reaches_no_object(store: FileStore, name: str) -> None:
    for use in (store.get, store.exists, store.erase):
        with pytest.raises(MissingFile, match="names no file"):
            use(name)


@pytest.mark.slow
def test_a_key_that_may_not_is_told(bucket: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    store = open_files(Settings(**bucket))
    for use in (store.check, lambda: store.put(b"a photo"), lambda: store.get("0" * 64)):
        with pytest.raises(StoreAway):
            use()


@pytest.mark.slow
def test_a_dispute_lives_in_a_bucket(
    bucket: dict[str, Any],
    live_settings: Settings,
    serve: Callable[[Settings], Any],
    story: ModuleType,
    photo: Callable[..., bytes],
) -> None:
    """The whole story over HTTP; photo and model are in the bucket afterwards, and nothing in the data folder."""
    settings = live_settings.model_copy(update=bucket)
    live = serve(settings)
    judges = [live.key("ann"), live.key("bob")]
    with story.receiving() as receiver:
        story.play(live.base, live.key("admin"), live.key("shop-1"), judges, photo(red=True), receiver)
    assert not (settings.data_dir / FILES).exists() and not (settings.data_dir / BUNDLES).exists()
    found = httpx.get(f"{live.base}/readyz").json()
    assert found["checks"]["files"] == "ok"
    photos = open_files(settings)
    stored = list(photos.older(datetime.now(UTC) + timedelta(minutes=1)))
    assert digest(photo(red=True)) in stored
    models = list(open_files(settings, BUNDLES).older(datetime.now(UTC) + timedelta(minutes=1)))
    assert models == [live.app.state.service.detector.name.sha256]


@pytest.mark.slow
def test_while_the_bucket_is_away_nothing_is_half_done(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    live_settings: Settings,
    serve: Callable[[Settings], Any],
    story: ModuleType,
    photo: Callable[..., bytes],
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    server = S3(tmp_path / "s3")
    server.start()
    away = {"files": f"s3://{BUCKET}/away", "files_endpoint": server.endpoint}
    try:
        live = serve(live_settings.model_copy(update=away))
        shop = {"Authorization": f"Bearer {live.key('shop-1')}"}
        mirrored = story.refund(photo(red=True))
        server.stop()
        told = story.until("not ready", lambda: _unready(live.base))
        assert "files: " in told["detail"] and "database" not in told["detail"]
        refused = httpx.put(f"{live.base}/v1/refunds/R-1", json=mirrored, headers=shop, timeout=60)
        assert refused.status_code == 503 and refused.json()["code"] == "overloaded"
        assert refused.headers["retry-after"]
        assert httpx.get(f"{live.base}/v1/refunds/R-1", headers=shop).status_code == 404
        server.start()
        again = httpx.put(f"{live.base}/v1/refunds/R-1", json=mirrored, headers=shop, timeout=60)
        assert again.status_code == 201
        key = again.json()["images"][0]["id"]
        shown = httpx.get(f"{live.base}/v1/images/{key}", headers=shop, timeout=10)
        assert shown.status_code == 200 and digest(shown.content) == digest(photo(red=True))
    finally:
        server.stop()


def _unready(base: str) -> dict[str, Any] | None:
    answer = httpx.get(f"{base}/readyz", timeout=10)
    return answer.json() if answer.status_code == 503 else None


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"files": "ftp://lens/a"}, "none of s3://"),
        ({"files": "s3://"}, "none of s3://"),
        ({"files": "oss://lens"}, "REFUNDLENS_FILES_ENDPOINT"),
        ({"files": "oss://lens", "files_endpoint": "https://storage.example.com"}, "s3.oss-cn-hangzhou"),
    ],
)
def test_an_address_that_cannot_be_one_is_told(given: dict[str, str], told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        open_files(Settings.model_validate(given))


@pytest.mark.parametrize("inside", ["", "-internal"])
def test_oss_is_asked_at_the_buckets_own_address_in_its_region(inside: str) -> None:
    from refundlens.serving.storage.bucket import open_bucket

    found = open_bucket("oss://lens/eu", f"https://s3.oss-cn-hangzhou{inside}.aliyuncs.com", "files")
    store: Any = found._store
    assert store.config["endpoint"] == f"https://lens.s3.oss-cn-hangzhou{inside}.aliyuncs.com"
    assert store.config["region"] == "cn-hangzhou" and store.prefix == "eu/files"


def test_without_obstore_the_service_says_what_to_install(tmp_path: Path) -> None:
    """And does not ask for it where photos lie in a folder."""
    code = (
        "import sys; sys.modules['obstore'] = sys.modules['obstore.store'] = None\n"
        "from refundlens.serving.settings import Settings, SettingsError\n"
        "from refundlens.serving.storage.files import open_files\n"
        f"open_files(Settings(data_dir={str(tmp_path)!r})).put(b'a photo')\n"
        "try:\n    open_files(Settings(files='s3://lens'))\n"
        "except SettingsError as error:\n    print(error)\n"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert 'pip install -e ".[objects]"' in told
