"""Texts in the encodings of before Unicode: they come out as they were written, a label or a tool's name in them
counts, and honest words in them name nothing."""

import json
import struct
import time
from collections.abc import Callable

import numpy as np
import pytest

from refundlens.model.photo.encodings import guess_text
from refundlens.model.photo.old_encodings import SAMPLE, guess_old
from refundlens.model.verdict.policy import evidence_of
from tests.model.photo import build
from tests.model.photo.test_variations import read_photo, read_provenance, said

HONEST: dict[str, tuple[str, ...]] = {
    "gb18030": (
        "衬衫破了一个洞", "破了", "袖口有污渍，要求退款", "杯子收到就是碎的", "华为 P60 拍摄", "张三", "王小明摄影",
        "小米手机", "size L 领口开线", "鞋底开胶，左脚", "商品与描述不符", "￥39.9", "2025年3月1日", "老王家纺旗舰店",
    ),
    "big5": (
        "襯衫破了一個洞", "袖口有污漬，要求退款", "杯子收到就是碎的", "台北市信義區", "商品與描述不符", "許功蓋",
        "相機", "衣服破損 左袖", "這是我買的外套",
    ),
    "shift_jis": (
        "シャツに穴があります", "表面に傷", "写真", "袖が破れています", "返品希望", "カップが割れていた", "山田太郎",
        "ソニー α7", "商品の状態が悪い",
    ),
    "euc_kr": (
        "셔츠에 구멍이 있습니다", "옷에 얼룩이 있어요", "사진", "환불 요청", "컵이 깨졌습니다", "상품이 파손되었습니다",
        "김민지", "포토샵",
    ),
    "cp1251": (
        "Порвана рубашка", "пятно на рукаве", "Фото", "Чашка разбита", "дыра", "возврат товара", "Иванов И. И.",
        "Сорочка з діркою", "РАЗБИТО", "Размер XL — брак",
    ),
    "koi8_r": (
        "Порвана рубашка", "пятно на рукаве", "Фото", "Чашка разбита", "дыра", "возврат товара", "Размер XL, брак",
    ),
    "euc_jp": (
        "シャツに穴があります", "表面に傷があります", "写真です", "袖が破れています", "返品を希望します",
        "カップが割れていた", "山田さん", "ソニー α7", "商品の状態が悪い",
    ),
    "cp1253": (
        "Το πουκάμισο είναι σκισμένο", "λεκές στο μανίκι", "Σπασμένο φλιτζάνι", "επιστροφή χρημάτων",
        "Μέγεθος XL – ελαττωματικό", "τρύπα στην τσέπη",
    ),
    "iso8859_7": ("λεκές στο μανίκι", "Σπασμένο φλιτζάνι", "επιστροφή χρημάτων", "Άδειο κουτί, σκισμένο"),
    "cp1255": (
        "החולצה קרועה בשרוול", "כתם על השרוול", "הכוס הגיעה שבורה", "בקשה להחזר כספי", "מידה XL, פגומה",
    ),
    "cp1256": (
        "القميص ممزق عند الكم", "بقعة على الكم", "وصل الكوب مكسورا", "أطلب استرداد المبلغ", "المقاس XL، به عيب",
    ),
    "cp1250": (
        "Koszula jest podarta, proszę o zwrot pieniędzy, żółta plama", "dziura w łokciu",
        "Rozbity kubek, brakuje połowy",
        "Košile je roztržená, špína na límci, děkuji", "příliš žluťoučký kůň", "Košeľa je roztrhnutá, škvrna na rukáve",
        "Az ing elszakadt, foltos a könyöke, kérjük a pénzt vissza, időben", "törött bögre, sérült felület, gyűrött",
    ),
    "cp1252": (
        "Größe müffelt", "chemise déchirée à la manche", "niño pequeño", "Ø 30 cm, blå", "“broken” – 5 €", "Málaga",
        "São João", "5×7 cm, 20 °C", "Éléphant", "© Jörg Müller", "it’s torn", "à réparer",
    ),
}  # fmt: skip
SENTENCES = [(encoding, text) for encoding, texts in HONEST.items() for text in texts]

