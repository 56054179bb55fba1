"""Valid but odd: files whose containers are written askew, labels in spellings that no standard foresees, and the other
way round, words and blocks that say less than they seem to."""

import base64
import json
import struct
from collections.abc import Callable

import pytest

from refundlens.model.photo.formats import describe
from refundlens.model.photo.image import ImageError, read_photo
from refundlens.model.photo.metadata import MOST_TEXTS, read_metadata
from refundlens.model.photo.xmp import read_xmp
from tests.model.photo import build
from tests.model.photo.test_variations import TEXT_PLACES, said

_TYPE = f"{build.SOURCE}trainedAlgorithmicMedia"
_PROPERTY = "Iptc4xmpExt:DigitalSourceType"
_XAP = b"http://ns.adobe.com/xap/1.0/\0"
_LABEL = {"Label": "1", "ContentProducer": "001191110102MACQD9K64010000", "ProduceID": "x"}
_WRAPPED = json.dumps({"AIGC": _LABEL})
_FULL_WIDTH = str.maketrans({"{": "｛", "}": "｝", ":": "：", ",": "，", '"': "＂"})


def _jpeg(*segments: tuple[int, bytes]) -> bytes:
    return build.with_segments(*segments)


def _gimp() -> bytes:
    return _jpeg((0xE1, b"Exif\0\0" + build.exif()))


def _behind_start(data: bytes, more: bytes) -> bytes:
    return data[:2] + more + data[2:]


def _changed(data: bytes, at: int, content: bytes) -> bytes:
    return data[:at] + content + data[at + len(content) :]


def _png_chunk(kind: bytes, content: bytes) -> bytes:
    return build.png(None, (kind, content))


WHOLE: dict[str, Callable[[], bytes]] = {
    "a jpeg segment of no length": lambda: _behind_start(_gimp(), b"\xff\xe1\0\0"),
    "a jpeg segment of one byte": lambda: _behind_start(_gimp(), b"\xff\xe1\0\1"),
    "an empty jpeg segment": lambda: _behind_start(_gimp(), b"\xff\xe1\0\2"),
    "an empty comment": lambda: _behind_start(_gimp(), b"\xff\xfe\0\2"),
    "fill bytes": lambda: _behind_start(_gimp(), b"\xff\xff\xff\xff"),
    "a png header with a wrong checksum": lambda: _changed(build.png({"Software": "GIMP 2.10"}), 29, b"\0\0\0\0"),
    "a webp of no length": lambda: _changed(build.webp((b"EXIF", build.exif())), 4, b"\0\0\0\0"),
    "a webp of any length": lambda: _changed(build.webp((b"EXIF", build.exif())), 4, b"\xff\xff\xff\xff"),
    "exif twice prefixed": lambda: _jpeg((0xE1, b"Exif\0\0Exif\0\0" + build.exif())),
    "exif with another padding": lambda: _jpeg((0xE1, b"Exif\0\xff" + build.exif())),
    "exif in capitals": lambda: _jpeg((0xE1, b"EXIF\0\0" + build.exif())),
    "exif in a chunk of an older name": lambda: _png_chunk(b"exIf", build.exif()),
    "a chunk of a webp's own": lambda: build.webp((b"EXI2", b"Exif\0\0" + build.exif())),
}  # fmt: skip


@pytest.mark.parametrize("write", WHOLE.values(), ids=WHOLE)
def test_a_file_written_askew_is_judged_and_read(write: Callable[[], bytes]) -> None:
    text = said(write())
    assert "GIMP" in text
    assert "metadata.unread" not in text


def test_a_webp_that_counts_its_own_header_is_judged() -> None:
    data = build.webp((b"EXIF", build.exif()))
    assert "GIMP" in said(_changed(data, 4, struct.pack("<I", len(data))))


