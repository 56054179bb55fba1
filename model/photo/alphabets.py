"""How much the letters of a text surprise in a language that has an alphabet: what encodings are told apart by.

In: text, read in some encoding. Out: bits; the fewer, the likelier it is that somebody wrote it
(`model.photo.old_encodings`, where the figures' origin is told). Letters of one script cost what they are common for;
Latin letters with marks have to be those of one language, since what is a Czech word in one encoding is French, Danish
and Italian at once in the other.
"""

from collections.abc import Mapping, Set
from functools import partial

ASCII = 5.0
OTHER = 26.0
"""Bits of a plain character; of what fits no language."""
_SIGN = 9.0
_RARE = 11.0
"""Bits of a sign that texts of every alphabet hold; of an alphabet's own sign, or a letter that is hardly used."""
_ASTRAY = 9.0
"""Bits of a capital behind a small letter, and of a letter that only ends words within one."""
_IN_PLACE = -2.0
"""Bits of such a letter at a word's end, less than its own."""
_TOUCHING = 12.0
"""Bits of a letter beside a Latin one: a mark in a Latin word, read as another alphabet."""
_SIGNS = frozenset("°©®€“”„‘’–—…²³½¼×«»·™¿¡§¹ªº\u00a0£")
_WITHIN = frozenset("’‘·ºª–—\u00a0")
"""Signs that may stand between two letters."""
_RAISED = frozenset("¹²³")
"""Figures that follow a unit and that no letter follows."""
_ENDING = frozenset("ςםןךףץةى")


def _letters(*groups: tuple[float, str]) -> dict[str, float]:
    return {letter: bits for bits, letters in groups for letter in letters}


RUSSIAN = _letters(
    (3.5, "оеаи"), (4.2, "нтсрвл"), (5.1, "кмдпу"), (5.8, "яыьгзбч"), (6.7, "йхж"), (7.4, "шюц"), (8.3, "щэф"),
    (9.0, "іїё"), (_RARE, "ъєґў"),
)  # fmt: skip
"""Small letters of Russian, Ukrainian and Belarusian, and their bits."""
GREEK = _letters(
    (3.5, "αοιετν"), (4.4, "σηρκπυς"), (5.0, "μλί"), (5.8, "άόέδγή"), (6.8, "ώφχωβθύ"), (8.3, "ζξψ"), (_RARE, "ϊϋΐΰ"),
)  # fmt: skip
HEBREW = _letters(
    (3.4, "יהול"), (4.2, "ארתבשמ"), (5.0, "םנעדחקכ"), (6.2, "פטןגזצס"), (7.5, "ךףץ"), (_RARE, "־׳״"),
)  # fmt: skip
ARABIC = _letters(
    (3.2, "ال"), (4.0, "يمونرت"), (4.8, "بةعدسفهك"), (5.6, "قأحجشص"), (6.5, "طخىضثذإ"), (7.5, "ءغزئظآؤ"),
    (9.0, "پچژگ"), (_RARE, "،؛؟ًٌٍَُِّْـ"),
)  # fmt: skip
"""Letters of Arabic, and those that Persian and Urdu add; vowel signs."""

WESTERN: tuple[Set[str], ...] = tuple(map(frozenset, (
    "äöüß", "àâçéèêëîïôùûüœæ", "áéíñóúüç", "áâãàçéêíóôõúü", "àèéìíòóùî", "åäöé", "æøåéôòóü", "áéëïíóöúèê", "äöõüšž",
    "áðéíóúýþæö", "çàèéíïòóúü",
)))  # fmt: skip
"""Letters with marks of German, French, Spanish, Portuguese, Italian, Swedish and Finnish, Danish and Norwegian, Dutch,
Estonian, Icelandic, Catalan."""
CENTRAL: tuple[Set[str], ...] = tuple(map(frozenset, (
    "ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű",
)))  # fmt: skip
"""Those of Polish, Czech, Slovak and Hungarian. Romanian, Croatian, Slovenian and Turkish are left out: letters alone
do not tell them from Western Europe's (18 to 69 % of their texts were read right)."""
_NO_OTHER = 6.0
"""Bits of a letter that the language of the other letters does not have."""


def _alphabet(text: str, letters: Mapping[str, float]) -> float:
    """A capital after a small letter surprises, as does a letter that touches a Latin one, or stands alone among Latin
    words."""
    bits = 0.0
    latin = any(letter.isascii() and letter.isalpha() for letter in text)
    for before, letter, after in zip(" " + text, text, text[1:] + " ", strict=False):
        small = letter.lower()
        if letter.isascii():
            bits += ascii_bits(letter)
        elif small in letters:
            bits += letters[small]
            if small != letter:
                bits += _ASTRAY if before.islower() else 0.3 if before.isupper() else 2.0
            bits += (_ASTRAY if after.isalpha() else _IN_PLACE) if letter in _ENDING else 0
            beside = [one for one in (before, after) if one.isascii()]
            bits += sum(_TOUCHING if one.isalpha() else 6 * one.isdigit() for one in beside)
            bits += 6 if latin and len(beside) == 2 else 0
        else:
            bits += _RARE if letter in "«»—–№“”„…’\u200e\u200f" else OTHER
    return bits


def _latin(text: str, languages: tuple[Set[str], ...]) -> float:
    """Letters with marks stand one by one and are those of one language; a capital does not follow a small letter."""
    bits = 0.0
    marked = []
    for before, letter, after in zip(" " + text, text, text[1:] + " ", strict=False):
        if letter.isascii():
            bits += ascii_bits(letter)
        elif letter in _SIGNS:
            within = (before.isalpha() and letter not in _WITHIN) or letter in _RAISED
            bits += _SIGN + (_ASTRAY if within and after.isalpha() else 0)
        elif letter.isalpha():
            beside = [one for one in (before, after) if one.isascii()]
            alone = len(beside) == 2 or any(one.isalpha() for one in beside)
            bits += 7 if alone else 13
            bits += 8 if letter.isupper() and before.islower() else 0
            marked.append(letter.lower())
        else:
            bits += 18 if letter.isprintable() else OTHER
    return bits + _NO_OTHER * min(sum(one not in known for one in marked) for known in languages)


def ascii_bits(letter: str) -> float:
    """Bits of an ASCII character."""
    return ASCII if letter.isprintable() or letter in "\t\r\n" else OTHER


cyrillic = partial(_alphabet, letters=RUSSIAN)
greek = partial(_alphabet, letters=GREEK)
hebrew = partial(_alphabet, letters=HEBREW)
arabic = partial(_alphabet, letters=ARABIC)
western = partial(_latin, languages=WESTERN)
central = partial(_latin, languages=CENTRAL)
