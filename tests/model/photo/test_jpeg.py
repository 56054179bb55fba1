"""What a JPEG's header tells, and that no bytes break the reader."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from refundlens.model.photo.exif import read_exif
from refundlens.model.photo.jpeg import end_of_image, estimate_quality, ijg_tables, parse_jpeg


def _jpeg(**options: object) -> bytes:
    noise = np.random.default_rng(3).integers(0, 256, (40, 56, 3), dtype=np.uint8)
    out = io.BytesIO()
    Image.fromarray(noise).save(out, "JPEG", **options)
    return out.getvalue()


def _segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + (len(body) + 2).to_bytes(2, "big") + body


@pytest.mark.parametrize("quality", range(1, 101, 3))
def test_quality_of_libjpeg_files_is_exact(quality: int) -> None:
    facts = parse_jpeg(_jpeg(quality=quality))
    assert facts is not None
    assert (facts.quality, facts.exact_quality) == (quality, True)


def test_tables_are_those_that_pillow_reads() -> None:
    data = _jpeg(quality=77)
    facts = parse_jpeg(data)
    image = Image.open(io.BytesIO(data))
    assert facts is not None
    read = [sorted(image.quantization[number]) for number in (0, 1)]  # type: ignore[attr-defined]
    assert [sorted(table) for table in facts.tables] == read
    assert facts.tables == tuple(tuple(int(step) for step in table[76]) for table in ijg_tables())


def test_other_makers_tables_get_the_nearest_quality() -> None:
    luma, chroma = (table[84].astype(float) for table in ijg_tables())
    rng = np.random.default_rng(0)
    altered = [np.maximum(np.rint(table * rng.uniform(0.9, 1.1, 64)), 1) for table in (luma, chroma)]
    quality, exact = estimate_quality(tuple(tuple(int(step) for step in table) for table in altered))
    assert not exact
    assert quality is not None
    assert abs(quality - 85) <= 1


@pytest.mark.parametrize(("option", "name"), [(0, "4:4:4"), (1, "4:2:2"), (2, "4:2:0")])
def test_subsampling(option: int, name: str) -> None:
    facts = parse_jpeg(_jpeg(subsampling=option))
    assert facts is not None
    assert facts.subsampling == name


def test_size_progressive_and_absent_metadata() -> None:
    facts = parse_jpeg(_jpeg(progressive=True))
    assert facts is not None
    assert (facts.width, facts.height, facts.components, facts.precision) == (56, 40, 3, 8)
    assert facts.progressive
    assert not facts.has_exif
    assert (facts.thumbnail, facts.exif_block) == (None, None)


def test_the_frame_is_read_and_not_the_thumbnail_in_a_segment_before_it() -> None:
    data = _jpeg()
    small = io.BytesIO()
    Image.new("RGB", (8, 8)).save(small, "JPEG")
    facts = parse_jpeg(data[:2] + _segment(0xE3, small.getvalue()) + data[2:])
    assert facts is not None
    assert (facts.width, facts.height) == (56, 40)


@pytest.mark.parametrize("progressive", [False, True])
def test_end_of_image_stops_before_the_trailer(progressive: bool) -> None:
    data = _jpeg(progressive=progressive)
    assert end_of_image(data + b"\xff\xd8trailer\xff\xd9") == len(data)
    assert end_of_image(data[:-2]) is None


def test_not_a_jpeg() -> None:
    assert parse_jpeg(b"") is None
    assert parse_jpeg(b"\x89PNG") is None
    assert parse_jpeg(_jpeg()[:40]) is None


@pytest.mark.parametrize("filler", [b"\xff", b"\xff\x00", b"\xff\x02\x00\x02", b"\x00"])
def test_hostile_filler_is_given_up_on(filler: bytes) -> None:
    data = b"\xff\xd8" + filler * (1 << 20)
    assert parse_jpeg(data) is None
    assert end_of_image(data) is None


_SEED = _jpeg(comment=b"hello")
_EDITS = st.lists(st.tuples(st.integers(0, len(_SEED) - 1), st.integers(0, 255)), max_size=12)


@settings(max_examples=120)
@given(_EDITS, st.integers(0, len(_SEED)))
def test_mutated_files_never_raise(edits: list[tuple[int, int]], kept: int) -> None:
    data = bytearray(_SEED)
    for at, value in edits:
        data[at] = value
    facts = parse_jpeg(bytes(data[:kept]))
    assert facts is None or facts.quality is None or 1 <= facts.quality <= 100


@settings(max_examples=120)
@given(st.binary(max_size=300), st.sampled_from([b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"]))
def test_random_exif_never_raises(block: bytes, start: bytes) -> None:
    assert 1 <= read_exif(start + block).orientation <= 8
