"""The table of places holds: for each of its entries a file is written, and its block is found and understood."""

import io
import struct
from collections.abc import Callable

import pillow_heif
import pytest
from PIL import Image, TiffImagePlugin

from refundlens.model.photo.blocks import PLACES
from refundlens.model.photo.image import read_photo
from refundlens.model.photo.metadata import metadata_blocks, read_metadata
from tests.model.photo import build

_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_MORE = b"http://ns.adobe.com/xmp/extension/\0"
_GUID = b"0123456789ABCDEF0123456789ABCDEF"


def _extended() -> bytes:
    packet = build.source_xmp()
    half = len(packet) // 2
    parts = [(0xE1, _XMP + build.xmp("")), *(
        (0xE1, _MORE + _GUID + struct.pack(">II", len(packet), at) + part)
        for at, part in ((half, packet[half:]), (0, packet[:half]))
    )]  # fmt: skip
    return build.with_segments(*parts)


def _tiff(tag: int, content: bytes, kind: int = 7) -> bytes:
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags.tagtype[tag] = kind
    tags[tag] = content
    return build.saved("TIFF", tiffinfo=tags)


def _heif(fmt: str, **options: object) -> bytes:
    return build.saved(fmt, **options) if fmt == "AVIF" else build.saved("HEIC", **options)


def _with_box(fmt: str, kind: bytes, content: bytes) -> bytes:
    return _heif(fmt) + build.box(kind, content)


_SAMSUNG = b'PhotoEditor_Re_Edit_Data{"genAIType":1}SEFT'
_UUID_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_UUID_C2PA = bytes.fromhex("d8fec3d61b0e483c92975828877ec481") + b"\0\0\0\0manifest\0" + bytes(8)
_EXIF = {"exif": b"Exif\0\0" + build.exif()}


def _of_heif(fmt: str) -> dict[str, Callable[[], bytes]]:
    return {
        "item Exif": lambda: _heif(fmt, **_EXIF),
        "item XMP": lambda: _heif(fmt, xmp=build.source_xmp()),
        "uuid XMP": lambda: _with_box(fmt, b"uuid", _UUID_XMP + build.source_xmp()),
        "uuid C2PA": lambda: _with_box(fmt, b"uuid", _UUID_C2PA + build.store()),
        "sefd": lambda: _with_box(fmt, b"sefd", _SAMSUNG),
        "trailer": lambda: _heif(fmt) + _SAMSUNG,
    }


