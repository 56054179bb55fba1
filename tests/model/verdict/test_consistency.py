"""What the photos of one claim say together, and that it stays silent where their files say nothing."""

from datetime import datetime

import pytest

from refundlens.model.detection import Reason
from refundlens.model.photo.image import read_photo
from refundlens.model.photo.provenance import read_provenance
from refundlens.model.verdict.consistency import Shot, consistency, shot_of
from tests.model.photo import build

_NOON = datetime(2026, 3, 1, 12)


def _codes(*shots: Shot, opened: datetime | None = None) -> dict[str, Reason]:
    return {reason.code: reason for reason in consistency(shots, opened, "en")}


def test_a_photo_says_its_camera_and_time() -> None:
    block = build.tiff_block(
        {0x010F: (2, b"Apple\0"), 0x0110: (2, b"iPhone 15\0")}, {0x9003: (2, b"2026:03:01 12:00:59\0")}
    )
    photo = read_photo(build.with_segments((0xE1, b"Exif\0\0" + block)))
    assert shot_of(read_provenance(photo)) == Shot("Apple iPhone 15", _NOON)


@pytest.mark.parametrize(
    "taken", [b"0000:00:00 00:00:00\0", b"2026:13:01 12:00:00\0", b"yesterday at noon\0", b"\0" * 20]
)
def test_a_time_that_is_none_is_not_told(taken: bytes) -> None:
    photo = read_photo(build.with_segments((0xE1, b"Exif\0\0" + build.tiff_block({}, {0x9003: (2, taken)}))))
    assert "metadata.taken" not in {reason.code for reason in read_provenance(photo)}


def test_cameras() -> None:
    assert _codes(Shot("A"), Shot("B"), Shot())["claim.cameras_differ"].details == {
        "count": 2,
        "cameras": ["A", "B"],
    }
    assert _codes(Shot("A"), Shot("A"), Shot())["claim.camera_agrees"].details == {"count": 2, "camera": "A"}
    assert _codes(Shot("A"), Shot()) == {}


def test_times() -> None:
    later = _NOON.replace(hour=14, minute=30)
    assert _codes(Shot(taken=_NOON), Shot(taken=later))["claim.times_agree"].details == {
        "count": 2,
        "hours": 3,
    }
    week = _NOON.replace(day=8)
    assert _codes(Shot(taken=week), Shot(taken=_NOON))["claim.times_apart"].details == {"days": 7}
    assert _codes(Shot(taken=_NOON), opened=_NOON.replace(month=4)) == {}
    old = _codes(Shot(taken=_NOON), opened=_NOON.replace(month=9))
    assert old["claim.taken_long_before"].details == {"days": 184}
