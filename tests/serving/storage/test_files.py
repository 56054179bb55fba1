"""The file store gives back what was stored, or says that it cannot."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from refundlens.serving.storage.files import DamagedFile, FileStore, MissingFile, digest


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(tmp_path / "files")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(st.binary(max_size=3000))
def test_what_was_stored_comes_back(store: FileStore, content: bytes) -> None:
    name = store.put(content)
    assert name == digest(content) == store.put(content)
    assert store.exists(name)
    assert store.get(name) == content


def test_files_lie_by_their_digest_and_nothing_else_is_left(store: FileStore, tmp_path: Path) -> None:
    name = store.put(b"a photo")
    store.put(b"a photo")
    files = [path for path in (tmp_path / "files").rglob("*") if path.is_file()]
    assert files == [tmp_path / "files" / name[:2] / name[2:]]


def test_a_damaged_file_is_told_and_mended_by_storing_it_again(store: FileStore, tmp_path: Path) -> None:
    name = store.put(b"a photo")
    (tmp_path / "files" / name[:2] / name[2:]).write_bytes(b"a phot")
    with pytest.raises(DamagedFile, match=name):
        store.get(name)
    store.put(b"a photo")
    assert store.get(name) == b"a photo"


def test_an_erased_file_is_missing(store: FileStore) -> None:
    name = store.put(b"a photo")
    assert store.erase(name)
    assert not store.erase(name)
    assert not store.exists(name)
    with pytest.raises(MissingFile, match=name):
        store.get(name)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "A" * 64, "0" * 63])
def test_a_name_that_is_none_reaches_no_file(store: FileStore, name: str) -> None:
    for use in (store.get, store.exists, store.erase):
        with pytest.raises(MissingFile, match="names no file"):
            use(name)
