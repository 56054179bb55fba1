"""Every kind of field case in the spellings, encodings and containers in which it is met; built here from bytes."""

import base64
import html
import io
import json
import struct
import zlib
from collections.abc import Callable

import pytest

from refundlens.model.photo.image import ImageError, read_photo
from refundlens.model.photo.provenance import read_provenance
from refundlens.model.verdict.policy import evidence_of
from tests.model.photo import build

Writer = Callable[[str], bytes]

_XAP = b"http://ns.adobe.com/xap/1.0/\0"
_TYPE = f"{build.SOURCE}trainedAlgorithmicMedia"
_PROPERTY = "Iptc4xmpExt:DigitalSourceType"
_SETTINGS = (
    "a shirt\nNegative prompt: blurry\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 512x512"
)
_LABEL = {
    "Label": "1",
    "ContentProducer": "001191110102MACQD9K64010000",
    "ProduceID": "x",
    "ReservedCode1": "",
}
_WRAPPED = json.dumps({"AIGC": _LABEL})
_TC260 = "http://www.tc260.org.cn/ns/AIGC/1.0/"


def said(data: bytes) -> str:
    """Codes, values and texts of what the file says, as one line to be searched."""
    reasons = read_provenance(read_photo(data))
    return " ".join(f"{one.code} {one.details} {one.text}" for one in reasons)


def _app1(packet: bytes) -> bytes:
    return build.with_segments((0xE1, _XAP + packet))


def _exif(tags: dict[int, bytes] | None = None, inner: dict[int, bytes] | None = None) -> bytes:
    return build.tiff_block(
        {tag: (7 if tag == 0x9C9C else 2, content) for tag, content in (tags or {}).items()},
        {tag: (7, content) for tag, content in (inner or {}).items()} if inner else None,
    )


def _in_exif(**fields: bytes) -> bytes:
    tags = {"description": 0x010E, "make": 0x010F, "model": 0x0110, "software": 0x0131, "artist": 0x013B,
            "copyright": 0x8298, "xp_comment": 0x9C9C}  # fmt: skip
    block = _exif({tags[name]: content + b"\0" for name, content in fields.items()})
    return build.with_segments((0xE1, b"Exif\0\0" + block))


def _in_iptc(number: int, text: str) -> bytes:
    return build.with_segments(
        (0xED, b"Photoshop 3.0\0" + build.resource(0x0404, build.dataset(number, text)))
    )


def _itxt(name: str, text: str) -> tuple[bytes, bytes]:
    return b"iTXt", name.encode() + b"\0\0\0\0\0" + text.encode()


XMP_CONTAINERS: dict[str, Callable[[bytes], bytes]] = {
    "jpeg": _app1,
    "png": lambda packet: build.png({"XML:com.adobe.xmp": packet.decode()}),
    "png, packed": lambda packet: build.png({"XML:com.adobe.xmp": packet.decode()}, packed=True),
    "png, other keyword": lambda packet: build.png({"XML:COM.ADOBE.XMP": packet.decode()}),
    "png, keyword xmp": lambda packet: build.png({"xmp": packet.decode()}),
    "png, zTXt": lambda packet: build.png(None, (b"zTXt", b"XML:com.adobe.xmp\0\0" + zlib.compress(packet))),
    "png, raw profile": lambda packet: build.png(None, build.raw_profile("APP1", _XAP + packet)),
    "webp": lambda packet: build.webp((b"EXIF", build.exif()), (b"XMP ", packet)),
    "gif": lambda packet: build.gif(build.gif_xmp(packet)),
    "gif, sub-blocks": lambda packet: build.gif(b"\x21\xff\x0bXMP DataXMP" + build.sub_blocks(packet)),
    "gif, behind the picture": lambda packet: build.gif()[:-1] + build.gif_xmp(packet) + b";",
    "heic": lambda packet: build.saved("HEIC", xmp=packet),
    "avif": lambda packet: build.saved("AVIF", xmp=packet),
    "exif tag": lambda packet: build.with_segments(
        (0xE1, b"Exif\0\0" + build.tiff_block({0x02BC: (1, packet)}))
    ),
    "comment": lambda packet: build.with_segments((0xFE, packet)),
}
TEXT_PLACES: dict[str, Writer] = {
    "exif comment": lambda text: build.with_segments(
        (0xE1, b"Exif\0\0" + _exif(inner={0x9286: b"ASCII\0\0\0" + text.encode()}))
    ),
    "exif comment, utf-16": lambda text: build.with_segments(
        (0xE1, b"Exif\0\0" + _exif(inner={0x9286: b"UNICODE\0" + text.encode("utf-16-be")}))
    ),
    "exif description": lambda text: _in_exif(description=text.encode()),
    "exif xp comment": lambda text: _in_exif(xp_comment=text.encode("utf-16-le") + b"\0"),
    "exif artist": lambda text: _in_exif(artist=text.encode()),
    "webp exif": lambda text: build.webp(
        (b"EXIF", _exif(inner={0x9286: b"UNICODE\0" + text.encode("utf-16-le")}))
    ),
    "png comment": lambda text: build.png(None, _itxt("Comment", text)),
    "png description, packed": lambda text: build.png({"Description": text}, packed=True),
    "jpeg comment": lambda text: build.with_segments((0xFE, text.encode())),
    "gif comment": lambda text: build.gif(b"\x21\xfe" + build.sub_blocks(text.encode())),
    "iptc caption": lambda text: _in_iptc(120, text),
}
"""Where free text lies: a label or settings count in each, an innocent word in none."""