@pytest.mark.parametrize("padding", [b"", b"\0"])
def test_a_webp_that_does_not_count_its_last_padding_is_judged(padding: bytes) -> None:
    chunk = b"XMP " + struct.pack("<I", 3) + b"odd"
    data = build.webp() + chunk
    assert read_photo(_changed(data, 4, struct.pack("<I", len(data) - 8)) + padding).width == 192


@pytest.mark.parametrize("interlaced", [False, True])
def test_a_png_whose_pixels_do_not_fit_its_header_stays_refused(interlaced: bool) -> None:
    data = build.saved("PNG")
    data = _changed(data, 28, b"\1") if interlaced else _changed(data, 16, struct.pack(">I", 200))
    with pytest.raises(ImageError):
        read_photo(data)


@pytest.mark.parametrize("write, name", [(_gimp, "JPEG"), (lambda: build.png(), "PNG")])
def test_bytes_before_a_picture_are_named(write: Callable[[], bytes], name: str) -> None:
    assert describe(b"\r\n" + write()) == f"a damaged {name} picture (2 other bytes stand before it)"


def _described(reference: str, node: str) -> bytes:
    packet = build.xmp(f"<{_PROPERTY} {reference}/>")
    return packet.replace(b"</rdf:RDF>", node.encode() + b"</rdf:RDF>")


PACKETS = {
    "node by name": _described(
        'rdf:nodeID="a"', f'<rdf:Description rdf:nodeID="a"><rdf:value>{_TYPE}</rdf:value></rdf:Description>'
    ),
    "node by fragment": _described('rdf:resource="#a"', f'<rdf:Description rdf:ID="a" rdf:value="{_TYPE}"/>'),
    "resource of a type": build.xmp(f'<{_PROPERTY}><Iptc4xmpExt:Code rdf:about="{_TYPE}"/></{_PROPERTY}>'),
    "term of a vocabulary": build.xmp(
        f'<{_PROPERTY} rdf:parseType="Resource"><Iptc4xmpExt:CvTermId>{_TYPE}</Iptc4xmpExt:CvTermId></{_PROPERTY}>'
    ),
    "small letters": build.xmp(f"<Iptc4xmpExt:digitalsourcetype>{_TYPE}</Iptc4xmpExt:digitalsourcetype>"),
    "bare document type": b"<!DOCTYPE x>" + build.source_xmp(),
}  # fmt: skip


@pytest.mark.parametrize("packet", PACKETS.values(), ids=PACKETS)
def test_a_source_type_however_rdf_writes_it(packet: bytes) -> None:
    assert "“trainedAlgorithmicMedia”" in said(_jpeg((0xE1, _XAP + packet)))


PLACES: dict[str, Callable[[bytes], bytes]] = {
    "comment, two bytes a letter": lambda packet: _jpeg((0xFE, packet.decode().encode("utf-16"))),
    "address without its end": lambda packet: _jpeg((0xE1, _XAP[:-1] + packet)),
    "no address": lambda packet: _jpeg((0xE1, packet)),
    "a name of the writer's": lambda packet: _jpeg((0xE1, b"XMP\0" + packet)),
    "webp chunk of another name": lambda packet: build.webp((b"XMP\0", packet)),
}
"""Where XMP is met and where the standard does not put it."""


@pytest.mark.parametrize("write", PLACES.values(), ids=PLACES)
def test_xmp_is_known_by_what_it_is(write: Callable[[bytes], bytes]) -> None:
    assert "“trainedAlgorithmicMedia”" in said(write(build.source_xmp()))


IPTC = {
    "records without resources": b"Photoshop 3.0\0" + build.iptc(),
    "records alone": build.iptc(),
    "resources alone": build.resource(0x0404, build.iptc()),
    "records with their character set": b"\x1c\x01\x5a\0\x03\x1b%G" + build.iptc(),
}


@pytest.mark.parametrize("content", IPTC.values(), ids=IPTC)
def test_iptc_without_what_should_stand_before_it(content: bytes) -> None:
    assert "metadata.generator_name" in said(_jpeg((0xED, content)))


