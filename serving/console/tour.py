"""The tour of a page: what its parts are for, a sentence each, for whoever is there for the first time.

In: the page's template. Out: steps, each with the part of the page that it is about; `tour.js` shows them.
"""

from dataclasses import dataclass

from refundlens.serving.kit.language import Language, texts


@dataclass(frozen=True)
class TourStep:
    """at: a selector, of which the first part that is seen counts. says: a sentence. keys: whether it is about a
    keyboard, which a phone has not."""

    at: str
    says: str
    keys: bool = False


TOURS: dict[str, tuple[tuple[str, str], ...]] = {
    "merchant/refunds.html": (
        ("open_refunds", "main h1"),
        ("tick_photos", ".photos, .empty"),
        ("report_them", ".photos, .bar"),
        ("find_again", 'nav a[href="/history"]'),
        ("be_told", 'a[href="/notifications"]'),
    ),
    "review/queue.html": (
        ("take_case", "a.button"),
        ("narrow_queue", ".filter-box"),
        ("by_keyboard", ".docket, .empty"),
        ("see_appeals", 'nav a[href="/appeals"]'),
    ),
    "admin/people.html": (
        ("subjects", "main nav"),
        ("make_keys", "main .sheet"),
    ),
}
"""By template: names of sentences, and selectors."""
KEYS = ("by_keyboard",)
"""Sentences about a keyboard."""


def tour_of(template: str, language: Language) -> list[TourStep]:
    """Nothing for a page that has none."""
    says = texts("tour", language)["says"]
    return [TourStep(at, says[name], name in KEYS) for name, at in TOURS.get(template, ())]