SPELLINGS = {
    "single quotes": f"<rdf:Description {_PROPERTY}='{_TYPE}'/>",
    "spaces": f'<rdf:Description {_PROPERTY} = "  {_TYPE}  "/>',
    "resource": f'<{_PROPERTY} rdf:resource="{_TYPE}"/>',
    "value": f'<{_PROPERTY} rdf:parseType="Resource"><rdf:value>{_TYPE}</rdf:value></{_PROPERTY}>',
    "value, as attribute": f'<{_PROPERTY}><rdf:Description rdf:value="{_TYPE}"/></{_PROPERTY}>',
    "described resource": f'<{_PROPERTY}><rdf:Description rdf:about="{_TYPE}"/></{_PROPERTY}>',
    "bag": f"<{_PROPERTY}><rdf:Bag><rdf:li>{_TYPE}</rdf:li></rdf:Bag></{_PROPERTY}>",
    "bag of resources": f"<{_PROPERTY}><rdf:Bag><rdf:li rdf:resource='{_TYPE}'/></rdf:Bag></{_PROPERTY}>",
    "in a struct": f"<a:b xmlns:a='a'><rdf:Bag><rdf:li><{_PROPERTY}>{_TYPE}</{_PROPERTY}></rdf:li></rdf:Bag></a:b>",
    "curie": f"<{_PROPERTY}>[digsrctype:trainedAlgorithmicMedia]</{_PROPERTY}>",
    "bare": f"<{_PROPERTY}>TrainedAlgorithmicMedia</{_PROPERTY}>",
    "words": f"<{_PROPERTY}>Trained Algorithmic Media</{_PROPERTY}>",
    "https": f"<{_PROPERTY}>{_TYPE.replace('http', 'https')}/</{_PROPERTY}>",
    "fragment": f"<{_PROPERTY}>{build.SOURCE[:-1]}#trainedAlgorithmicMedia</{_PROPERTY}>",
    "query": f"<{_PROPERTY}>{_TYPE}?lang=en</{_PROPERTY}>",
    "percent": f"<{_PROPERTY}>{_TYPE.replace(':', '%3A').replace('/', '%2F')}</{_PROPERTY}>",
    "no scheme": f"<{_PROPERTY}>{_TYPE.removeprefix('http://')}</{_PROPERTY}>",
    "snake case": f"<{_PROPERTY}>trained_algorithmic_media</{_PROPERTY}>",
    "hyphens": f"<{_PROPERTY}>trained-algorithmic-media</{_PROPERTY}>",
    "quoted": f"<{_PROPERTY}>&quot;{_TYPE}&quot;</{_PROPERTY}>",
    "one of several": f"<{_PROPERTY}>{build.SOURCE}digitalCapture, {_TYPE}</{_PROPERTY}>",
    "older name": f"<Iptc4xmpExt:DigitalSourceFileType>{_TYPE}</Iptc4xmpExt:DigitalSourceFileType>",
    "no prefix": f"<DigitalSourceType xmlns='http://iptc.org/std/Iptc4xmpExt/2008-02-29/'>{_TYPE}</DigitalSourceType>",
    "cdata": f"<{_PROPERTY}><![CDATA[{_TYPE}]]></{_PROPERTY}>",
    "references": f"<{_PROPERTY}>{_TYPE.replace('A', '&#65;').replace('M', '&#x4d;')}</{_PROPERTY}>",
    "beside a bare ampersand": f"<a:t xmlns:a='a'>salt & pepper</a:t><{_PROPERTY}>{_TYPE}</{_PROPERTY}>",
    "members by number": f"<{_PROPERTY}><rdf:Bag><rdf:_1>{_TYPE}</rdf:_1></rdf:Bag></{_PROPERTY}>",
    "beside letters of html": f"<a:t xmlns:a='a'>M&uuml;ller&nbsp;&amp;</a:t><{_PROPERTY}>{_TYPE}</{_PROPERTY}>",
    "urn": f"<{_PROPERTY}>urn:newscodes:digitalsourcetype:trainedAlgorithmicMedia</{_PROPERTY}>",
    "schema.org": f"<{_PROPERTY}>https://schema.org/TrainedAlgorithmicMediaDigitalSource</{_PROPERTY}>",
    "schema.org's name": f"<{_PROPERTY}>TrainedAlgorithmicMediaDigitalSource</{_PROPERTY}>",
    "the vocabulary's name": f"<{_PROPERTY}>Created using Generative AI</{_PROPERTY}>",
    "before damage": f"<{_PROPERTY}>{_TYPE}</{_PROPERTY}><a></b>",
}


@pytest.mark.parametrize("body", SPELLINGS.values(), ids=SPELLINGS)
def test_a_source_type_in_every_spelling(body: str) -> None:
    assert "“trainedAlgorithmicMedia”" in said(_app1(build.xmp(body)))


@pytest.mark.parametrize("place", XMP_CONTAINERS)
def test_xmp_in_every_container(place: str) -> None:
    assert "“trainedAlgorithmicMedia”" in said(XMP_CONTAINERS[place](build.source_xmp()))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be", "utf-16-le", "utf-32"])
def test_xmp_in_every_encoding(encoding: str) -> None:
    assert "“trainedAlgorithmicMedia”" in said(_app1(build.source_xmp().decode().encode(encoding)))


@pytest.mark.parametrize(
    "code", ["digitalCapture", "computationalCapture", "compositeSynthetic", "humanEdits", "newOne"]
)
@pytest.mark.parametrize(
    "extra", [{}, {"when": "2026"}, {"softwareAgent": {"name": "x"}, "description": "y"}]
)
def test_a_signed_source_type_is_named_exactly(code: str, extra: dict[str, object]) -> None:
    action = {"action": "c2pa.created", "digitalSourceType": build.SOURCE + code, **extra}
    assert f"“{code}”" in said(build.with_segments(*build.in_app11(build.store(action))))


@pytest.mark.parametrize("size", [60_000, 200, 33])
@pytest.mark.parametrize("first", [0, 1, 7])
def test_credentials_in_parts_of_any_size_number_and_order(first: int, size: int) -> None:
    parts = build.in_app11(build.store(), first, size)
    assert "“trainedAlgorithmicMedia”" in said(build.with_segments(*parts))
    assert "“trainedAlgorithmicMedia”" in said(build.with_segments(*reversed(parts)))


@pytest.mark.parametrize(
    "name", ["digitalSourceType", "Iptc4xmpExt:DigitalSourceType", "iptc:digitalSourceType"]
)
def test_a_source_type_in_any_assertion(name: str) -> None:
    action: dict[str, object] = {"action": "c2pa.created", "parameters": {name: _TYPE}}
    assert "“trainedAlgorithmicMedia”" in said(build.with_segments(*build.in_app11(build.store(action))))
    assertion: dict[str, object] = {
        "label": "c2pa.metadata",
        "data": {"@context": {"Iptc4xmpExt": "http://iptc.org/x/"}, name: _TYPE},
    }
    signed = build.signed(build.saved("JPEG"), "image/jpeg", "digitalCreation", more=assertion)
    assert "“trainedAlgorithmicMedia”" in said(signed)


