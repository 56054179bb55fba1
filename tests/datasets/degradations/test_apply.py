"""The delivery chain: deterministic, aligned with its masks, within its ranges, blind to the class."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from refundlens.datasets.degradations.apply import NAMED, Step, deliver, draw_chain, load_tables
from refundlens.model.photo.image import read_photo

FLAT_TABLES = [[6] * 64, [9] * 64]


@pytest.fixture
def photo() -> NDArray[np.uint8]:
    """A smooth colourful picture, 160 x 120."""
    y, x = np.mgrid[:160, :120].astype(np.float32)
    waves = [np.sin(x / 9 + k) + np.cos(y / (11 + k)) for k in range(3)]
    return np.stack([127 + 50 * wave for wave in waves], axis=-1).astype(np.uint8)


@pytest.mark.parametrize("name", sorted(NAMED))
def test_named_chain_is_decodable_and_repeats_itself(name: str, photo: NDArray[np.uint8]) -> None:
    first, second = deliver(photo, NAMED[name]), deliver(photo, NAMED[name])
    assert first.data == second.data
    with Image.open(io.BytesIO(first.data)) as image:
        assert {"JPEG": ".jpg", "PNG": ".png", "WEBP": ".webp"}[image.format or ""] == first.suffix
        assert np.array_equal(np.array(image.convert("RGB")), first.pixels)


def test_png_keeps_every_pixel(photo: NDArray[np.uint8]) -> None:
    assert np.array_equal(deliver(photo, NAMED["png"]).pixels, photo)
    assert np.array_equal(deliver(photo, []).pixels, photo)


def test_named_sizes() -> None:
    large = np.full((900, 1500, 3), 90, np.uint8)
    small = large[:300, :500]
    assert max(deliver(large, NAMED["q75_720"]).pixels.shape) == 720
    assert max(deliver(small, NAMED["q75_720"]).pixels.shape) == 500
    assert max(deliver(large, NAMED["q60_768"]).pixels.shape) == 768
    assert max(deliver(small, NAMED["upscaled_1280"]).pixels.shape) == 1280
    assert deliver(small, NAMED["double_jpeg"]).pixels.shape == (292, 493, 3)


def test_drawn_chain_repeats_itself(photo: NDArray[np.uint8]) -> None:
    for seed in range(20):
        chains = [draw_chain(np.random.default_rng(seed), 160) for _ in range(2)]
        assert chains[0] == chains[1] == json.loads(json.dumps(chains[0]))
        assert deliver(photo, chains[0]).data == deliver(photo, chains[1]).data


@pytest.mark.parametrize("seed", range(60))
def test_masks_stay_on_the_pixels(seed: int) -> None:
    """A white square on black and its mask end up in the same place, whatever the chain."""
    marker = np.zeros((320, 260, 3), np.uint8)
    marker[90:230, 80:170] = 255
    mask = (marker[..., 0] > 0).astype(np.float32)
    rng = np.random.default_rng(seed)
    chain = draw_chain(rng, 320)
    for step in chain:
        if step["step"] == "screenshot":
            step["background"] = 0
    sent = deliver(marker, chain, [mask, 1 - mask])
    assert sent.masks[0].shape == sent.masks[1].shape == sent.pixels.shape[:2]
    assert sent.masks[0].dtype == np.float32
    rows, columns = np.nonzero(sent.masks[0] > 0.5)
    inside = sent.pixels[..., 1] > 127
    inside[: max(0, rows.min() - 8)] = False  # the phone's own white ink lies far above and below
    inside[rows.max() + 9 :] = False
    seen_rows, seen_columns = np.nonzero(inside)
    for found, expected in ((seen_rows, rows), (seen_columns, columns)):
        assert abs(int(found.min()) - int(expected.min())) <= 1
        assert abs(int(found.max()) - int(expected.max())) <= 1


def test_chain_stays_within_its_ranges() -> None:
    rng = np.random.default_rng(3)
    steps = [step for _ in range(600) for step in draw_chain(rng, 533)]
    sizes = [step["long_side"] for step in steps if step["step"] == "resize"]
    qualities = [step["quality"] for step in steps if step["step"] == "jpeg"]
    assert min(sizes) >= 240 and max(sizes) <= 1.3 * 533 + 1
    assert min(qualities) >= 30 and max(qualities) <= 97
    assert min(qualities) < 40 and max(qualities) > 90
    assert {step["step"] for step in steps} == {"resize", "crop", "screenshot", "jpeg", "webp", "png"}


def test_careful_chain_is_clean() -> None:
    rng = np.random.default_rng(4)
    for _ in range(200):
        chain = draw_chain(rng, 800, harshness=0.0)
        assert len(chain) <= 2 and {step["step"] for step in chain} <= {"resize", "jpeg", "webp", "png"}
        assert all(step.get("quality", 100) >= 90 and step.get("long_side", 800) >= 640 for step in chain)


@pytest.mark.parametrize("long_side", [100, 240, 6000])
def test_extreme_sizes_are_brought_into_reach(long_side: int) -> None:
    rng = np.random.default_rng(5)
    for _ in range(100):
        resizes = [step["long_side"] for step in draw_chain(rng, long_side) if step["step"] == "resize"]
        assert all(min(long_side, 240) <= size <= 2000 for size in resizes)


def test_jpeg_writes_the_given_tables(photo: NDArray[np.uint8]) -> None:
    ramp = [list(range(1, 65)), list(range(64, 128))]
    sent = deliver(photo, [{"step": "jpeg", "tables": ramp, "subsampling": "4:4:4"}])
    with Image.open(io.BytesIO(sent.data)) as image:
        assert [list(table) for table in image.quantization.values()] == ramp


def test_measured_tables_are_read_and_used(tmp_path: Path) -> None:
    path = tmp_path / "tables.json"
    grey = {"tables": {"0": FLAT_TABLES[0]}, "subsampling": "1x1", "q_est": 80, "n": 9}
    odd = {"tables": {"0": FLAT_TABLES[0], "1": FLAT_TABLES[1]}, "subsampling": "1x2", "q_est": 80, "n": 9}
    good = {**odd, "subsampling": "2x2"}
    path.write_text(json.dumps([grey, odd, good]))
    tables = load_tables(path)
    assert [entry.subsampling for entry in tables] == ["4:2:0"]
    rng = np.random.default_rng(6)
    used = [
        step["tables"] for _ in range(20) for step in draw_chain(rng, 400, tables=tables) if "tables" in step
    ]
    assert used and all(table == FLAT_TABLES for table in used)


def test_unknown_step_and_misfit_mask_are_refused(photo: NDArray[np.uint8]) -> None:
    with pytest.raises(ValueError, match="unknown delivery step"):
        deliver(photo, [{"step": "fax"}, {"step": "png"}])
    with pytest.raises(ValueError, match="every mask"):
        deliver(photo, NAMED["png"], [np.zeros((3, 3), np.float32)])


@pytest.mark.parametrize(
    ("step", "suffix", "form"),
    [
        ({"step": "heic", "quality": 80}, ".heic", "heic"),
        ({"step": "avif", "quality": 80}, ".avif", "avif"),
        ({"step": "gif"}, ".gif", "gif"),
    ],
)
def test_phones_and_pages_other_formats_are_written_and_read_alike(
    step: Step, suffix: str, form: str
) -> None:
    ramp = np.linspace(0, 255, 96)[None, :, None] * np.ones((64, 1, 3))
    sent = deliver(ramp.astype(np.uint8), [step])
    photo = read_photo(sent.data)
    assert (sent.suffix, photo.format) == (suffix, form)
    assert np.array_equal(photo.pixels, sent.pixels)
    assert np.abs(photo.pixels.astype(int) - ramp).mean() < 6