FILES: dict[str, dict[str, Callable[[], bytes]]] = {
    "jpeg": {
        "APP1 Exif": lambda: build.with_segments((0xE1, b"Exif\0\0" + build.exif())),
        "APP1 XMP": lambda: build.with_segments((0xE1, _XMP + build.source_xmp())),
        "APP1 XMP extension": _extended,
        "APP11 JUMBF": lambda: build.with_segments(*build.in_app11(build.store())),
        "APP13 IPTC": lambda: build.with_segments(
            (0xED, b"Photoshop 3.0\0" + build.resource(0x03ED, b"abc") + build.resource(0x0404, build.iptc()))
        ),
        "APP13 XMP": lambda: build.with_segments(
            (0xED, b"Photoshop 3.0\0" + build.resource(0x0424, build.source_xmp()))
        ),
        "COM": lambda: build.with_segments((0xFE, b"Created with GIMP")),
        "trailer": lambda: build.saved("JPEG") + _SAMSUNG,
    },
    "png": {
        "eXIf": lambda: build.saved("PNG", exif=b"Exif\0\0" + build.exif()),
        "iTXt XMP": lambda: build.png({"XML:com.adobe.xmp": build.source_xmp().decode()}, packed=True),
        "caBX": lambda: build.png(None, (b"caBX", build.store())),
        "tEXt": lambda: build.png({"Software": "GIMP 2.10"}),
        "zTXt": lambda: build.png({"Software": "GIMP 2.10"}, packed=True),
        "iTXt": lambda: build.png(None, (b"iTXt", b"Software\0\0\0\0\0" + "美图秀秀".encode())),
        "raw profile exif": lambda: build.png(None, build.raw_profile("exif", b"Exif\0\0" + build.exif())),
        "raw profile app1": lambda: build.png(None, build.raw_profile("APP1", b"Exif\0\0" + build.exif())),
        "raw profile xmp": lambda: build.png(None, build.raw_profile("xmp", build.source_xmp())),
        "raw profile iptc": lambda: build.png(None, build.raw_profile("iptc", build.iptc())),
        "raw profile 8bim": lambda: build.png(
            None, build.raw_profile("8bim", build.resource(0x0404, build.iptc()), "IPTC profile")
        ),
        "trailer": lambda: build.png() + _SAMSUNG,
    },
    "webp": {
        "EXIF": lambda: build.webp((b"EXIF", build.exif())),
        "XMP": lambda: build.webp((b"XMP ", build.source_xmp())),
        "C2PA": lambda: build.webp((b"C2PA", build.store())),
        "trailer": lambda: build.webp() + _SAMSUNG,
    },
    "gif": {
        "application XMP": lambda: build.gif(build.gif_xmp(build.source_xmp())),
        "application C2PA": lambda: build.gif(
            b"\x21\xff\x0bC2PA_GIF\x01\0\0" + build.sub_blocks(build.store())
        ),
        "application IPTC": lambda: build.gif(
            b"\x21\xff\x0bMGK8BIM0000" + build.sub_blocks(build.resource(0x0404, build.iptc()))
        ),
        "comment": lambda: build.gif(b"\x21\xfe" + build.sub_blocks(b"Created with GIMP")),
        "trailer": lambda: build.gif() + _SAMSUNG,
    },
    "tiff": {
        "tags": lambda: _tiff(0x0131, "GIMP 2.10", 2),  # type: ignore[arg-type]
        "0x02BC XMP": lambda: _tiff(0x02BC, build.source_xmp()),
        "0x83BB IPTC": lambda: _tiff(0x83BB, build.iptc()),
        "0x8649 IPTC": lambda: _tiff(0x8649, build.resource(0x0404, build.iptc())),
        "0xCD41 C2PA": lambda: _tiff(0xCD41, build.store()),
    },
    "heic": _of_heif("HEIC"),
    "avif": _of_heif("AVIF"),
    "bmp": {"trailer": lambda: build.saved("BMP") + _SAMSUNG},
}


def test_every_place_of_the_table_has_a_file() -> None:
    assert {fmt: set(files) for fmt, files in FILES.items()} == {
        fmt: set(places) for fmt, places in PLACES.items()
    }


@pytest.mark.parametrize(
    ("fmt", "place"), [(fmt, place) for fmt, places in PLACES.items() for place in places]
)
def test_a_block_is_found_at_its_place_and_understood(fmt: str, place: str) -> None:
    photo = read_photo(FILES[fmt][place]())
    assert photo.format == fmt
    found = [block for block in metadata_blocks(photo) if block.place == place]
    assert [block.kind for block in found] == [PLACES[fmt][place]]
    said = read_metadata(photo)
    assert said.unread == ()
    assert {
        "exif": lambda: said.exif.texts["software"] == "GIMP 2.10",
        "xmp": lambda: build.SOURCE + "trainedAlgorithmicMedia" in said.xmp.values("DigitalSourceType"),
        "iptc": lambda: said.iptc == {"credit": "Made with Google AI"},
        "c2pa": lambda: said.c2pa == build.store(),
        "text": lambda: any("GIMP" in text or "美图" in text for text in said.texts.values()),
        "trailer": lambda: said.trailer == _SAMSUNG,
    }[PLACES[fmt][place]]()


@pytest.mark.parametrize("first", [0, 1])
def test_app11_parts_numbered_from_0_or_1_and_split_anywhere(first: int) -> None:
    photo = read_photo(build.with_segments(*build.in_app11(build.store(), first, size=200)))
    assert read_metadata(photo).c2pa == build.store()