def test_credentials_beside_another_box_are_still_verified() -> None:
    signed = build.signed(build.saved("JPEG"), "image/jpeg")
    other = build.in_app11(build.superbox(b"json", "other", build.box(b"json", b"{}")))[0][1]
    other = other[:2] + b"\0\x09" + other[4:]
    length = (len(other) + 2).to_bytes(2, "big")
    assert "metadata.c2pa_" in said(signed[:2] + b"\xff\xeb" + length + other + signed[2:])


@pytest.mark.parametrize("place", ["https://m.example/x", "HTTPS://m.example/x"])
@pytest.mark.parametrize("container", ["jpeg", "png", "webp", "heic"])
def test_credentials_kept_elsewhere(place: str, container: str) -> None:
    packet = build.xmp(f"<dcterms:provenance>{place}</dcterms:provenance>")
    assert "metadata.c2pa_remote" in said(XMP_CONTAINERS[container](packet))


@pytest.mark.parametrize("data", [
    _app1(build.xmp("<xmp:Rating>5</xmp:Rating>")), _in_exif(model=b" ", software=b"."),
    _app1(build.xmp(f"<{_PROPERTY}>several; words</{_PROPERTY}>")), build.png({"Editor's note": "x"}),
    _in_iptc(5, "shirt"),
])  # fmt: skip
def test_metadata_that_tells_nothing_is_not_called_absent(data: bytes) -> None:
    assert "metadata.none" not in said(data)


@pytest.mark.parametrize("body", [
    "<photoshop:History>Opened a.jpg&#xA;Generative Fill&#xA;Save</photoshop:History>",
    "<xmpMM:History xmlns:xmpMM='m' xmlns:stEvt='e'><rdf:Seq><rdf:li stEvt:action='edited' stEvt:softwareAgent='Adobe "
    "Photoshop 26' stEvt:parameters='Generative Expand'/></rdf:Seq></xmpMM:History>",
])  # fmt: skip
def test_an_editor_s_record_of_a_generative_step(body: str) -> None:
    assert "metadata.generative_edit" in said(_app1(build.xmp(body)))


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "gb18030", "utf-8"])
def test_chinese_names_in_every_encoding_without_a_mark(encoding: str) -> None:
    assert "metadata.editing_software" in said(_in_exif(software="美图秀秀".encode(encoding) + b"\0"))


def test_latin_text_is_not_taken_for_chinese() -> None:
    assert "Café Zürich" in said(_in_exif(software="Café Zürich".encode("latin-1")))


@pytest.mark.parametrize("times", [1, 2])
def test_settings_written_as_a_text_of_json(times: int) -> None:
    text = _GRAPH
    for _ in range(times):
        text = json.dumps(text)
    assert "ComfyUI" in said(TEXT_PLACES["exif comment"](text))
    assert "ComfyUI" in said(TEXT_PLACES["exif comment"](base64.b64encode(_GRAPH.encode()).decode()))


def test_credentials_that_were_taken_out() -> None:
    packet = build.xmp("<dcterms:provenance>self#jumbf=c2pa/urn:uuid:1</dcterms:provenance>")
    assert "metadata.c2pa_missing" in said(_app1(packet))


_ESCAPED = html.escape(json.dumps(_LABEL))
_FIELDS = "".join(f"<TC260:{key}>{value}</TC260:{key}>" for key, value in _LABEL.items())
_ATTRIBUTES = " ".join(f'TC260:{key}="{value}"' for key, value in _LABEL.items())
AIGC_XMP = {
    "element": f"<TC260:AIGC>{_ESCAPED}</TC260:AIGC>",
    "attribute": f'<rdf:Description TC260:AIGC="{_ESCAPED}"/>',
    "single quotes": f"<rdf:Description TC260:AIGC='{json.dumps(_LABEL)}'/>",
    "cdata": f"<TC260:AIGC><![CDATA[{json.dumps(_LABEL, indent=1)}]]></TC260:AIGC>",
    "list": f"<TC260:AIGC><rdf:Alt><rdf:li xml:lang='x-default'>{_ESCAPED}</rdf:li></rdf:Alt></TC260:AIGC>",
    "escaped twice": f"<TC260:AIGC>{html.escape(_ESCAPED)}</TC260:AIGC>",
    "struct": f"<TC260:AIGC rdf:parseType='Resource'>{_FIELDS}</TC260:AIGC>",
    "struct of attributes": f"<TC260:AIGC {_ATTRIBUTES}/>",
    "struct in a bag": (
        f"<TC260:AIGC><rdf:Bag><rdf:li rdf:parseType='Resource'>{_FIELDS}</rdf:li></rdf:Bag></TC260:AIGC>"
    ),
    "properties": _FIELDS,
    "lower case": f"<tc260:aigc xmlns:tc260='{_TC260}'>{_ESCAPED}</tc260:aigc>",
    "other prefix": f"<ns0:AIGC xmlns:ns0='{_TC260}'>{_ESCAPED}</ns0:AIGC>",
    "description": f"<dc:description xmlns:dc='dc'>{html.escape(_WRAPPED)}</dc:description>",
    "xml in a text": f"<TC260:AIGC>{html.escape(_FIELDS)}</TC260:AIGC>",
    "round quotes": f"<TC260:AIGC>{json.dumps(_LABEL).replace(chr(34), '”')}</TC260:AIGC>",
}  # fmt: skip


@pytest.mark.parametrize("body", AIGC_XMP.values(), ids=AIGC_XMP)
def test_the_chinese_label_in_every_spelling_of_xmp(body: str) -> None:
    assert "Doubao (豆包)" in said(_app1(build.xmp(body)))
    assert "Doubao (豆包)" in said(_app1(build.xmp(body).decode().encode("utf-16")))