def test_resources_that_are_none_are_not_called_nothing() -> None:
    assert "metadata.unread" in said(_jpeg((0xED, b"Photoshop 3.0\0something else")))
    assert "metadata.none" in said(_jpeg((0xED, b"Photoshop 3.0\0")))


def test_a_source_type_as_a_text_of_png() -> None:
    assert "“trainedAlgorithmicMedia”" in said(build.png({"DigitalSourceType": _TYPE}))


def test_nodes_that_refer_to_each_other_end() -> None:
    links = "".join(f'<rdf:Description rdf:nodeID="{a}"><rdf:value rdf:nodeID="{b}"/><rdf:li rdf:nodeID="{b}"/>'
                    "</rdf:Description>" for a, b in ("ab", "ba"))  # fmt: skip
    found = read_xmp(
        build.xmp(f'<{_PROPERTY} rdf:nodeID="a"/>').replace(b"</rdf:RDF>", links.encode() + b"</rdf:RDF>")
    )
    assert found.whole
    assert found.values("DigitalSourceType") == []


@pytest.mark.parametrize("write", TEXT_PLACES.values(), ids=TEXT_PLACES)
def test_a_label_in_full_width_marks(write: Callable[[str], bytes]) -> None:
    assert "Doubao" in said(write(_WRAPPED.translate(_FULL_WIDTH)))


LABELS = {
    "unquoted keys": "{AIGC:{Label:'1',ContentProducer:'001191110102MACQD9K64010000'}}",
    "settings": "AIGC: Label=1; ContentProducer=001191110102MACQD9K64010000",
    "query": "AIGC=Label:1,ContentProducer:001191110102MACQD9K64010000,ProduceID:1",
    "cut off": _WRAPPED[:80],
    "comma too many": _WRAPPED[:-2] + ",}}",
    "a number with a fraction": json.dumps({"AIGC": {**_LABEL, "Label": 1.0}}),
    "two digits": json.dumps({"AIGC": {**_LABEL, "Label": "01"}}),
    "base64": base64.b64encode(_WRAPPED.encode()).decode(),
}  # fmt: skip


@pytest.mark.parametrize("text", LABELS.values(), ids=LABELS)
@pytest.mark.parametrize("place", ["png comment", "exif comment", "iptc caption"])
def test_a_label_that_is_no_json_or_nearly(text: str, place: str) -> None:
    found = said(TEXT_PLACES[place](text))
    assert "label.generated" in found
    assert "Doubao" in found


BLOCKS: dict[str, Callable[[bytes], bytes]] = {
    "jpeg segment": lambda label: _jpeg((0xEA, b"AIGC\0" + b'{"AIGC":' + label + b"}")),
    "webp chunk": lambda label: build.webp((b"AIGC", label)),
    "png chunk": lambda label: _png_chunk(b"aiGc", label),
    "exif history": lambda label: _jpeg(
        (0xE1, b"Exif\0\0" + build.tiff_block({0x9213: (2, b'{"AIGC":' + label + b"}\0")}))
    ),
}  # fmt: skip


@pytest.mark.parametrize("write", BLOCKS.values(), ids=BLOCKS)
def test_a_label_in_a_block_of_its_own(write: Callable[[bytes], bytes]) -> None:
    assert "label.generated" in said(write(json.dumps(_LABEL).encode()))


@pytest.mark.parametrize(
    "text",
    ["AIGC course, Label: Sony", "AIGC 培训，Label：1", '{"Label": "1"}', "ContentProducer: me", "｛Label｝"],
)
def test_words_that_are_no_label(text: str) -> None:
    assert "aigc" not in said(build.png({"Comment": text})).replace(text, "")


def test_an_empty_label_is_none() -> None:
    packet = build.xmp("<TC260:Label/><TC260:ContentProducer> </TC260:ContentProducer>")
    assert "aigc" not in said(_jpeg((0xE1, _XAP + packet)))


