"""A live photo in one file is judged by its still; archives that are none, or lie, are refused in little time."""

import hashlib
import io
import resource
import struct
import time
import zipfile
import zlib
from collections.abc import Mapping

import numpy as np
import pytest

from refundlens.model.photo.image import ImageError, Limits, probe, read_photo, type_as_sent
from refundlens.model.photo.live_photo import MAX_FILES, still_of
from refundlens.model.photo.provenance import read_provenance
from tests.model.photo import build
from tests.model.photo.test_variations import _in_exif

MOVIE = b"\0\0\0\x14ftypqt  \0\0\0\0qt  \0\0\0\x08wide" + bytes(2000)


def _archive(files: Mapping[str, bytes], packing: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packing) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


def _refused(data: bytes, limits: Limits | None = None) -> ImageError:
    with pytest.raises(ImageError) as caught:
        read_photo(data, limits)
    return caught.value


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("HEIC", ("IMG_0001.HEIC", "IMG_0001.MOV")), ("JPEG", ("IMG_0001.HEIC.JPG", "IMG_0001.MOV")),
        ("JPEG", ("实况/照片.jpg", "实况/照片.mp4")), ("HEIC", ("a", "b")), ("PNG", ("IMG_0001.PNG", "IMG_0001.MOV")),
    ],
)  # fmt: skip
def test_the_still_is_judged(packing: int, kind: str, names: tuple[str, str]) -> None:
    still = build.saved(kind)
    for files in (
        {names[0]: still, names[1]: MOVIE}, {names[1]: MOVIE, names[0]: still}, {names[0]: still},
        {"__MACOSX/._" + names[0]: b"\0\5\x16\7" + bytes(90), names[0]: still, ".DS_Store": bytes(9), names[1]: MOVIE},
    ):  # fmt: skip
        data = _archive(files, packing)
        photo = read_photo(data)
        assert np.array_equal(photo.pixels, read_photo(still).pixels)
        assert photo.format == kind.lower() and probe(data) == probe(still)
        assert photo.sha256 == hashlib.sha256(data).hexdigest() and photo.notes[0] == "live_photo_still"
        assert type_as_sent(data, photo.format) == "application/zip"
    assert type_as_sent(still, "heic") == "image/heic"


def test_what_its_still_says_is_read_and_the_answer_says_which_part_was_judged() -> None:
    data = _archive({"IMG_1.JPG": _in_exif(software="即梦AI".encode()), "IMG_1.MOV": MOVIE})
    english, chinese = read_provenance(read_photo(data)), read_provenance(read_photo(data), "zh")
    assert {"metadata.generator_name", "file.live_photo_still"} <= {one.code for one in english}
    assert "实况照片" in " ".join(one.text for one in chinese)


@pytest.mark.parametrize(
    "files",
    [
        {"a.jpg": build.saved("JPEG"), "b.jpg": build.saved("JPEG")}, {"a.mov": MOVIE}, {"a.txt": b"nothing"}, {},
        {"word/document.xml": b"<w/>", "word/media/image1.png": build.saved("PNG")},
        {"a.jpg": build.saved("JPEG"), "a.mov": MOVIE, "b.mov": MOVIE},
        {"a.livp": _archive({"a.png": build.saved("PNG")})},
        {"a.jpg": build.saved("JPEG"), **{f"{index}.mov": MOVIE for index in range(MAX_FILES)}},
    ],
)  # fmt: skip
def test_another_archive_is_named_and_to_be_unpacked(files: dict[str, bytes]) -> None:
    error = _refused(_archive(files))
    assert error.code == "unsupported_format" and "archive" in error.message
    assert ("unpack it and upload the photo in it" in error.message) == bool(files)


def test_one_that_is_cut_off_or_damaged_is_no_photo() -> None:
    whole = _archive({"IMG_1.HEIC": build.saved("HEIC"), "IMG_1.MOV": MOVIE}, zipfile.ZIP_DEFLATED)
    for share in (0.1, 0.5, 0.9, 0.99):
        error = _refused(whole[: int(share * len(whole))])
        assert error.code == "unsupported_format" and "cut off" in error.message, share
    for at in range(30, len(whole), 7):
        damaged = whole[:at] + bytes((whole[at] ^ 0x55,)) + whole[at + 1 :]
        try:
            assert read_photo(damaged).format == "heic"
        except ImageError as error:
            assert len(error.message) > 20


def test_encrypted_and_strangely_packed_ones_are_not_opened() -> None:
    still = {"a.jpg": build.saved("JPEG")}
    assert still_of(_archive(still, zipfile.ZIP_LZMA), 1 << 20) is None
    assert still_of(_archive(still, zipfile.ZIP_BZIP2), 1 << 20) is None
    plain = bytearray(_archive(still))
    plain[plain.rfind(b"PK\1\2") + 8] |= 1
    assert still_of(bytes(plain), 1 << 20) is None


def _nameless(data: bytes) -> bytes:
    """The archive with names of one letter taken for an extra field, so that no file has a name."""
    for start, at in ((b"PK\3\4", 26), (b"PK\1\2", 28)):
        data = data.replace(start, start + b"?")
        parts = data.split(start + b"?")
        data = start.join([parts[0], *(p[: at - 4] + b"\0\0\1\0" + p[at:] for p in parts[1:])])
    return data


def test_files_without_a_name_are_judged_like_others() -> None:
    still = build.saved("PNG")
    data = _nameless(_archive({"a": still, "b": MOVIE}))
    assert [one.filename for one in zipfile.ZipFile(io.BytesIO(data)).infolist()] == ["", ""]
    assert np.array_equal(read_photo(data).pixels, read_photo(still).pixels)


def test_damaged_archives_never_raise_anything_else() -> None:
    random = np.random.default_rng(14)
    for packing in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        seed = _archive({"a": build.saved("JPEG", build.picture(size=(40, 40))), "b": MOVIE}, packing)
        for data in build.mutants(seed, 200, random) + build.mutants(_nameless(seed), 200, random):
            still_of(data, 1 << 16)


@pytest.mark.slow
def test_a_bomb_is_refused_before_it_is_unpacked() -> None:
    bomb = _archive({"a.png": build.saved("PNG") + bytes(1 << 27)}, zipfile.ZIP_DEFLATED)
    assert len(bomb) < 2 << 20
    before, began = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    assert _refused(bomb).code == "too_many_bytes"
    assert time.process_time() - began < 1
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024 < 96
    assert _refused(_archive({"a.png": build.saved("PNG")}), Limits(max_bytes=300)).code == "too_many_bytes"


def test_an_archive_of_many_files_is_not_listed() -> None:
    one = b"PK\1\2" + struct.pack("<6H3L5H2L", 20, 20, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    count = 200_000
    listed = b"PK\3\4" + one * count
    wide = (0, 0, count, count, len(one) * count, 4)
    hidden = struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, *wide)
    hidden += struct.pack("<4sLQL", b"PK\6\7", 0, len(listed), 1)  # ZIP64's, which libraries believe first
    for said, before in ((count & 0xFFFF, b""), (1, b""), (1, hidden)):  # what it says is not what it has
        size = 64 if before else len(one) * count
        end = before + struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, said, said, size, 4, 0)
        began = time.process_time()
        assert _refused(listed + end).code == "unsupported_format"
        assert time.process_time() - began < 0.2


def test_entries_that_lie_about_their_size_give_no_more_than_asked() -> None:
    still = build.saved("PNG") + zlib.compress(bytes(99)) * 1000
    assert len(still_of(_archive({"a.png": still}, zipfile.ZIP_DEFLATED), 5000) or b"") == 5001