AIGC_TEXTS = {
    "wrapped": _WRAPPED, "bare": json.dumps(_LABEL), "announced": "AIGC:" + json.dumps(_LABEL),
    "glued": "AIGC" + json.dumps(_LABEL), "as text": json.dumps({"AIGC": json.dumps(_LABEL)}),
    "html": html.escape(_WRAPPED), "backslashes": _WRAPPED.replace('"', '\\"'), "after words": "照片 " + _WRAPPED,
    "deep": json.dumps({"data": {"meta": {"AIGC": _LABEL}}}), "second object": '{"a": 1}' + _WRAPPED,
    "text of a text": json.dumps(json.dumps(_WRAPPED)), "base64": base64.b64encode(_WRAPPED.encode()).decode(),
    "in a list": json.dumps([{"AIGC": [_LABEL]}]), "python": str({"AIGC": _LABEL}),
    "other spelling": _WRAPPED.replace("ContentProducer", "content_producer").replace("ProduceID", "produce_id"),
}  # fmt: skip


@pytest.mark.parametrize("place", TEXT_PLACES)
@pytest.mark.parametrize("text", AIGC_TEXTS.values(), ids=AIGC_TEXTS)
def test_the_chinese_label_in_every_text(text: str, place: str) -> None:
    assert "Doubao (豆包)" in said(TEXT_PLACES[place](text))


@pytest.mark.parametrize(
    ("text", "producer"),
    [
        ({"AIGC": {"Label": 1, "ServiceProvider": "Tencent", "ContentId": "z"}}, "Tencent"),
        ({"ServiceProvider": "Tencent", "ServiceUser": "x", "ContentId": "z"}, "Tencent"),
        ({"Label": "2", "ContentPropagator": "x", "PropagateID": "y"}, "label.possible"),
        ({"product": "dreamina", "exportType": "generation"}, "Jimeng (即梦)"),
        ({"product": "aweme", "aigc_info": {"aigc_type": 1}}, "aigc_label"),
        ({"product": "xinghui", "aigc_info": json.dumps({"aigc_label_type": 2})}, "aigc_label"),
        ({"AIGC": {**_LABEL, "ContentProducer": "00119144030008867405x200001"}}, "Jimeng (即梦)"),
        ({"AIGC": {**_LABEL, "ContentProducer": "kling"}}, "Kling (可灵)"),
    ],
)
def test_other_labels_and_producers(text: object, producer: str) -> None:
    found = said(build.png({"Comment": json.dumps(text, ensure_ascii=False)}))
    assert "metadata.aigc_label" in found
    assert producer in found


@pytest.mark.parametrize(
    "text",
    ["AIGC", "this shirt is against AIGC", "washing --v cold", "Steps: 1. unpack 2. look", '{"prompt": "describe it"}',
     '{"seed": "tomato", "steps": "plant, water"}', "请按提示词填写", '{"model": "SM-S918B", "prompt": "x"}',
     "size --ar 5", '["a", {"name": "x"}]', '{"Label": "1"}', '{"product": "capcut", "exportType": "export"}',
     '{"product": "capcut", "aigc_info": {"aigc_label_type": 0}}', "{{'AIGC': {'a': 1}}}", '{"aigc": {{}: 1}}'],
)  # fmt: skip
@pytest.mark.parametrize("place", TEXT_PLACES)
def test_what_is_no_label(text: str, place: str) -> None:
    found = said(TEXT_PLACES[place](text))
    assert "metadata.aigc_label" not in found
    assert "metadata.generat" not in found
    assert "metadata.none" not in found  # a text was there and is shown


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    "raw",
    [
        *(b"UNICODE\0" + mark + text.encode(encoding)
          for text in (_SETTINGS, "红色衬衫，高清\n" + _SETTINGS, "赤いシャツ" * 40 + _SETTINGS)
          for mark, encoding in ((b"", "utf-16-be"), (b"", "utf-16-le"), (b"\xfe\xff", "utf-16-be"),
                                 (b"\xff\xfe", "utf-16-le"), (b"", "utf-8"))),
        *(head + _SETTINGS.encode()
          for head in (b"ASCII\0\0\0", b"JIS\0\0\0\0\0", bytes(8), b"", b"\xef\xbb\xbf", b" " * 8)),
        b"ASCII\0\0\0" + _SETTINGS.encode("utf-16-le"), b"ASCII\0\0\0" + ("红色\n" + _SETTINGS).encode("gbk"),
    ],
)  # fmt: skip
def test_settings_in_every_encoding_of_the_exif_comment(raw: bytes, order: str) -> None:
    block = _exif(inner={0x9286: raw})
    if order == ">":
        head = b"MM\0*" + struct.pack(">IH", 8, 1) + struct.pack(">HHII", 0x8769, 4, 1, 26) + bytes(4)
        block = head + struct.pack(">HHHII", 1, 0x9286, 7, len(raw), 44) + bytes(4) + raw
    assert "metadata.generator_parameters" in said(build.with_segments((0xE1, b"Exif\0\0" + block)))


