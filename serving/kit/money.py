"""Amounts of money as people write them, on every page.

In: an amount in the currency's smallest unit, as the API and the platforms count it. Out: text in the reader's
language.

>>> money(128000, "CNY", "en"), money(500, "JPY", "en")
('¥1,280.00', 'JP¥500')
>>> money(12345, "KWD", "en").replace("\\xa0", " ")
'KWD 12.345'
"""

import re
from decimal import Decimal, InvalidOperation

from babel import Locale
from babel.numbers import format_currency, get_currency_symbol
from iso4217 import Currency

from refundlens.serving.kit.language import Language

MOST_WRITTEN = 10**13
"""No refund is as large; what is larger is a slip, and would not fit the database."""
_CURRENCY = re.compile(r"(?:[A-Z]{2,3})?\s*[¥￥$€£₩฿₫]?\s*")
"""What may stand before an amount."""
UNKNOWN_DECIMALS = 2
"""For a code that ISO 4217 does not list, or lists without a smaller unit (gold): what most currencies have."""


def decimals(currency: str) -> int:
    """How many decimals the smallest unit is away, by ISO 4217: 0, 2, 3 or 4.

    Not CLDR's digits, which say how people round: of a forint it knows no hundredths, though amounts are counted in
    them, and a shop would read a hundred times too much.
    """
    try:
        exponent = Currency(currency).exponent
    except ValueError:
        return UNKNOWN_DECIMALS
    return UNKNOWN_DECIMALS if exponent is None else int(exponent)


def rank(minor: int, currency: str) -> int:
    """An amount's place in a queue that starts with the largest: hundredths of the currency itself, not of its smallest
    unit, negative. Currencies are not converted: nobody here knows their rates."""
    unit: int = 10 ** decimals(currency)
    return -(minor * 100 // unit)


def money(minor: int, currency: str, language: Language) -> str:
    """An amount with its currency. minor: in the smallest unit. currency: ISO 4217's three letters."""
    places = decimals(currency)
    if currency in (
        "CNY",
        "JPY",
    ):  # CLDR's English says CN¥, which nobody here writes, and ¥ of the yen alone
        language = "zh"
    locale = Locale(language)
    letters = get_currency_symbol(currency, locale)[-1:].isalpha()
    # CLDR sets a space between letters and digits, which babel leaves out; no line breaks in it
    pattern = ("¤\xa0" if letters else "¤") + "#,##0" + ("." + "0" * places if places else "")
    amount = Decimal(minor).scaleb(-places)
    return format_currency(amount, currency, pattern, locale, currency_digits=False)


def written(text: str, currency: str | None = None) -> Decimal | None:
    """An amount as people write it, with or without its currency, as `money` writes it; None for what is none.
    currency: none for any; else an amount that names another is none, either.

    >>> written("¥1,280.50"), written("JP¥500"), written("a lot")
    (Decimal('1280.50'), Decimal('500'), None)
    >>> written("$5", "CNY"), written("￥5", "CNY"), written("$5", "HKD")
    (None, Decimal('5'), Decimal('5'))
    """
    before = _CURRENCY.match(text.strip())
    named = before[0].strip() if before else ""
    if named and currency is not None and named.replace("￥", "¥") not in _signs(currency):
        return None
    try:
        found = Decimal(_CURRENCY.sub("", text.strip(), count=1).replace(",", "").replace("，", ""))
    except InvalidOperation:
        return None
    return found if found.is_finite() and 0 <= found < MOST_WRITTEN else None


def _signs(currency: str) -> set[str]:
    """What people write for it: its letters, its sign, and the sign alone where others share it."""
    whole = {get_currency_symbol(currency, Locale(language)) for language in ("en", "zh")}
    return {currency, *whole, *(one[-1:] for one in whole), *({"RMB", "CN¥"} if currency == "CNY" else ())}


def hundredths(text: str) -> int | None:
    """The same as `rank` counts, but positive."""
    found = written(text)
    return None if found is None else int(found * 100)