NAMES: list[tuple[str, str, str]] = [
    ("gb18030", "美图秀秀", "editing_software"), ("gb18030", "豆包", "generator_name"),
    ("gb18030", "即梦AI", "generator_name"), ("gb18030", "醒图", "editing_software"),
    ("gb18030", "通义万相", "generator_name"), ("big5", "美圖秀秀", "editing_software"),
    ("big5", "即夢AI", "generator_name"), ("big5", "豆包AI", "generator_name"),
    ("shift_jis", "AI生成画像", "generator_name"), ("euc_kr", "뤼튼", "generator_name"),
    ("cp1251", "Шедеврум", "generator_name"), ("koi8_r", "Шедеврум", "generator_name"),
]  # fmt: skip
CLAIMS = [
    ("gb18030", "图片由豆包AI生成"), ("gb18030", "本图由即梦AI生成"), ("big5", "此圖片由AI生成"),
    ("big5", "由豆包AI生成"), ("shift_jis", "AIによって生成された画像"), ("euc_kr", "AI로 생성된 이미지"),
    ("cp1251", "Создано с помощью ИИ"),
    ("koi8_r", "Сгенерировано ИИ"), ("euc_jp", "AIによって生成された画像"),
]  # fmt: skip
PRODUCERS = [
    ("gb18030", "豆包"), ("gb18030", "美图设计室（厦门）"), ("gb18030", "鎔峯科技"), ("big5", "成功許蓋科技"),
    ("shift_jis", "表示ソフト"), ("euc_kr", "카카오 이미지"), ("cp1251", "Шедеврум"), ("koi8_r", "Шедеврум"),
    ("euc_jp", "画像生成ソフト"), ("cp1253", "Εργαστήριο εικόνων"),
    ("cp1255", "סטודיו לתמונות"), ("cp1256", "استوديو الصور"), ("cp1250", "Pracownia zdjęć Łódź"),
]  # fmt: skip


def _exif(tag: int, kind: int, content: bytes, inner: bool = False) -> bytes:
    entry = {tag: (kind, content)}
    block = build.tiff_block({}, entry) if inner else build.tiff_block(entry)
    return build.with_segments((0xE1, b"Exif\0\0" + block))


def _iptc(number: int, content: bytes, before: bytes = b"") -> bytes:
    record = before + b"\x1c\x02" + bytes((number,)) + struct.pack(">H", len(content)) + content
    return build.with_segments((0xED, b"Photoshop 3.0\0" + build.resource(0x0404, record)))


TEXT_PLACES: dict[str, Callable[[bytes], bytes]] = {
    "user comment": lambda raw: _exif(0x9286, 7, bytes(8) + raw, inner=True),
    "user comment said to be ASCII": lambda raw: _exif(0x9286, 7, b"ASCII\0\0\0" + raw, inner=True),
    "user comment said to be JIS": lambda raw: _exif(0x9286, 7, b"JIS\0\0\0\0\0" + raw, inner=True),
    "user comment said to be Unicode": lambda raw: _exif(0x9286, 7, b"UNICODE\0" + raw, inner=True),
    "user comment without its prefix": lambda raw: _exif(0x9286, 7, raw, inner=True),
    "description": lambda raw: _exif(0x010E, 2, raw + b"\0"),
    "xp comment": lambda raw: _exif(0x9C9C, 1, raw + b"\0\0"),
    "caption": lambda raw: _iptc(120, raw),
    "caption said to be UTF-8": lambda raw: _iptc(120, raw, b"\x1c\x01\x5a\0\3\x1b%G"),
    "png text": lambda raw: build.png(None, (b"tEXt", b"Description\0" + raw)),
    "jpeg comment": lambda raw: build.with_segments((0xFE, raw)),
    "after the picture": lambda raw: build.saved("JPEG") + raw,
    "gif comment": lambda raw: build.gif(b"\x21\xfe" + build.sub_blocks(raw)),
}
NAME_PLACES: dict[str, Callable[[bytes], bytes]] = {
    "software": lambda raw: _exif(0x0131, 2, raw + b"\0"),
    "program": lambda raw: _iptc(65, raw),
    "png software": lambda raw: build.png(None, (b"tEXt", b"Software\0" + raw)),
}


@pytest.mark.parametrize(("encoding", "text"), SENTENCES)
def test_a_text_comes_out_as_it_was_written(encoding: str, text: str) -> None:
    assert guess_text(text.encode(encoding)) == text
    assert guess_text(text.encode(encoding) + b"\0\0") == text