_WORKFLOW = json.dumps({"last_node_id": 9, "nodes": [{"id": 1, "type": "KSampler"}], "links": []})
_GRAPH = json.dumps({"3": {"class_type": "KSampler", "inputs": {"seed": 7}}})
_JOB = "Job ID: 12345678-1234-1234-1234-123456789abc"
_SIGNATURE, _UUID = "Signature: " + "A" * 88, "12345678-1234-1234-1234-123456789abc"
SETTINGS: dict[str, tuple[dict[str, str], str]] = {
    "web ui": ({"parameters": _SETTINGS}, "Stable Diffusion web UI"),
    "web ui, lower case": ({"parameters": _SETTINGS.lower()}, "Stable Diffusion web UI"),
    "comfy": ({"prompt": _GRAPH, "workflow": _WORKFLOW}, "ComfyUI"),
    "comfy with NaN": ({"prompt": _GRAPH.replace("7", "NaN")}, "ComfyUI"),
    "comfy, empty": ({"workflow": json.dumps({"last_node_id": 0, "nodes": [], "links": []})}, "ComfyUI"),
    "comfy, huge": ({"workflow": json.dumps({"x": "A" * 400_000, "nodes": [{"type": "a"}]})}, "ComfyUI"),
    "novel ai in one text": (
        {"Comment": json.dumps({"Software": "NovelAI", "Comment": json.dumps({"uc": "", "sampler": "k"})})}, "NovelAI"),
    "novel ai's title": ({"Title": "NovelAI generated image"}, "NovelAI"),
    "swarm": ({"parameters": json.dumps({"sui_image_params": {"prompt": "x"}})}, "SwarmUI"),
    "fooocus": ({"parameters": json.dumps({"base_model": "x", "adm_guidance": "1"})}, "Fooocus"),
    "easy diffusion": ({"prompt": "x", "seed": "1", "use_stable_diffusion_model": "a"}, "Easy Diffusion"),
    "easy diffusion, words": ({"Seed": "1", "Stable Diffusion model": "a", "Sampler": "b"}, "Easy Diffusion"),
    "draw things": ({"Description": "x\nSteps: 8, Sampler: DPM++, Guidance Scale: 5.0, Seed: 1"}, "Draw Things"),
    "mochi": ({"Comment": "Include in Image: x; Steps: 20; Generator: Mochi Diffusion 4.6"}, "Mochi Diffusion"),
    "midjourney": ({"Description": f"a shirt --ar 3:2 --v 6.0 {_JOB}"}, "Midjourney"),
    "midjourney without flags": ({"Description": f"a shirt {_JOB}", "Author": "x"}, "Midjourney"),
    "grok": ({"ImageDescription": _SIGNATURE, "Artist": _UUID}, "xAI Grok"),
    "grok, creator": ({"Description": _SIGNATURE, "Creator": _UUID}, "xAI Grok"),
    "tensor": ({"generation_data": json.dumps({"prompt": "x", "samplerName": "a", "cfgScale": 7})}, "generator"),
    "diffusers": ({"metadata": json.dumps({"prompt": "x", "num_inference_steps": 20})}, "generator"),
    "only the keyword": ({"negative_prompt": "blurry"}, "metadata.generator_parameters"),
    "runware": ({"Comment": "Created with Runware"}, "Runware"),
    "midjourney without a job": ({"Comment": "a red shirt --ar 3:2 --v 6.1"}, "Midjourney"),
    "grok, signature in the comment": ({"Description": _SIGNATURE, "Author": _UUID}, "xAI Grok"),
    "swarm without its wrapper": ({"Comment": json.dumps({"prompt": "x", "swarm_version": "0.9"})}, "SwarmUI"),
    "novel ai, older": ({"Comment": json.dumps({"steps": 28, "sampler": "k", "scale": 11, "uc": "x"})}, "NovelAI"),
    "fooocus, older": ({"Comment": json.dumps({"full_prompt": ["a"], "refiner_switch": 0.5})}, "Fooocus"),
    "openai": ({"Comment": json.dumps({"model": "gpt-image-1", "prompt": "x"})}, "OpenAI"),
    "openai, revised": ({"Comment": json.dumps({"revised_prompt": "x"})}, "OpenAI"),
    "horde": ({"Comment": json.dumps({"prompt": "x", "params": {"sampler_name": "k", "steps": 20}})}, "generator"),
    "a list of jobs": ({"Comment": json.dumps([{"prompt": "x", "num_inference_steps": 20}])}, "generator"),
    "comfy, folded": ({"Comment": json.dumps({"extra_pnginfo": {"workflow": json.loads(_WORKFLOW)}})}, "ComfyUI"),
    "comfy, as it is queued": (
        {"Comment": json.dumps({"extra_data": {"extra_pnginfo": {"workflow": json.loads(_WORKFLOW)}}})}, "ComfyUI"),
    "web ui as json": ({"Comment": json.dumps(_SETTINGS)}, "Stable Diffusion web UI"),
    "chinese front end": ({"Comment": "衬衫\n反向提示词: 模糊\n迭代步数: 20, 采样方法: Euler a"}, "generator"),
}  # fmt: skip


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_of_generators_in_png_texts(name: str) -> None:
    texts, tool = SETTINGS[name]
    for data in (
        build.png(texts),
        build.png(texts, packed=True),
        build.png(None, *(_itxt(*one) for one in texts.items())),
    ):
        found = said(data)
        assert "metadata.generator_" in found
        assert tool in found


@pytest.mark.parametrize("field", ["make", "model", "description", "software", "artist", "copyright"])
@pytest.mark.parametrize("text", [_WORKFLOW, "workflow:" + _WORKFLOW, "Prompt: " + _GRAPH])
def test_a_workflow_is_no_camera_wherever_it_lies(field: str, text: str) -> None:
    tag = {"make": 0x010F, "model": 0x0110, "description": 0x010E, "software": 0x0131, "artist": 0x013B,
           "copyright": 0x8298}[field]  # fmt: skip
    block = _exif({tag: text.encode() + b"\0"})
    for data in (build.webp((b"EXIF", block)), build.saved("AVIF", exif=b"Exif\0\0" + block)):
        found = said(data)
        assert "ComfyUI" in found
        assert not any(f"metadata.{code}" in found for code in ("camera", "device", "credit", "description"))


INNOCENT = (
    "white canvas shoes", "Firefly garden lamp", "Imagen de producto", "gemini necklace, chain broken", "Sora pillow",
    "AI generated voice toy is broken", "AI生成器开关坏了", "KI generiert Lärm", "Kling 2 piece bath set",
    "用AI翻译：破损", "元宝枕",
    "AI生成？不是", "AI生成内容检测未发现问题", "本图非AI生成，实拍", "买家用AI生成的图片骗退款",
    "Not generated with AI",
    "a flux capacitor T-shirt", "Leonardo da Vinci print", "Runway dress", "Magic eraser sponge", "Wan chair",
    "gimp mask", "snap seed packets", "made in China", "made by Gemini Industries Ltd", "by Firefly Studio",
    "the stable diffusion of ink", "Photoshop for beginners, page torn", "豆包枕头", "即梦床垫", "人工合成钻石",
    "AI生成艺术展门票", "AI绘画入门书缺页", "AI生成图案T恤有污渍", "Made with AI-dyed cotton",
    "AI智能手表表带断裂", "生成日期2026-01-01", "my AI generated excitement", "AI letter pendant",
)  # fmt: skip


