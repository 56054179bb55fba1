"""Settings hidden in the lowest bits of pixels are found, written as NovelAI and the interfaces' extensions do."""

import gzip
import json
import time

import numpy as np
import pytest
from PIL import Image

from refundlens.model.detection import Reason
from refundlens.model.photo.hidden_text import MAX_HIDDEN, hidden_text
from refundlens.model.photo.image import ImageError, read_photo
from refundlens.model.photo.provenance import read_provenance
from tests.model.photo import build

_WEB_UI = "a torn shirt, 破了\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1"
NOVELAI = json.dumps({"Software": "NovelAI", "Source": "x", "Comment": json.dumps({"uc": "", "steps": 28})})
_COMFYUI = json.dumps({"prompt": json.dumps({"3": {"class_type": "KSampler"}}), "workflow": "{}"})


def hide(image: Image.Image, text: bytes, kind: str = "pnginfo", length: int | None = None) -> Image.Image:
    """Pixel by pixel, as the extension for the web UI does it. length: what the header says, in bits."""
    content = gzip.compress(text) if kind.endswith("comp") else text
    head = f"stealth_{kind}".encode() + (8 * len(content) if length is None else length).to_bytes(4, "big")
    bits = iter("".join(f"{byte:08b}" for byte in head + content))
    image = image.copy()
    if kind.startswith("png"):
        image.putalpha(255)
    pixels = image.load()
    assert pixels is not None
    for x in range(image.width):
        for y in range(image.height):
            values = list(pixels[x, y])  # type: ignore[arg-type]
            for channel in [3] if kind.startswith("png") else [0, 1, 2]:
                bit = next(bits, None)
                if bit is None:
                    return image
                values[channel] = values[channel] & ~1 | int(bit)
            pixels[x, y] = tuple(values)
    return image


def _said(data: bytes) -> dict[str, Reason]:
    return {reason.code: reason for reason in read_provenance(read_photo(data))}


@pytest.mark.parametrize("kind", ["pnginfo", "pngcomp", "rgbinfo", "rgbcomp"])
@pytest.mark.parametrize("written", [("PNG", {}), ("WEBP", {"lossless": True, "exact": True}), ("TIFF", {})])
def test_a_text_is_found_as_it_was_hidden(kind: str, written: tuple[str, dict[str, object]]) -> None:
    image = hide(build.picture(), _WEB_UI.encode(), kind)
    photo = read_photo(build.saved(written[0], image, **written[1]))
    assert photo.hidden == _WEB_UI
    found = {reason.code: reason for reason in read_provenance(photo)}
    assert found["metadata.generator_parameters"].details == {
        "tool": "Stable Diffusion web UI",
        "place": "settings.pixels",
    }
    assert "lowest bits" in found["metadata.generator_parameters"].text
    assert "metadata.none" not in found


@pytest.mark.parametrize(("text", "tool"), [(NOVELAI, "NovelAI"), (_COMFYUI, "ComfyUI")])
def test_the_program_is_named(text: str, tool: str) -> None:
    image = hide(build.picture(), text.encode(), "pngcomp")
    assert _said(build.saved("PNG", image))["metadata.generator_parameters"].details["tool"] == tool


def test_colours_of_a_picture_with_an_alpha() -> None:
    image = hide(build.picture(), _WEB_UI.encode(), "rgbcomp")
    image.putalpha(200)
    assert hidden_text(image) == _WEB_UI


def test_settings_in_metadata_are_named_first() -> None:
    image = hide(build.picture(), NOVELAI.encode(), "pngcomp")
    info = build.PngImagePlugin.PngInfo()
    info.add_text("parameters", _WEB_UI)
    found = _said(build.saved("PNG", image, pnginfo=info))["metadata.generator_parameters"]
    assert found.details == {"tool": "Stable Diffusion web UI", "place": "settings.metadata"}


def test_a_signature_alone_says_that_there_were_settings() -> None:
    """Random bits make one in 2^118 photos begin like this."""
    image = hide(build.picture(), b"", "pngcomp", length=800)
    found = _said(build.saved("PNG", image))["metadata.generator_parameters"]
    assert found.details == {"tool": "tool.unnamed", "place": "settings.pixels"}


@pytest.mark.parametrize("kind", ["pnginfo", "pngcomp", "rgbinfo", "rgbcomp"])
@pytest.mark.parametrize("length", [0, 7, 8, 2**31, 2**32 - 1])
def test_a_length_that_is_not_so_is_no_harm(kind: str, length: int) -> None:
    image = hide(build.picture(), _WEB_UI.encode(), kind, length)
    found = hidden_text(image)
    assert found is not None and len(found) <= MAX_HIDDEN
    assert found == "" or found.startswith(_WEB_UI) or _WEB_UI.startswith(found)


def test_the_beginning_is_read_where_the_right_of_a_picture_was_cut_off() -> None:
    image = hide(build.picture(size=(32, 64)), _WEB_UI.encode() * 3)
    assert (hidden_text(image.crop((0, 0, 16, 64))) or "").startswith(_WEB_UI)


def test_a_bomb_unpacks_to_a_bound() -> None:
    image = hide(build.picture(size=(400, 400)), bytes(10_000_000), "pngcomp")
    assert len(hidden_text(image) or "") == 1 << 21


@pytest.mark.parametrize(
    "size", [(1, 1), (1, 40), (40, 1), (3, 50), (50, 3), (1, 119), (120, 1), (1, 170), (4000, 1)]
)
def test_small_and_narrow_pictures(size: tuple[int, int]) -> None:
    image = build.picture(size=size)
    assert hidden_text(image) is None
    assert hidden_text(image.convert("RGBA")) is None
    if size[0] * size[1] >= 8 * 15:
        assert "hello".startswith(hidden_text(hide(image, b"hello")) or "")


@pytest.mark.parametrize("mode", ["L", "LA", "P", "1", "CMYK", "RGB", "RGBA"])
def test_pictures_without(mode: str) -> None:
    assert hidden_text(build.picture().convert(mode)) is None


def test_mutants_of_files_with_hidden_settings() -> None:
    random = np.random.default_rng(7)
    for kind in ("pnginfo", "pngcomp", "rgbinfo", "rgbcomp"):
        pixels = np.asarray(hide(build.picture(size=(40, 40)), NOVELAI.encode(), kind)).copy()
        for _ in range(100):
            damaged = pixels.copy()
            # the signature lies in the first columns; what follows it is damaged
            start = 4 if kind.startswith("png") else 2
            many = random.integers(1, 60)
            damaged[random.integers(0, 40, many), random.integers(start, 40, many)] ^= 1
            assert hidden_text(Image.fromarray(damaged)) is not None
    for data in build.mutants(build.saved("PNG", Image.fromarray(pixels)), 200, random):
        try:
            photo = read_photo(data)
        except ImageError:
            continue
        assert read_provenance(photo)


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_a_photo_without_costs_under_a_millisecond(mode: str) -> None:
    image = Image.new(mode, (4000, 3000))
    hidden_text(image)
    started = time.process_time()
    for _ in range(20):
        assert hidden_text(image) is None
    assert (time.process_time() - started) / 20 < 0.001