def test_an_unknown_block_with_other_content_is_named() -> None:
    assert "metadata.unread" in said(_png_chunk(b"abCd", b"some bytes"))
    assert "metadata.unread" in said(_jpeg((0xE5, b"some bytes")))


@pytest.mark.parametrize("key", ["software", "SOFTWARE", "Model", "Generated by"])
def test_names_of_png_texts_in_any_case(key: str) -> None:
    assert "metadata.generator_name" in said(build.png({key: "Midjourney"}))


def test_a_second_exif_block_that_says_something_else_is_heard() -> None:
    def block(name: str) -> tuple[int, bytes]:
        return 0xE1, b"Exif\0\0" + build.exif(name)

    assert "Midjourney" in said(_jpeg(block("Camera 1.0"), block("Midjourney")))
    assert "Camera 1.0" in said(_jpeg(block("Camera 1.0"), block("Camera 1.0")))


def test_of_thousands_of_exif_blocks_as_many_texts_are_kept_as_of_others() -> None:
    """Each copied what all before it had said: 8,000 took 2 s of a processor."""

    def blocks(count: int) -> bytes:
        names = (f"Editor {number:06}".encode() + b"\0" for number in range(count))
        head = b"Exif\0\0II*\0\x08\0\0\0"
        return _jpeg(
            *((0xE1, head + struct.pack("<HHHIII", 1, 0x0131, 2, 14, 26, 0) + name) for name in names)
        )

    kept = read_metadata(read_photo(blocks(2_000)))
    assert len(kept.exif.texts) == MOST_TEXTS and kept.unread
    few = read_metadata(read_photo(blocks(20)))
    assert len(few.exif.texts) == 20 and not few.unread


def test_a_name_in_the_preview_s_directory_is_heard() -> None:
    first = struct.pack("<HHHIHHI", 1, 0x0112, 3, 1, 1, 0, 26)
    second = struct.pack("<HHHIII", 1, 0x0131, 2, 11, 44, 0) + b"Midjourney\0"
    found = said(_jpeg((0xE1, b"Exif\0\0II*\0\x08\0\0\0" + first + second)))
    assert "metadata.generator_name" in found


def test_credentials_whose_segments_stand_twice() -> None:
    parts = build.in_app11(build.store(), size=200)
    assert "“trainedAlgorithmicMedia”" in said(_jpeg(*parts, *parts))


@pytest.mark.parametrize(
    "value",
    [f"{_TYPE}.json", _TYPE.replace("type/", "type//"), json.dumps({"uri": _TYPE}), f"{_TYPE}.html#top"],
)
def test_a_source_type_in_an_odd_address(value: str) -> None:
    packet = build.xmp(f"<{_PROPERTY}>{value}</{_PROPERTY}>")
    assert "“trainedAlgorithmicMedia”" in said(_jpeg((0xE1, _XAP + packet)))


@pytest.mark.parametrize(
    "value", ["Keine", "Ninguno", "aucune", "Nenhuma", "なし", "нет", "yok", "无", "Nicht verwendet"]
)
@pytest.mark.parametrize("kind", ["AISystemUsed", "AIPromptInformation"])
def test_an_ai_field_that_says_none_in_another_language(kind: str, value: str) -> None:
    packet = build.xmp(f"<Iptc4xmpExt:{kind}>{value}</Iptc4xmpExt:{kind}>")
    assert "metadata.ai_" not in said(_jpeg((0xE1, _XAP + packet)))


@pytest.mark.parametrize("prefix", ["workflow\0", "prompt=", "Workflow ", "prompt:"])
def test_a_workflow_behind_any_prefix(prefix: str) -> None:
    graph = json.dumps({"3": {"class_type": "KSampler", "inputs": {}}})
    block = build.tiff_block({0x010F: (2, (prefix + graph).encode() + b"\0")})
    found = said(_jpeg((0xE1, b"Exif\0\0" + block)))
    assert "ComfyUI" in found and "metadata.device" not in found


