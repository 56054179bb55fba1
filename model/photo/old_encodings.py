"""Which of the older encodings of Asia and Europe a text is in, by how common its letters are.

In: bytes that are no UTF-8. Out: the text, read in the encoding that explains them with the fewest bits: the sum over
its characters of how much each surprises in that language. Chinese in Big5 is rare characters where it is read as GBK,
Russian in KOI8-R is capitals within words where it is read as windows-1251, and German has its letters with marks one
by one between plain ones (`model.photo.alphabets`). Short texts are told apart, too: two characters mostly suffice,
which is why this is code of ours: docs/provenance.md has what `python -m tests.load.old_encodings` measures.
What is not told is read as Western Europe's: of windows-1250 most texts whose only marks are letters that French,
Danish or Portuguese have in the same place.

The figures are bits, rounded: a letter's cost is about the logarithm of how many letters are as common as it is.
"""

import codecs
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

from refundlens.model.photo import alphabets

SAMPLE = 256
"""Bytes that a guess rests on, from shortly before the first that is not ASCII."""
BEFORE = 24
"""Plain bytes of those: what stands beside a letter tells, too."""
MOST_LETTERS = 20_000
"""Characters of a language whose bits are kept."""
_NOT_ASCII = re.compile(rb"[\x80-\xff]")
COMMON_CHINESE = frozenset(
    "的一是在不了有和人这中大为上个国我以要他时来用们生到作地于出就分对成会可主发年动同工也能下过子说产种面而方后"
    "多定行学法所民得经十三之进着等部度家电力里如水化高自二理起小物现实加量都两体制机当使点从业本去把性好应开它合"
    "还因由其些然前外天政四日那社义事平形相全表间样与关各重新线内数正心反你明看原又么利比或但质气第向道命此变条只"
    "没结解问意建月公无系军很情者最立代想已通并提直题党程展五果料象员革位入常文总次品式活设及管特件长求老头基资边"
    "流路级少图山统接知较将组见计别她手角期根论运农指几九区强放决西被干做必战先回则任取据处队南给色光门即保治北造"
    "百规热领七海口东导器压志世金增争济阶油思术极交受联什认六共权收证改清己美再采转更单风切打白教速花带安场身车例"
    "真务具万每目至达走积示议声报斗完类八离华名确才科张信马节话米整空元况今集温传土许步群广石记需段研界拉林律叫且"
    "究观越织装影算低持音众书布复容儿须际商非验连断深难近矿千周委素技备半办青省列习响约支般史感劳便团往酸历市克何"
    "除消构府称太准精值号率族维划选标写存候毛亲快效斯院查江型眼王按格养易置派层片始却专状育厂京识适属圆包火住调满"
    "县局照参红细引听该铁价严破洞像店铺衬衫裤鞋衣服退款换货颜尺寸码坏漏脏污渍霉裂缝痕摔碎箱递客户买卖拍摄视频编辑"
    "版描述签软秀豆梦灵醒剪映智绘创画笔词模考谱宝混钉请谢您吗吧呢啊哦错误掉"
    # traditional forms
    "這為個國時來們於對會發動過說産種麵後學經進著電裏現實兩體製機當點從業應開還義間樣與關內數麼質氣變條隻沒結問"
    "無係軍並題黨員總設長頭資邊級圖統較將組見計論運農幾區強決戰則據處隊給門規熱領東導壓爭濟階術極聯認權證轉單風帶"
    "場車務萬達積議聲報類離華確纔張馬節話況溫傳許廣記觀織裝眾書復兒須際驗連斷難礦備辦習響約勞團剋構稱準號維劃選標"
    "寫親養層卻專狀廠識適屬圓調滿縣參紅細聽該鐵價嚴鋪襯褲換貨碼壞髒汙漬黴縫遞戶買賣攝視頻編輯簽軟夢靈繪創畫筆詞譜"
    "寶釘請謝嗎錯誤裡線顏甚"
)
"""The characters that are met most in Chinese, and the words of shops, photos and programs."""
COMMON_HANGUL = frozenset(
    "이다는의에하을가고로기지사은도를서한리인어자대아나시있그해일들부정스수라보주전상만과제여거적동원장면으연구경"
    "세생비유조공안말문것성계신우중국오모방선내분물위무당행소게산미단개화진년간발히실력마치업두호관회차교심명강바"
    "할했던러야체저통학용요현남복음입출식법결외설습초표형특석타품건각니까없됨않옷멍셔츠파손배송색반환불얼룩크림찢"
    "김박최임영준민트프브즈카코토포노쿠투푸루누키티피디케테페레메네데베엘옵션픽셀컴퓨터램앱웹샵폰뷰블클플글돌뤼튼"
    "옥찍켜꺼같좋많못받됩됐였겠셨존록움"
)
_PUNCTUATION = 9.0
"""Bits of an East Asian comma, bracket or full-width letter."""


def guess_old(raw: bytes) -> str:
    """The text; where nothing explains the bytes better, read as Western Europe's."""
    first = _NOT_ASCII.search(raw)
    start = max(0, first.start() - BEFORE) // 2 * 2 if first else 0  # even, for two bytes a character
    sample = raw[start : start + SAMPLE]
    whole = start + SAMPLE >= len(raw)
    costs = [
        (cost, candidate)
        for candidate in _CANDIDATES
        if (cost := _bits(sample, candidate, whole)) is not None
    ]
    best = min(costs, key=lambda one: one[0], default=(0.0, None))[1]
    return raw.decode(best.encoding, "replace") if best is not None else raw.decode("latin-1")