@pytest.mark.parametrize("place", TEXT_PLACES)
@pytest.mark.parametrize("text", INNOCENT)
def test_innocent_words_name_no_tool_and_are_shown(text: str, place: str) -> None:
    found = said(TEXT_PLACES[place](text))
    assert not any(f"metadata.{code}" in found for code in ("editing_software", "generat", "aigc", "none"))


GENERATORS = (
    "Midjourney",
    "DALL-E 3",
    "Gemini",
    "Grok",
    "Sora",
    "文心一格",
    "FLUX.2",
    "即梦AI",
    "Made with AI",
    "Firefly",
)
NAMING: dict[str, Writer] = {
    "exif software": lambda name: _in_exif(software=name.encode()),
    "exif software, gbk": lambda name: _in_exif(software=name.encode("gbk")),
    "xmp creator tool": lambda name: _app1(build.xmp(f"<xmp:CreatorTool>{name}</xmp:CreatorTool>")),
    "xmp credit": lambda name: _app1(build.xmp(f"<photoshop:Credit>{name}</photoshop:Credit>")),
    "png software": lambda name: build.png(None, _itxt("Software", name)),
    "iptc credit": lambda name: _in_iptc(110, name),
    "png raw profile": lambda name: build.png(None, build.raw_profile("iptc", build.iptc(name))),
    "iptc 2025": lambda name: _app1(build.xmp(f"<Iptc4xmpExt:AISystemUsed>{name}</Iptc4xmpExt:AISystemUsed>")),
}  # fmt: skip


CAMERAS: dict[str, tuple[dict[int, bytes], dict[int, bytes]]] = {
    "xiaomi": (
        {0x010F: b"Xiaomi", 0x0110: b"23013RK75C",
         0x9999: b'{"mirror":false,"sensor_type":"rear","Hdr":"auto","OpMode":36869,"AIScene":2,"ZoomMultiple":1.0}'},
        {0x9286: bytes(8) + b'{"filterId":0,"AI":"on"}'}),
    "oppo": ({0x010F: b"OPPO", 0x0110: b"PHZ110"}, {0x9286: b"ASCII\0\0\0oplus_1048608"}),
    "vivo": (
        {0x010F: b"vivo", 0x0110: b"V2309A", 0x0131: b"MediaTek Camera Application",
         0x010E: b"filter: 0; fileterIntensity: 0.0; algolist: 0; multi-frame: 1; sceneMode: Food; AI_Scene: (8, -1)"},
        {}),
    "huawei": ({0x010F: b"HUAWEI", 0x0110: b"ELE-AL00", 0x010E: b"sdr", 0x0131: b"ELE-AL00 10.1.0.162"}, {}),
    "pixel": ({0x010F: b"Google", 0x0110: b"Pixel 10 Pro", 0x0131: b"HDR+ 1.0.791360000zd"}, {}),
    "realme": ({0x010F: b"realme", 0x0110: b"RMX3708"}, {0x9286: b'ASCII\0\0\0{"AI enhance":1,"steps":"2"}'}),
    "motorola": ({0x010F: b"motorola", 0x0110: b"motorola edge 50 ai", 0x0131: b"MotCam AI 9"}, {}),
    "names of people": ({0x010F: b"Canon", 0x0110: b"EOS R6", 0x013B: b"Gemini Rossi", 0x8298: b"Sora Tanaka"}, {}),
    "watermark camera": ({0x0131: "今日水印相机".encode()}, {}),
    "chat": ({0x0131: b"WeChat"}, {}),
}  # fmt: skip
"""What phones, cameras and apps write, some of it in tags that have no name here."""


@pytest.mark.parametrize(("tags", "inner"), CAMERAS.values(), ids=CAMERAS)
def test_what_cameras_and_phones_write_accuses_nobody(
    tags: dict[int, bytes], inner: dict[int, bytes]
) -> None:
    block = _exif({tag: text + b"\0" for tag, text in tags.items()}, inner)
    reasons = read_provenance(read_photo(build.with_segments((0xE1, b"Exif\0\0" + block))))
    assert evidence_of(reasons) == "nothing"
    assert "metadata.none" not in {one.code for one in reasons}


@pytest.mark.parametrize("tag", [0x011D, 0x9212, 0xA420, 0xA430, 0x800D])
def test_labels_and_settings_in_tags_without_a_name_here(tag: int) -> None:
    for text, code in ((_WRAPPED, "aigc_label"), (_SETTINGS, "generator_parameters")):
        block = _exif({tag: text.encode() + b"\0"})
        assert f"metadata.{code}" in said(build.with_segments((0xE1, b"Exif\0\0" + block)))


@pytest.mark.parametrize("number", [7, 15, 22, 40, 230])
def test_the_label_in_any_dataset_of_iptc(number: int) -> None:
    assert "Doubao" in said(_in_iptc(number, _WRAPPED))


@pytest.mark.parametrize("place", TEXT_PLACES)
def test_a_source_type_s_address_in_any_text(place: str) -> None:
    assert "“trainedAlgorithmicMedia”" in said(TEXT_PLACES[place](json.dumps({"digitalSourceType": _TYPE})))


@pytest.mark.parametrize(
    "name", ["digital_source_type", "Iptc4xmpExt:DigitalSourceType", "Digital Source Type"]
)
def test_a_source_type_under_each_name_of_a_text(name: str) -> None:
    assert "“trainedAlgorithmicMedia”" in said(build.png({name: _TYPE}))


def test_a_second_packet_in_the_same_block() -> None:
    plain = build.xmp("<xmp:Rating>2</xmp:Rating>")
    for packets in (plain + build.source_xmp(), build.source_xmp() + plain):
        found = said(_app1(packets))
        assert "“trainedAlgorithmicMedia”" in found
        assert "metadata.unread" not in found


@pytest.mark.parametrize("brand", [b"avio", b"MA1B", b"miaf"])
def test_an_avif_that_names_its_kind_second(brand: bytes) -> None:
    data = build.saved("AVIF")
    assert read_photo(data[:8] + brand + data[12:]).width == 192


