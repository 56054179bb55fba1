"""Names and words of honest files that look like a generator's: persons, firms, goods, cameras, denials, questions; and
beside them the lines that do name one."""

import pytest

from refundlens.model.photo.image import read_photo
from refundlens.model.photo.provenance import read_provenance
from refundlens.model.photo.tools import claimed_tool, credited_tool, crediting_tool
from refundlens.model.verdict.policy import evidence_of
from tests.model.photo import build
from tests.model.photo.test_variations import NAMING, TEXT_PLACES, _app1, _in_exif, said

CREDITS = [
    "Ernie Barnes",
    "Ernie Ball Inc",
    "Ernie",
    "Photo by Sora",
    "Hana Sora",
    "Wenxin Zhang",
    "李文心",
    "Li Jimeng",
    "Tongyi Xu",
    "Wanxiang Group",
    "万相之王摄影",
    "海螺水泥",
    "吐司工坊",
    "老王豆包店",
    "即梦家纺",
    "星绘摄影",
    "Qwen Zhao",
    "Hunyuan Wang",
    "MiniMax Heating",
    "Kolors Ltd",
    "Sea Art Museum",
    "OpenArt Gallery",
    "Night Cafe Berlin",
    "Stable Image Ltd",
    "Magic Media GmbH",
    "Nova Canvas Shoes",
    "Image Playground Kids",
    "Flux 2 Studio",
    "千问",
    "豆包",
    "Snap Dreams Photography",
    "Getty Images",
    "Adobe Stock",
    "Google Photos",
]
TITLES = [
    "豆包",
    "元宝",
    "可图",
    "海螺",
    "通义",
    "Ernie",
    "Kandinsky 8",
    "Juggernaut XL bag",
    "Janus Pro guitar pedal",
    "Sea Art",
    "made with Google",
    "Sora 2",
    "Nova Canvas",
]
SENTENCES = [
    "AI-generated? No, real photo",
    "AI generated? Seller says yes",
    "hecho con IA? no",
    "KI-generiert? Nein",
    "Made by AI Weiwei",
    "Created by AI Nguyen",
    "made by Ai Sato",
    "Print reads: made with AI",
    "made with AI-assisted embroidery machine",
    "AI generated art print, mug",
    "AI Generated Art Poster 50x70",
    "《人工智能生成合成内容标识办法》",
    "AI生成ではありません",
    "AIで生成されていません",
    "未使用AI生成",
    "非AI生成",
    "疑似AI生成",
]
CAMERAS = [
    (b"Orbbec", b"Gemini 2"),
    (b"Hawkeye", b"Firefly 8SE"),
    (b"SORA", b"Sora 2"),
    (b"Imagen", b"Imagen 3"),
    (b"Flux", b"FLUX 2"),
    (b"Canon", b"PowerShot SD300"),
]
NAMED = [
    "Midjourney",
    "Made with Google AI",
    "Image: DALL-E 3",
    "Anna Smith / Midjourney",
    "© 2026 Midjourney, Inc.",
    "Photo: Anna, generated with Stable Diffusion",
    "AI generated",
    "即梦AI",
    "文心一格",
    "FLUX.2",
    "OpenAI OpCo, LLC",
    "Stability AI Ltd",
    "Adobe Firefly",
    "NovelAI Diffusion V4.5 4F49EC75",
    "通义万相",
    "Gemini",
]


@pytest.mark.parametrize("name", CREDITS)
def test_a_person_a_firm_or_a_shop_in_a_line_of_credit(name: str) -> None:
    assert crediting_tool(name) is None
    assert credited_tool(name) is None


@pytest.mark.parametrize("name", NAMED)
def test_a_line_of_credit_that_names_a_generator(name: str) -> None:
    assert crediting_tool(name) is not None


@pytest.mark.parametrize(
    "place", [*(key for key in NAMING if "credit" in key or "profile" in key), "png source"]
)
def test_every_line_of_credit_is_read_so(place: str) -> None:
    write = NAMING.get(place, lambda name: build.png(None, (b"iTXt", b"Source\0\0\0\0\0" + name.encode())))
    assert "generator_name" not in said(write("Ernie Barnes"))
    assert "generator_name" in said(write("Anna Smith / Midjourney"))


@pytest.mark.parametrize(
    "kind", ["dc:contributor", "dc:publisher", "photoshop:CaptionWriter", "plus:ImageCreatorName"]
)
def test_more_lines_of_credit_in_xmp(kind: str) -> None:
    body = "<{0} xmlns:dc='http://purl.org/dc/elements/1.1/' xmlns:plus='http://ns.useplus.org/ldf/xmp/1.0/'>{1}</{0}>"
    assert "generator_name" in said(_app1(build.xmp(body.format(kind, "DALL-E 3"))))
    assert "generator_name" not in said(_app1(build.xmp(body.format(kind, "Ernie Barnes"))))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("https://www.midjourney.com/jobs/12345678-1234-1234-1234-123456789abc", True),
        ("from https://civitai.com/images/12345678", True),
        ("https://www.midjourney.com", False), ("https://shop.example/midjourney.com/jobs/12345678", False),
        ("https://chatgpt.com/pricing", False),
    ],
)  # fmt: skip
def test_the_address_of_a_generated_picture(text: str, named: bool) -> None:
    assert (claimed_tool(text) is not None) == named


@pytest.mark.parametrize("title", TITLES)
def test_goods_as_a_title(title: str) -> None:
    assert credited_tool(title) is None
    assert claimed_tool(title) is None


@pytest.mark.parametrize("text", SENTENCES)
def test_a_denial_a_question_or_what_is_printed_on_the_goods(text: str) -> None:
    assert claimed_tool(text) is None


@pytest.mark.parametrize("place", TEXT_PLACES)
def test_a_question_accuses_nobody_in_any_place(place: str) -> None:
    photo = read_photo(TEXT_PLACES[place]("AI-generated? No, real photo"))
    assert evidence_of(read_provenance(photo)) == "nothing"


@pytest.mark.parametrize(("make", "model"), CAMERAS)
def test_a_device_that_shares_a_generator_s_name(make: bytes, model: bytes) -> None:
    assert "generator_name" not in said(_in_exif(make=make, model=model))
    assert "generator_name" not in said(build.png({"Make": make.decode(), "Model": model.decode()}))


@pytest.mark.parametrize("name", ["Apple Photos Clean Up", "Ideogram AI", "Midjourney"])
def test_a_generator_or_a_generative_editor_where_a_maker_should_stand(name: str) -> None:
    found = said(_in_exif(make=name.encode()))
    assert "metadata.generat" in found and "metadata.camera" not in found
