"""Amounts by ISO 4217's exponents, in English and Chinese."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from refundlens.serving.kit.language import Language
from refundlens.serving.kit.money import decimals, money, rank, written

ALIKE = ("CNY", "JPY", "USD", "HKD", "TWD", "SGD", "AUD", "CAD")
"""Currencies whose own signs are the same two."""


def _plain(minor: int, currency: str, language: str) -> str:
    return money(minor, currency, "zh" if language == "zh" else "en").replace("\xa0", " ")


@pytest.mark.parametrize(
    ("minor", "currency", "english", "chinese"),
    [
        (12345, "KWD", "KWD 12.345", "KWD 12.345"),
        (1_234_567, "ISK", "ISK 1,234,567", "ISK 1,234,567"),
        (500, "JPY", "JP¥500", "JP¥500"),
        (128_000, "CNY", "¥1,280.00", "¥1,280.00"),
        (12_800, "USD", "$128.00", "US$128.00"),
        (5, "EUR", "€0.05", "€0.05"),
        (0, "CNY", "¥0.00", "¥0.00"),
        (10**15, "CNY", "¥10,000,000,000,000.00", "¥10,000,000,000,000.00"),
        (12_345, "HUF", "HUF 123.45", "HUF 123.45"),  # people round to forints; APIs count in fillér
        (12_345, "IQD", "IQD 12.345", "IQD 12.345"),
        (12_345, "QQQ", "QQQ 123.45", "QQQ 123.45"),  # no such currency: the API takes any three letters
        (12_345, "XAU", "XAU 123.45", "XAU 123.45"),
    ],
)
def test_amounts_as_people_write_them(minor: int, currency: str, english: str, chinese: str) -> None:
    assert (_plain(minor, currency, "en"), _plain(minor, currency, "zh")) == (english, chinese)


@given(
    st.integers(0, 10**15),
    st.sampled_from(["KWD", "ISK", "JPY", "CNY", "CLF", "HUF", "QQQ"]),
    st.sampled_from(["en", "zh"]),
)
def test_no_digit_is_lost_or_moved(minor: int, currency: str, language: str) -> None:
    written = _plain(minor, currency, language)
    number = "".join(character for character in written if character in "0123456789.")
    assert Decimal(number) * 10 ** decimals(currency) == minor


@given(
    st.integers(0, 10**13 - 1),
    st.sampled_from(["KWD", "ISK", "JPY", "CNY", "USD", "HKD", "KRW", "HUF", "QQQ"]),
    st.sampled_from(["en", "zh"]),
)
def test_what_is_shown_can_be_typed(minor: int, currency: str, language: str) -> None:
    """Whoever copies an amount from a page into a field is understood."""
    shown = money(minor, currency, "zh" if language == "zh" else "en")
    assert written(shown) == Decimal(minor).scaleb(-decimals(currency))


@pytest.mark.parametrize("text", ["", "a lot", "e5", "NaN", "-1", "12 or 13", "1e99"])
def test_what_is_no_amount_is_none(text: str) -> None:
    assert written(text) is None


def test_no_two_currencies_look_alike() -> None:
    """A shop with orders in yuan and yen tells them apart."""
    languages: tuple[Language, ...] = ("en", "zh")
    for language in languages:
        shown = [money(0, one, language)[:-1].rstrip("0.") for one in ALIKE]
        assert len(set(shown)) == len(ALIKE), shown


def test_a_queue_ranks_by_the_currency_and_not_by_its_smallest_unit() -> None:
    """100.000 dinars before 50.00 yuan before 20 yen, whatever number counts them."""
    assert rank(100_000, "KWD") < rank(5_000, "CNY") < rank(20, "JPY") < rank(0, "CNY") == 0
    assert rank(12_800, "CNY") == -12_800
    assert rank(10**15, "JPY") > -(2**63)