@pytest.mark.parametrize("signature", ["A-_" * 30, "A+/" * 30])
def test_grok_s_signature_in_either_base64(signature: str) -> None:
    artist = b"12345678-1234-1234-1234-123456789abc\0"
    block = build.tiff_block({0x010E: (2, f"Signature: {signature}".encode() + b"\0"), 0x013B: (2, artist)})
    assert "xAI Grok" in said(_jpeg((0xE1, b"Exif\0\0" + block)))


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("Mit Google AI erstellt", "generator_name"), ("Hecho con la IA de Google", "generator_name"),
        ("使用 Google AI 编辑", "generative_edit"), ("Google AI で編集", "generative_edit"),
        ("Edited with Google AI", "generative_edit"),
    ],
)  # fmt: skip
def test_google_s_credit_in_other_languages(line: str, code: str) -> None:
    packet = build.xmp(f"<photoshop:Credit>{line}</photoshop:Credit>")
    assert f"metadata.{code}" in said(_jpeg((0xE1, _XAP + packet)))
    assert "metadata.gener" not in said(
        _jpeg((0xE1, _XAP + build.xmp("<photoshop:Credit>No Google AI</photoshop:Credit>")))
    )


@pytest.mark.parametrize("step", [
    "创成式填充", "生成塗りつぶし", "생성형 채우기", "Generative Füllung", "Remplissage génératif",
    "Relleno generativo", "Preenchimento generativo", "Riempimento generativo", "Генеративная заливка", "Üretken Dolgu",
])  # fmt: skip
def test_a_generative_step_in_photoshop_of_other_languages(step: str) -> None:
    packet = build.xmp(f"<photoshop:History>2026-11-30&#x9;{step}&#xA;</photoshop:History>")
    assert "metadata.generative_edit" in said(_jpeg((0xE1, _XAP + packet)))


@pytest.mark.parametrize("step", ["填充", "塗りつぶし", "Füllung", "Remplissage", "Заливка", "Crop"])
def test_a_plain_step_in_photoshop(step: str) -> None:
    packet = build.xmp(f"<photoshop:History>2026-11-30&#x9;{step}&#xA;</photoshop:History>")
    assert "metadata.generative_edit" not in said(_jpeg((0xE1, _XAP + packet)))


@pytest.mark.parametrize(("kind", "code"), [(1, "generative_edit"), (0, "editing_software")])
def test_samsung_s_record_of_a_crop_is_an_editor_s(kind: int, code: str) -> None:
    found = said(build.saved("JPEG") + b'PhotoEditor_Re_Edit_Data{"genAIType":%d}SEFT' % kind)
    assert f"metadata.{code}" in found and "metadata.none" not in found


@pytest.mark.parametrize(
    "keywords", ["shirt;AI generated;hole", "shirt, AI-generated, hole", "shirt|generative AI"]
)
def test_a_keyword_among_others(keywords: str) -> None:
    block = build.tiff_block({0x9C9E: (1, keywords.encode("utf-16-le"))})
    assert "metadata.generator_name" in said(_jpeg((0xE1, b"Exif\0\0" + block)))
    assert "metadata.gener" not in said(
        build.png({"Keywords": "shirt; not AI generated; AI-generated-looking"})
    )


def test_flags_without_their_values_are_no_midjourney_s() -> None:
    assert "metadata.gener" not in said(build.png({"Description": "run tool --v 3 --seed"}))
    assert "Midjourney" in said(build.png({"Description": "a torn shirt --v 7 --seed 12"}))


@pytest.mark.parametrize(
    "name",
    ["Imagen 5", "Kling O1", "gen4_image", "reve-1", "Samsung Drawing Assist", "Image Wand", "Xiaomi AI Editor",
     "OPPO AI 消除", "Meitu RoboNeo", "FaceApp AI", "BeFunky AI"],
)  # fmt: skip
def test_tools_that_came_later(name: str) -> None:
    assert "metadata.generat" in said(build.png(None, (b"iTXt", b"Software\0\0\0\0\0" + name.encode())))
