"""EXIF texts come out whatever encoding they were written in."""

import pytest

from refundlens.model.photo.exif import read_exif
from tests.model.photo import build

_TEXT = 'a torn shirt 破洞\nSteps: 20, Sampler: Euler a, CFG scale: 7, {"a": 1}'


def _comment(raw: bytes) -> str:
    return read_exif(build.tiff_block({}, {0x9286: (7, raw)})).texts["user_comment"]


@pytest.mark.parametrize(
    "raw",
    [
        b"UNICODE\0" + _TEXT.encode("utf-16-le"),
        b"UNICODE\0" + _TEXT.encode("utf-16-be"),
        b"UNICODE\0" + _TEXT.encode("utf-16"),
        b"UNICODE\0\xfe\xff" + _TEXT.encode("utf-16-be"),
        b"UNICODE\0" + _TEXT.encode(),
        b"UNICODE\0" + _TEXT.encode("utf-8-sig"),
        b"ASCII\0\0\0" + _TEXT.encode(),
        b"ASCII\0\0\0" + _TEXT.encode("gb18030"),
        b"ASCII\0\0\0" + _TEXT.encode("utf-16-le"),
        bytes(8) + _TEXT.encode(),
        bytes(8) + _TEXT.encode("gb18030"),
        b"JIS\0\0\0\0\0" + _TEXT.encode(),
        _TEXT.encode(),
    ],
)
def test_user_comment(raw: bytes) -> None:
    assert _comment(raw) == _TEXT


def test_japanese_user_comment() -> None:
    assert _comment(b"JIS\0\0\0\0\0" + "破れた布".encode("iso2022_jp")) == "破れた布"


def test_windows_comments_are_utf_16_whatever_the_order() -> None:
    block = build.tiff_block({0x9C9C: (1, "破洞".encode("utf-16-le") + b"\0\0")})
    assert read_exif(block).texts == {"comment": "破洞"}


def test_latin_names_stay_latin() -> None:
    assert read_exif(build.tiff_block({0x013B: (2, b"Andr\xe9 Fran\xe7ois\0")})).texts == {
        "artist": "André François"
    }


def test_settings_of_a_shot_and_maker_note() -> None:
    block = build.tiff_block(
        {}, {0x829A: (7, b"12345678"), 0x8827: (3, b"\x64\0"), 0x927C: (7, b"Apple iOS\0\0\1")}
    )
    found = read_exif(block)
    assert found.exposure == {"exposure time", "sensitivity"}
    assert found.maker_note == b"Apple iOS\0\0\1"


def test_an_empty_block_was_read() -> None:
    assert read_exif(b"MM\0*\0\0\0\x08" + bytes(6)).readable


@pytest.mark.parametrize("block", [b"broken", b"II*\0", b"MM\0*\0\0\0\x08\xff\xff", b"II*\0\xff\xff\xff\xff"])
def test_unreadable_is_said(block: bytes) -> None:
    assert not read_exif(block).readable