def test_a_tiff_of_floats_is_not_called_damaged() -> None:
    with pytest.raises(ImageError) as raised:
        read_photo(build.saved("TIFF", build.picture().convert("F")))
    assert raised.value.code == "unsupported_format"
    data = build.saved("TIFF").replace(struct.pack("<HHI", 0x0102, 3, 3), struct.pack("<HHI", 0x0153, 3, 3))
    with pytest.raises(ImageError) as raised:
        read_photo(data)
    assert raised.value.code == "unsupported_format"


@pytest.mark.parametrize(
    "text",
    [
        "由 Gemini 3 Pro Image 生成",
        "AI生成艺术作品",
        "AI生成的图案",
        "元宝生成",
        "图片由Microsoft Designer生成",
        "快手可图生成",
    ],
)
def test_a_chinese_sentence_that_names_the_tool(text: str) -> None:
    assert "metadata.generator_name" in said(TEXT_PLACES["png comment"](text))


@pytest.mark.parametrize("place", NAMING)
@pytest.mark.parametrize("name", GENERATORS)
def test_a_generator_is_named_in_every_field_that_names_tools(name: str, place: str) -> None:
    assert "metadata.generator_name" in said(NAMING[place](name))


@pytest.mark.parametrize(("artist", "named"), [("Midjourney", True), ("Stability AI", True), ("Sora", False)])
def test_a_generator_as_artist_but_no_person_of_its_name(artist: str, named: bool) -> None:
    found = said(_in_exif(artist=artist.encode()))
    assert ("metadata.generator_name" in found) == named
    assert ("metadata.credit" in found) != named


@pytest.mark.parametrize(
    "kind", ["AISystemUsed", "AISystemVersionUsed", "AIPromptInformation", "AIPromptWriterName"]
)
def test_each_field_of_iptc_2025(kind: str) -> None:
    body = f"<Iptc4xmpExt:{kind}><rdf:Alt><rdf:li>Some Name</rdf:li></rdf:Alt></Iptc4xmpExt:{kind}>"
    assert "metadata.ai_" in said(_app1(build.xmp(body)))


@pytest.mark.parametrize(
    "record",
    [b'"genAIType":1', b'"genAIType" : 5', b'"genAIType":"2"', b'\\"genAIType\\":3', b'"genAIType":-1'],
)
@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "GIF", "HEIC"])
def test_samsung_s_record_behind_every_format(record: bytes, fmt: str) -> None:
    trailer = b"PhotoEditor_Re_Edit_Data{" + record + b"}SEFT"
    behind = build.box(b"sefd", trailer) if fmt == "HEIC" else trailer
    assert "metadata.generative_edit" in said(build.saved(fmt) + behind)


def _png_with(kind: bytes, content: bytes, sound: bool) -> bytes:
    """A PNG with a chunk behind its header, whose checksum is right or zero."""
    data = build.saved("PNG")
    checksum = struct.pack(">I", zlib.crc32(kind + content) if sound else 0)
    return data[:33] + struct.pack(">I", len(content)) + kind + content + checksum + data[33:]


@pytest.mark.parametrize("sound", [True, False])
@pytest.mark.parametrize("content", [b"", b"abc\0def", bytes(1 << 21)])
@pytest.mark.parametrize(
    "kind", b"tEXt zTXt iTXt iCCP gAMA cHRM sRGB pHYs tRNS bKGD sBIT tIME eXIf caBX acTL zzZz".split()
)
def test_a_png_is_judged_whatever_its_ancillary_chunks(kind: bytes, content: bytes, sound: bool) -> None:
    assert read_photo(_png_with(kind, content, sound)).width == 192


@pytest.mark.parametrize("fmt", ["JPEG", "PNG", "WEBP", "HEIC", "AVIF", "GIF", "TIFF", "BMP"])
@pytest.mark.parametrize("tail", [b"<html>error</html>", bytes(3000), b"\r\n", b"\xff" * 40])
def test_a_picture_is_judged_whatever_follows_it(fmt: str, tail: bytes) -> None:
    assert read_photo(build.saved(fmt) + tail).width == 192


@pytest.mark.parametrize(
    ("fmt", "kept"), [("GIF", 12), ("GIF", 400), ("TIFF", 50), ("PNG", 50), ("JPEG", 50), ("WEBP", 30)]
)
def test_a_file_cut_in_its_header_is_called_cut(fmt: str, kept: int) -> None:
    data = build.saved(fmt)
    where = int.from_bytes(data[4:8], "little") - 30 if fmt == "TIFF" else 0
    with pytest.raises(ImageError) as raised:
        read_photo(data[: where + kept])
    assert raised.value.code == "truncated_image"


def test_a_png_sent_as_text_is_called_a_damaged_picture() -> None:
    with pytest.raises(ImageError, match="damaged PNG"):
        read_photo(build.saved("PNG").replace(b"\r\n", b"\n"))


