"""A camera is believed to be named, not proved; what agrees and what does not is told apart."""

from dataclasses import replace

import pytest

from refundlens.model.photo.camera import camera_of, maker_field_tools
from refundlens.model.photo.encoders import _MOZJPEG, Encoder, checksum, encoder_of
from refundlens.model.photo.exif import Exif
from refundlens.model.photo.jpeg import JpegFacts, parse_jpeg
from refundlens.model.photo.metadata import Metadata
from refundlens.model.photo.screenshot import SCREENS, has_screen_size, says_screenshot
from tests.model.photo import build

_SHOT = frozenset({"exposure time", "aperture", "sensitivity"})


def _with_tables(luma: tuple[int, ...], chroma: tuple[int, ...]) -> JpegFacts:
    return replace(_facts(), tables=(luma, chroma), exact_quality=False)


def _facts(quality: int = 90) -> JpegFacts:
    facts = parse_jpeg(build.saved("JPEG", quality=quality))
    assert facts is not None
    return facts


def test_all_that_agrees() -> None:
    exif = Exif(
        texts={"make": "Apple", "model": "iPhone 15"}, maker_note=b"Apple iOS\0\0\1MM", exposure=_SHOT
    )
    camera = camera_of(exif, _facts(), True)
    assert camera is not None
    assert (camera.name, camera.known) == ("Apple iPhone 15", True)
    assert camera.agreeing == ("camera.settings", "camera.maker_note", "camera.preview")
    assert camera.against == ()


def test_a_note_of_another_maker_a_strange_preview_and_tables_speak_against() -> None:
    exif = Exif(texts={"make": "Canon", "model": "Canon EOS 20D"}, maker_note=b"Apple iOS\0\0\1MM")
    at_50 = tuple(min(step, 255) for step in _MOZJPEG)
    camera = camera_of(exif, _with_tables(at_50, at_50), False)
    assert camera is not None
    assert camera.name == "Canon EOS 20D"
    assert camera.against == ("camera.maker_note", "camera.preview", "camera.tables")


@pytest.mark.parametrize(
    "texts",
    [
        {"make": 'workflow:{"nodes": [{"type": "KSampler"}]}'}, {"model": 'prompt:{"3": {"class_type": "KSampler"}}'},
        {"make": "Ideogram AI"}, {"make": "x" * 200}, {"make": "a", "model": '{"b": 1}'}, {},
        {"make": "\x0b"}, {"make": "\u3000", "model": "\u3000"},
    ],
)  # fmt: skip
def test_what_is_no_name_of_a_camera(texts: dict[str, str]) -> None:
    assert camera_of(Exif(texts=texts), None, None) is None


@pytest.mark.parametrize(
    ("make", "known"), [("SONY", True), ("Xiaomi", True), ("Example", False), ("Scanner Ltd", False)]
)
def test_known_makers(make: str, known: bool) -> None:
    camera = camera_of(Exif(texts={"make": make, "model": "X1"}), None, None)
    assert camera is not None
    assert camera.known is known


def test_a_generator_in_the_maker_field() -> None:
    assert maker_field_tools(Exif(texts={"make": "Ideogram AI"})) == ["Ideogram AI"]
    assert maker_field_tools(Exif(texts={"make": "FLUX.1 [dev]"})) == ["FLUX.1 [dev]"]
    assert maker_field_tools(Exif(texts={"make": "Trust", "model": "Gemini 11"})) == []


@pytest.mark.parametrize("quality", [1, 30, 75, 90, 100])
def test_libjpegs_tables(quality: int) -> None:
    encoder = encoder_of(_facts(quality))
    assert encoder is not None
    assert (encoder.name, encoder.quality) == ("libjpeg", quality)


def test_mozjpegs_and_nobodys_tables() -> None:
    at_50 = tuple(min(step, 255) for step in _MOZJPEG)
    assert encoder_of(_with_tables(at_50, at_50)) == Encoder("mozjpeg", "library", 50)
    assert encoder_of(_with_tables(tuple(range(3, 67)), tuple(range(5, 69)))) is None
    assert encoder_of(_with_tables((0,) * 64, (1,) * 64)) is None


def test_a_checksum_sees_every_step() -> None:
    one = tuple(range(1, 65))
    assert checksum((one, one)) != checksum(((*one[:-1], 99), one))


def test_screenshots() -> None:
    assert says_screenshot(Metadata(exif=Exif(texts={"user_comment": "Screenshot"})))
    assert not says_screenshot(Metadata(exif=Exif(texts={"description": "a screen door, torn"})))
    assert all(has_screen_size(*size) and has_screen_size(*size[::-1]) for size in SCREENS)
    assert not has_screen_size(1440, 1080)
