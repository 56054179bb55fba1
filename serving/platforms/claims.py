"""Guesses from the buyer's words which damage is claimed. Only a guess: the merchant may set another.

In: text in Chinese or English. Out: hole, stain, mould, other, or None where no damage is spoken of.
"""

import re

from refundlens.model.names import Defect

KEYWORDS: dict[Defect, tuple[str, ...]] = {
    "hole": (
        "破洞", "破了洞", "破个洞", "个洞", "有洞", "小洞", "大洞", "虫蛀", "撕裂", "撕破", "开线", "脱线", "勾丝",
        r"\bholes?\b", r"\btorn\b", r"\btears?\b", r"\bripp?ed\b", r"\brips?\b", r"\bmoth-eaten\b",
    ),
    "stain": (
        "污渍", "污迹", "污点", "污垢", "脏污", "弄脏", "很脏", "脏了", "脏的", "有脏", "油渍", "油污", "水渍", "血渍",
        "血迹", "黄渍", "黄斑", "染色", "串色",
        r"\bstain(s|ed|ing)?\b", r"\bdirty\b", r"\bsoiled\b", r"\bsmudge[ds]?\b",
    ),
    # not 霉 alone: 倒霉 is bad luck
    "mould": (
        "发霉", "霉变", "霉点", "霉斑", "霉味", "霉菌", "长霉", "生霉", "起霉", "有霉", "长毛", r"\bmou?ld(s|y|ed)?\b",
        r"\bmildew(ed|y)?\b",
    ),
    "other": (
        "破损", "损坏", "坏了", "坏的", "坏果", "烂", "碎", "裂", "划痕", "刮花", "变形", "掉漆", "变质", "腐", "瑕疵",
        "质量问题", "漏液", "漏水", "磕", "凹", r"\bdamag(e|es|ed)\b", r"\bbroken\b", r"\bcrack(s|ed)?\b",
        r"\bscratch(es|ed)?\b", r"\bdefect(s|ive)?\b", r"\brotten\b", r"\bshattered\b", r"\bdent(s|ed)?\b",
        r"\bfaulty\b", r"\bspoil(ed|t)\b", r"\bleak(s|ed|ing)?\b",
    ),
}  # fmt: skip
"""Chinese words by their characters, English ones by whole words ("whole" is no hole). In order of precedence: a named
defect before `other`, which takes all damage that the detector has no name of its own for."""
_PATTERNS = {kind: re.compile("|".join(words), re.IGNORECASE | re.ASCII) for kind, words in KEYWORDS.items()}
NAMED: tuple[Defect, ...] = ("hole", "stain", "mould")


def guess_claim(text: str) -> Defect | None:
    """The named defect that the text mentions first; else `other` if it speaks of damage at all; else None.

    >>> guess_claim("质量问题：袖口有个破洞，旁边还有污渍")
    'hole'
    """
    found = [(match.start(), kind) for kind in NAMED if (match := _PATTERNS[kind].search(text))]
    if found:
        return min(found)[1]
    return "other" if _PATTERNS["other"].search(text) else None