@pytest.mark.parametrize(("encoding", "text"), [one for one in SENTENCES if len(one[1]) > 5])
def test_a_text_cut_within_a_character_keeps_its_beginning(encoding: str, text: str) -> None:
    raw = (text * 2).encode(encoding)[:-1]
    assert guess_text(raw).startswith(text)


@pytest.mark.parametrize("place", TEXT_PLACES)
@pytest.mark.parametrize(("encoding", "producer"), PRODUCERS)
def test_a_label_counts_and_names_its_producer(encoding: str, producer: str, place: str) -> None:
    label = {"AIGC": {"Label": "1", "ContentProducer": producer, "ProduceID": "x1"}}
    found = said(TEXT_PLACES[place](json.dumps(label, ensure_ascii=False).encode(encoding)))
    assert "metadata.aigc_label" in found and producer in found


@pytest.mark.parametrize("place", NAME_PLACES)
@pytest.mark.parametrize(("encoding", "name", "code"), NAMES)
def test_a_tool_is_named(encoding: str, name: str, code: str, place: str) -> None:
    found = said(NAME_PLACES[place](name.encode(encoding)))
    assert f"metadata.{code}" in found and name in found


@pytest.mark.parametrize("place", [place for place in TEXT_PLACES if place != "after the picture"])
@pytest.mark.parametrize(("encoding", "claim"), CLAIMS)
def test_what_says_that_ai_made_it_counts(encoding: str, claim: str, place: str) -> None:
    assert "metadata.generator_name" in said(TEXT_PLACES[place](claim.encode(encoding)))


@pytest.mark.parametrize("place", [*TEXT_PLACES, *NAME_PLACES])
@pytest.mark.parametrize("encoding", HONEST)
def test_honest_words_name_nothing(encoding: str, place: str) -> None:
    write = {**TEXT_PLACES, **NAME_PLACES}[place]
    for text in HONEST[encoding]:
        reasons = read_provenance(read_photo(write(text.encode(encoding))))
        assert evidence_of(reasons) != "declared_ai", (text, [one.code for one in reasons])


@pytest.mark.slow
def test_honest_words_read_in_a_wrong_encoding_name_nothing() -> None:
    """Even where the guess were wrong, no tool appears by chance."""
    for encoding, text in SENTENCES:
        for other in HONEST:
            wrong = text.encode(encoding).decode(other, "replace")
            if wrong != text:
                found = said(build.with_segments((0xFE, wrong.encode())))
                assert "generator" not in found and "aigc" not in found, (text, other)


def test_random_bytes_are_some_text_in_little_time() -> None:
    random = np.random.default_rng(3)
    started = time.process_time()
    for _ in range(200):
        raw = random.integers(1, 256, random.integers(0, 3000), dtype=np.uint8).tobytes()
        assert isinstance(guess_old(raw), str)
    assert (time.process_time() - started) / 200 < 0.02


def test_what_is_not_ascii_is_looked_at_wherever_it_begins() -> None:
    text = f'{{"prompt": "{"a torn shirt, " * 100}", "作者": "袖口有污渍"}}'
    assert guess_text(text.encode("gb18030")) == text


def test_a_file_of_many_texts_costs_little_and_says_that_not_all_were_read() -> None:
    texts = (b"tEXt", *(f"{index} 袖口有污渍，要求退款".encode("gb18030") for index in range(20_000)))
    data = build.png(None, *((texts[0], b"k%d\0" % index + text) for index, text in enumerate(texts[1:])))
    photo = read_photo(data)
    started = time.process_time()
    codes = [one.code for one in read_provenance(photo)]
    assert time.process_time() - started < 1.0
    assert "metadata.unread" in codes


def test_a_guess_rests_on_a_sample() -> None:
    text = "衬衫破了一个洞，" * SAMPLE
    started = time.process_time()
    assert guess_old(text.encode("gb18030")) == text
    assert time.process_time() - started < 0.05


@pytest.mark.parametrize(("encoding", "text"), [one for one in SENTENCES if len(one[1]) > 4])
def test_a_long_text_is_read_where_its_sample_ends_within_a_character(encoding: str, text: str) -> None:
    for before in ("", "a", "a torn shirt, " * 9):
        long = before + f"{text}, " * SAMPLE
        assert guess_old(long.encode(encoding)) == long
