"""What `doctor` says of fonts and trust lists, and the fix that it names."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from refundlens.serving.cli import health
from refundlens.serving.drawing import text as typeset
from refundlens.serving.settings import Settings
from tests.model.photo import build


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A machine without a Chinese font, until one is set."""
    caches = (typeset.chinese_font, typeset.font)
    monkeypatch.setattr(typeset, "CHINESE", ())
    monkeypatch.setattr(typeset, "_PACKAGE", "no_such_package")
    for cached in caches:
        cached.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    for cached in caches:
        cached.cache_clear()


def test_without_a_chinese_font_it_says_what_follows_and_how_to_get_one(fresh: pytest.MonkeyPatch) -> None:
    found = health._fonts(Settings())
    assert found.state == "note"
    assert "set in English" in found.detail
    assert "apt install fonts-noto-cjk" in found.detail and "pip install mplfonts" in found.detail


def test_a_font_that_lacks_our_characters_is_named_with_them(
    fresh: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "Latin.ttf"
    file.write_bytes(typeset.font(20).font_bytes)
    typeset.font.cache_clear()
    typeset.chinese_font.cache_clear()
    fresh.setattr(typeset, "CHINESE", ((str(file), 0),))
    found = health._fonts(Settings())
    assert found.state == "note"
    assert found.detail.startswith("Latin.ttf has no") and "图" in found.detail


@pytest.mark.skipif(
    typeset.chinese_font() is None, reason="no font with Chinese here; install fonts-noto-cjk"
)
def test_a_font_with_all_of_them_is_named() -> None:
    assert health._fonts(Settings()).state == "ok"


def test_a_trust_list_is_counted_or_refused_with_the_fix(tmp_path: Path) -> None:
    authorities, signers = tmp_path / "authorities.pem", tmp_path / "signers.pem"
    authorities.write_text(build.trust_list())
    signers.write_text(build.pem(build.leaf()[0]))
    assert "against 1 trusted" in health._credentials(Settings(trust_list=authorities)).detail
    refused = health._guarded("credentials", health._credentials, Settings(trust_list=signers))
    assert refused.state == "failed"
    assert "put the authority that issued it in its place" in refused.detail
