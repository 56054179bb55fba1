"""Browsers, and people at them."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.support.browser import Person


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from tests.support.browser import launch, playwright

    with playwright.sync_playwright() as started:
        opened = launch(started)
        yield opened
        opened.close()


@pytest.fixture
def people(browser: Any, live: Any) -> Iterator[Callable[[str], "Person"]]:
    """Opens browsers that share nothing, each in a way of its own."""
    from tests.support.browser import Person

    opened: list[Person] = []

    def open_one(way: str) -> Person:
        opened.append(Person.at(browser, live.base, way))
        return opened[-1]

    yield open_one
    for one in opened:
        one.page.context.close()


@pytest.fixture
def person(people: Callable[[str], "Person"], way: str) -> Callable[[], "Person"]:
    """The same, all in the way that the test's module asks for."""
    return lambda: people(way)
