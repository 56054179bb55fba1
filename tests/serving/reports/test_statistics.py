"""What is counted of a shop's reports."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from refundlens.serving.reports.statistics import TOP, ProductLine, Row, Tally, count

MONDAY = datetime(2026, 11, 2, 0, 30, tzinfo=UTC)


def row(state: str, days: float = 0, refund: str = "", took: timedelta | None = None, **more: object) -> Row:
    made = MONDAY + timedelta(days=days)
    facts = {"was": None, "claim": "hole", "amount": 100, "currency": "CNY", "outcome": "undecided", "account": "shop",
             "product": None, "product_id": None, "product_title": None, **more}  # fmt: skip
    decided = None if took is None else made + took
    return Row(made, decided, state, refund=refund or f"{days}{state}", **facts)  # type: ignore[arg-type]


def test_each_report_is_in_one_part_of_the_whole() -> None:
    rows = [row(state) for state in ("submitted", "needs_review", "established", "final_established", "not_established",
                                     "final_not_established", "withdrawn", "expired")]  # fmt: skip
    rows += [row("appealed", was="established"), row("appealed", was="not_established")]
    assert count(rows, UTC).whole == Tally(reported=10, caught=3, cleared=3, pending=2, over=2)


def test_the_rate_is_of_what_was_decided_and_says_how_sure_it_is() -> None:
    few = count([row("established", 1), row("not_established", 2), row("submitted", 3)], UTC).whole
    assert few.win_rate == 0.5 and few.win_interval == pytest.approx((0.0126, 0.9874), abs=1e-3)
    assert count([row("submitted")], UTC).whole.win_rate is None


def test_money_counts_a_refund_once_and_keeps_currencies_apart() -> None:
    won = {"outcome": "merchant_supported"}
    rows = [row("established", refund="a", **won), row("established", refund="a", **won),
            row("established", refund="b", amount=5, **won), row("established", refund="c", currency="USD", **won),
            row("not_established", refund="d", outcome="buyer_supported")]  # fmt: skip
    assert count(rows, UTC).saved == {"CNY": 105, "USD": 100}


def bought(product: str, *states: str, **more: object) -> list[Row]:
    of = {"product": product, "product_id": product, "outcome": "merchant_supported", **more}
    return [row(state, number, f"{product}{number}", **of) for number, state in enumerate(states)]  # type: ignore[arg-type]


def test_products_come_in_the_order_of_their_reports_and_what_is_rare_is_one_line() -> None:
    rows = [*bought("a", "established", "established", "submitted", product_title="Shirt"), row("expired")]
    rows += [one for number in range(TOP + 1) for one in bought(f"b{number}", "not_established")]
    rows += bought("c", "established", "established")
    found = count(rows, UTC).products
    assert [one.product for one in found.top][:3] == ["a", "c", "b0"] and len(found.top) == TOP
    shirt, named_alike = found.top[:2]
    assert (shirt.title, shirt.number, shirt.saved) == ("Shirt", "a", {"CNY": 300})
    assert (shirt.tally.reported, shirt.tally.caught, shirt.tally.win_rate) == (3, 2, 1.0)
    assert named_alike.title is None
    assert found.others is not None and (found.others.products, found.others.tally.reported) == (3, 3)
    assert found.unnamed == ProductLine(Tally(reported=1, over=1), {})
    assert sum(one.tally.reported for one in found.lines) == len(rows)


def test_one_product_more_has_a_line_of_its_own() -> None:
    """Alone among "others" it looked like the reports without a product, of which there may be as many."""
    rows = [one for number in range(TOP + 1) for one in bought(f"b{number}", "expired", outcome="undecided")]
    found = count([*rows, row("expired")], UTC).products
    assert (len(found.top), found.others) == (TOP + 1, None)
    assert found.unnamed is not None and found.lines[-1] is found.unnamed


def test_a_number_of_two_shops_is_two_products_and_the_newest_title_counts() -> None:
    rows = bought("a", "established", product_title="New name") + bought(
        "a", "established", product_title="Old"
    )
    rows += bought("a", "established", account="other")
    found = count(rows, UTC).products
    assert [(one.account, one.title, one.tally.reported) for one in found.top] == [
        ("shop", "New name", 2),
        ("other", None, 1),
    ]
    assert found.others is None and found.unnamed is None


def test_weeks_have_no_gaps_and_begin_where_the_reader_lives() -> None:
    rows = [row("established", 0), row("established", 21)]
    assert [one.reported for one in count(rows, UTC).weeks.values()] == [1, 0, 0, 1]
    assert next(iter(count(rows, UTC).weeks)) == date(2026, 11, 2)
    assert next(iter(count(rows, ZoneInfo("America/Los_Angeles")).weeks)) == date(2026, 10, 26)


def test_times_to_a_verdict() -> None:
    spans = [timedelta(seconds=5)] * 7 + [timedelta(minutes=30), timedelta(hours=5), timedelta(days=3)]
    found = count([row("established", number, took=took) for number, took in enumerate(spans)], UTC)
    assert found.speeds == {"minute": 7, "hour": 1, "six_hours": 1, "day": 0, "longer": 1}
    assert (found.median, found.slow) == (timedelta(seconds=5), timedelta(days=3))


def test_nothing_is_nothing() -> None:
    found = count([], UTC)
    assert (
        found.products.lines == []
        and found.whole.reported == 0
        and found.weeks == {}
        and found.median is None
        and found.saved == {}
    )