@dataclass(frozen=True)
class Hypothesis:
    """encoding: Python's name. cost: bits of a text in it. prior: bits for how seldom it is met here."""

    encoding: str
    cost: Callable[[str], float]
    prior: float


def _bits(raw: bytes, candidate: Hypothesis, whole: bool) -> float | None:
    """Bits of these bytes in an encoding; None where they are no text in it. A character cut off at the end is left
    out, at the cost of a rare one where the text itself ends there (whole)."""
    decoder = codecs.getincrementaldecoder(candidate.encoding)()
    try:
        text = decoder.decode(raw)
    except UnicodeDecodeError:
        return None
    left = alphabets.OTHER if whole and decoder.getstate()[0] else 0.0
    return candidate.prior + candidate.cost(text) + left


def _east_asian(text: str, of_letter: Callable[[str], float], of_space: float = 0) -> float:
    """One character alone between Latin letters surprises, as does a space where a language has none (of_space)."""
    bits = 0.0
    for before, letter, after in zip(" " + text, text, text[1:] + " ", strict=False):
        bits += of_letter(letter)
        if not letter.isascii() and before.isascii() and after.isascii():
            bits += 6 * before.isalpha() + 6 * after.isalpha()
        if letter == " " and before > "\u3000" and after > "\u3000":
            bits += of_space
    return bits


def _row(letter: str, encoding: str) -> int:
    """The first byte of a character in a set of two bytes a character; 0 where the set has it not."""
    try:
        packed = letter.encode(encoding)
    except UnicodeEncodeError:
        return 0
    return packed[0] if len(packed) == 2 else 0


def _shared(letter: str) -> float:
    """Bits of what all East Asian texts hold."""
    if letter.isascii():
        return alphabets.ascii_bits(letter)
    if "\u3000" <= letter <= "\u3020" or "\uff01" <= letter <= "\uff5e" or letter in "·—‘’“”…×℃¥￥®©™°":
        return _PUNCTUATION
    return alphabets.OTHER


def _han(letter: str, row: int, common: tuple[int, int], rare: tuple[int, float]) -> float:
    """common: first and last row of a set's commoner characters. rare: first row of its rarer ones, and their bits."""
    if letter in COMMON_CHINESE:
        return 9.5
    return 13.5 if common[0] <= row <= common[1] else rare[1] if row >= rare[0] else _shared(letter)


@lru_cache(maxsize=MOST_LETTERS)
def _of_chinese(letter: str) -> float:
    # rows of common characters, in the order of their sound, then of rarer ones, by strokes
    return _han(letter, _row(letter, "gb2312"), (0xB0, 0xD7), (0xD8, 18.0))


@lru_cache(maxsize=MOST_LETTERS)
def _of_traditional(letter: str) -> float:
    return _han(letter, _row(letter, "big5"), (0xA4, 0xC6), (0xC9, 19.0))


@lru_cache(maxsize=MOST_LETTERS)
def _of_japanese(letter: str) -> float:
    if "\u3041" <= letter <= "\u3093" or "\u30a1" <= letter <= "\u30f6" or letter == "ー":
        return 7.0
    row = _row(letter, "shift_jis")
    if row >= 0x88 and not 0xA0 <= row <= 0xDF:
        return (11.5 if letter in COMMON_CHINESE else 13.5) if row <= 0x97 else 19.0
    return 16.0 if "\uff66" <= letter <= "\uff9f" else _shared(letter)


@lru_cache(maxsize=MOST_LETTERS)
def _of_korean(letter: str) -> float:
    if letter in COMMON_HANGUL:
        return 8.5
    if "\uac00" <= letter <= "\ud7a3":
        return 12.5 if _row(letter, "euc_kr") else 20.0
    return _shared(letter)


_chinese = partial(_east_asian, of_letter=_of_chinese, of_space=3)
_traditional = partial(_east_asian, of_letter=_of_traditional, of_space=3)
_japanese = partial(_east_asian, of_letter=_of_japanese, of_space=3)
_korean = partial(_east_asian, of_letter=_of_korean)


_CANDIDATES = (
    Hypothesis("cp1252", alphabets.western, 2), Hypothesis("latin-1", alphabets.western, 3),
    Hypothesis("gb18030", _chinese, 0), Hypothesis("cp950", _traditional, 3), Hypothesis("cp932", _japanese, 3),
    Hypothesis("euc_jp", _japanese, 6), Hypothesis("cp949", _korean, 4),
    Hypothesis("cp1251", alphabets.cyrillic, 3), Hypothesis("koi8_r", alphabets.cyrillic, 4),
    Hypothesis("cp1253", alphabets.greek, 6), Hypothesis("iso8859_7", alphabets.greek, 7),
    Hypothesis("cp1255", alphabets.hebrew, 6), Hypothesis("cp1256", alphabets.arabic, 7),
    Hypothesis("cp1250", alphabets.central, 5),
    *(
        Hypothesis(order, cost, prior)
        for order, prior in (("utf-16-le", 7), ("utf-16-be", 8))
        for cost in (_chinese, _traditional, _japanese, _korean)
    ),
)  # fmt: skip
"""In order of what wins a draw. UTF-16 is met without its mark, too."""