def test_exif_over_64_kib_goes_on_in_the_next_segment() -> None:
    block = build.tiff_block({0x010E: (2, b"x" * 80_000 + b"\0"), 0x0131: (2, b"GIMP 2.10\0")})
    parts = [block[:65_000], block[65_000:]]
    photo = read_photo(build.with_segments(*((0xE1, b"Exif\0\0" + part) for part in parts)))
    assert read_metadata(photo).exif.texts["software"] == "GIMP 2.10"


@pytest.mark.parametrize("name", [b"Photoshop 3.0\0", b"Adobe_Photoshop2.5:"])
def test_photoshop_resources_over_64_kib_go_on_in_the_next_segment(name: bytes) -> None:
    record = build.resource(0x03ED, bytes(70_000)) + build.resource(0x0404, build.iptc())
    photo = read_photo(build.with_segments((0xED, name + record[:60_000]), (0xED, name + record[60_000:])))
    assert read_metadata(photo).iptc == {"credit": "Made with Google AI"}


@pytest.mark.parametrize(
    "data",
    [
        build.saved("JPEG") + b"\xff\xd9\xff\xd9", build.saved("JPEG") + b"\r\n", 2 * build.saved("JPEG"),
        build.saved("JPEG") + bytes(40) + build.saved("JPEG"), build.saved("JPEG") + bytes(3) + b"\x18ftypmp42",
        build.with_segments((0xEA, b"AROT" + bytes(20))), build.png(None, (b"caNv", bytes(16))),
        build.with_segments((0xE1, b"Exif\0\0II*\0\x08\0\0\0\1\0\x98\x82\2\0" + bytes(12))),
    ],
)  # fmt: skip
def test_padding_previews_and_empty_directories_are_no_unread_metadata(data: bytes) -> None:
    assert read_metadata(read_photo(data)).unread == ()


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (build.with_segments((0xE5, b"SOMETHING")), "APP5"),
        (build.with_segments((0xE1, b"Exif\0\0broken")), "APP1 Exif"),
        (build.with_segments((0xE1, _XMP + build.source_xmp()[:-60])), "APP1 XMP"),
        (build.png(None, (b"abCd", b"x")), "abCd"),
        (build.png(None, build.raw_profile("other", b"x")), "raw profile other"),
        (build.webp((b"ABCD", b"1234")), "ABCD"),
        (build.png(None, (b"caBX", b"chance bytes")), "caBX"),
        (build.with_segments(*build.in_app11(build.superbox(b"json", "other"))), "APP11 JUMBF"),
        (_with_box("HEIC", b"abcd", b"x"), "box abcd"),
        (_with_box("AVIF", b"jumb", b"x"), "box jumb"),
        (_tiff(0xCD41, b"chance bytes"), "0xCD41 C2PA"),
        (_tiff(0x02BC, build.source_xmp()[:-60]), "0x02BC XMP"),
        *(
            (build.saved(fmt) + b"a record that nobody knows", "trailer")
            for fmt in ("JPEG", "PNG", "WEBP", "HEIC", "AVIF", "GIF", "BMP")
        ),
        (build.saved("WEBP") + b"XMP \0\1\0\0" + build.source_xmp(), "trailer"),
        (build.gif(b"\x21\xff\x0bSOMEAPP0123" + build.sub_blocks(b"x")), "application SOMEAPP0123"),
    ],
)
def test_what_is_there_and_not_read_is_named(data: bytes, place: str) -> None:
    assert place in read_metadata(read_photo(data)).unread


def test_colours_pixels_and_previews_are_no_unread_metadata() -> None:
    out = io.BytesIO()
    Image.new("RGB", (40, 40)).save(out, "JPEG", icc_profile=b"x" * 100, dpi=(72, 72))
    assert read_metadata(read_photo(out.getvalue())).unread == ()
    heic = io.BytesIO()
    pillow_heif.from_pillow(build.picture()).save(heic)
    assert read_metadata(read_photo(heic.getvalue())).unread == ()