def test_a_png_without_its_end_is_judged_and_one_without_pixels_is_not() -> None:
    data = build.saved("PNG")
    assert "missing_end_marker" in read_photo(data[:-12]).notes
    with pytest.raises(ImageError, match="cut off"):
        read_photo(data[: len(data) // 2])


def _several(fmt: str) -> bytes:
    out = io.BytesIO()
    build.picture().save(out, fmt, save_all=True, append_images=[build.picture(6)])
    return out.getvalue()


@pytest.mark.parametrize("fmt", ["MPO", "PNG", "GIF", "WEBP", "AVIF", "TIFF"])
def test_files_of_several_pictures_are_judged_by_the_first(fmt: str) -> None:
    photo = read_photo(_several(fmt))
    assert (photo.width, photo.height) == (192, 144)
    assert "metadata.unread" not in said(photo.data)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\xff\xd8\xff\xf7" + bytes(40), "JPEG-LS"), (b"II\xbc\x01" + bytes(40), "JPEG XR"),
        (b"II+\0" + bytes(40), "BigTIFF"), (b"v/1\x01" + bytes(40), "OpenEXR"), (b"qoif" + bytes(40), "QOI"),
        (b"P6\n2 2\n255\n" + bytes(12), "Netpbm"), (b"#?RADIANCE\n", "Radiance"), (b"8BPS\0\2", "Photoshop"),
        (b"gimp xcf v011", "GIMP"), (b"%!PS-Adobe-3.0 EPSF", "PostScript"), (bytes(128) + b"DICM", "DICOM"),
        (b"<?xml version='1.0'?><!-- " + b"x" * 900 + b" --><svg/>", "SVG"), (b"icns\0\0\1\0", "icon"),
        (b"\n\n" + build.saved("JPEG"), "damaged JPEG picture (2 other bytes stand before it): upload the original"),
        (bytes(byte ^ 0x9A for byte in build.saved("JPEG")), "WeChat"), (b"\x07\x08V1\x08\x07" + bytes(40), "WeChat"),
        (bytes(byte ^ 0x41 for byte in build.saved("PNG")), "save it from the chat"),
        (bytes(byte ^ 0x07 for byte in build.saved("GIF")), "WeChat"), (b"wxgf" + bytes(40), "WXGF"),
        (b"data:image/jpeg;base64,/9j/4AAQ", "Base64"),
        (_png_with(b"x", b"", True)[:8] + b"\0\0\0\4CgBI" + bytes(40), "Apple"), (b"\xff\x0a" + bytes(40), "JPEG XL"),
    ],
)  # fmt: skip
def test_pictures_of_other_formats_are_called_pictures(data: bytes, words: str) -> None:
    with pytest.raises(ImageError) as raised:
        read_photo(data)
    assert raised.value.code == "unsupported_format"
    assert words in raised.value.message
    assert "not a picture" not in raised.value.message


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"BMW drivers wanted: this is a letter", "text"), ("你好，这不是图片".encode("gbk"), "text"),
        ("hello".encode("utf-16"), "text"), (b"\xff" * 400, "an unknown format"), (bytes(400), "an unknown format"),
        (b"<?xml?><plist><dict><key>adjustmentData</key></dict></plist>", "Apple's Photos .AAE."),
        (b"RIFF\0\0\0\0AVI LIST", "video"), (b"\0\0\0\x08wide\0\0\0\x10mdat", "video"), (b"\n%PDF-1.4", "PDF"),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_called_by_its_name(data: bytes, words: str) -> None:
    with pytest.raises(ImageError, match=words) as raised:
        read_photo(data)
    assert raised.value.code == "unsupported_format"
    assert "not a picture" in raised.value.message


_PROPERTY_TEXT = "<dc:{0} xmlns:dc='http://purl.org/dc/elements/1.1/'>{1}</dc:{0}>"
LABEL_PLACES: dict[str, Writer] = {
    "maker's note": lambda text: build.with_segments(
        (0xE1, b"Exif\0\0" + _exif(inner={0x927C: text.encode()}))
    ),
    "tag of bytes": lambda text: build.with_segments(
        (0xE1, b"Exif\0\0" + build.tiff_block({0xEA1D: (1, text.encode())}))
    ),
    "tag of no type": lambda text: build.with_segments(
        (0xE1, b"Exif\0\0" + build.tiff_block({0xC7A1: (7, text.encode())}))
    ),
    "title": lambda text: _app1(build.xmp(_PROPERTY_TEXT.format("title", html.escape(text)))),
    "rights": lambda text: _app1(build.xmp(_PROPERTY_TEXT.format("rights", html.escape(text)))),
    "instructions": lambda text: _app1(
        build.xmp(f"<photoshop:Instructions>{html.escape(text)}</photoshop:Instructions>")
    ),
    "creator tool": lambda text: _app1(build.xmp(f"<xmp:CreatorTool>{html.escape(text)}</xmp:CreatorTool>")),
    "segment of its own": lambda text: build.with_segments((0xE9, b"TC260\0" + text.encode())),
    "behind the picture, utf-16": lambda text: build.saved("JPEG") + text.encode("utf-16-le"),
}


@pytest.mark.parametrize("write", LABEL_PLACES.values(), ids=LABEL_PLACES)
def test_the_chinese_label_in_places_of_bytes_and_names(write: Writer) -> None:
    assert "Doubao (豆包)" in said(write(_WRAPPED))


@pytest.mark.parametrize(
    "text",
    [
        '{"Label":"","ContentProducer":""}',
        "false",
        "0",
        "none",
        '{"AIGC":null}',
        '{"AIGC":{"Label":"0"}}',
        "{}",
    ],
)
def test_an_empty_label_in_a_field_of_its_name(text: str) -> None:
    assert "metadata.aigc_label" not in said(build.png({"AIGC": text}))
    assert "metadata.aigc_label" not in said(TEXT_PLACES["exif comment"](text))


def test_a_provider_of_something_else_is_no_label() -> None:
    text = '{"ServiceProvider":"China Mobile","Label":"SIM"}'
    assert "metadata.aigc_label" not in said(TEXT_PLACES["exif comment"](text))


@pytest.mark.parametrize(
    "value", ["None", "N/A", "n/a", "no", "-", "not applicable", "No AI used", "无", "未使用"]
)
@pytest.mark.parametrize("kind", ["AISystemUsed", "AISystemVersionUsed", "AIPromptInformation"])
def test_an_ai_field_that_says_that_there_was_none(kind: str, value: str) -> None:
    assert "metadata.ai_" not in said(_app1(build.xmp(f"<Iptc4xmpExt:{kind}>{value}</Iptc4xmpExt:{kind}>")))
    assert "metadata.ai_" not in said(build.png(None, _itxt(kind, value)))


def test_ai_fields_as_texts_of_png() -> None:
    assert "metadata.ai_system" in said(build.png({"AISystemUsed": "Some Model"}))
    assert "metadata.ai_prompt" in said(build.png({"AIPromptInformation": "a torn shirt"}))


@pytest.mark.parametrize("code", ["trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"])
def test_a_source_type_in_json_and_as_a_program(code: str) -> None:
    for data in (
        _in_exif(software=code.encode()),
        TEXT_PLACES["exif description"](f'{{"digitalSourceType":"{code}"}}'),
    ):
        assert evidence_of(read_provenance(read_photo(data))) == "declared_ai"
    assert evidence_of(read_provenance(read_photo(_in_exif(software=b"digitalCapture")))) == "nothing"
