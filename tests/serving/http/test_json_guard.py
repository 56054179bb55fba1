"""JSON is refused before anything is built of it, however it is cut into pieces; what is fine passes."""

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as some

from refundlens.serving.http.json_guard import LIMITS, JsonGuard, JsonLimits
from refundlens.serving.http.problems import Problem

SMALL = JsonLimits(values=40, members=10, depth=5, escapes=20, gap=30)


def feed(body: bytes, limits: JsonLimits = LIMITS, piece: int = 65_536) -> JsonGuard:
    guard = JsonGuard(limits)
    for start in range(0, len(body), piece):
        guard.feed(body[start : start + piece])
    return guard


@pytest.mark.parametrize("piece", [1, 2, 3, 7, 1000])
@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"[" + b'"",' * 11 + b'""]', "members"),
        (b"[" + b"1," * 11 + b"1]", "members"),
        (b"[" * 6, "deep"),
        (b'{"a":' * 6, "deep"),
        (b"[" + b"[1,2,3,4]," * 9 + b"1]", "values"),
        (b'["' + b"\\n" * 21 + b'"]', "backslashes"),
        (b"[" + b"1" * 31 + b"]", "neither"),
        (b"[" + b" " * 31 + b"]", "neither"),
    ],
)
def test_refused_however_it_comes(body: bytes, why: str, piece: int) -> None:
    with pytest.raises(Problem, match=why) as caught:
        feed(body, SMALL, piece)
    assert caught.value.status == 413


@pytest.mark.parametrize("piece", [1, 2, 5, 1000])
@pytest.mark.parametrize(
    "body",
    [
        b'["' + b'[{,\\"]' * 15 + b'"]',  # structure within a string is text
        b'["\\\\", ["\\\\\\""], {"a": "]"}]',
        b'["' + b"x" * 100_000 + b'"]',
        b"",
        b"]]]]",  # no JSON; the parser says so
    ],
)
def test_passes(body: bytes, piece: int) -> None:
    feed(body, SMALL, piece)


def test_only_the_beginning_is_json() -> None:
    guard = JsonGuard(SMALL, length=4)
    guard.feed(b"[1,")
    guard.feed(b"2" + b"[" * 100)
    guard.feed(b"[" * 100)


@given(some.recursive(some.none() | some.integers() | some.text(), some.lists), some.integers(1, 50))
@pytest.mark.slow
def test_counts_what_a_parser_would_build(value: object, piece: int) -> None:
    """As many lists and texts as there are, wherever the pieces are cut."""

    def parts(node: object) -> int:
        if isinstance(node, list):
            return 1 + max(0, len(node) - 1) + sum(map(parts, node))
        return int(isinstance(node, str))

    limits = JsonLimits(10**6, 10**6, 10**6, 10**6, 10**6)
    assert feed(json.dumps(value).encode(), limits, piece).values == parts(value)


def test_a_flood_costs_no_more_than_its_limit() -> None:
    began = time.process_time()
    with pytest.raises(Problem):
        feed(b'{"image":[' + b'"",' * 12_000_000)
    flood = time.process_time() - began
    began = time.process_time()
    feed(b'{"image":["' + b"A" * 64_000_000 + b'"]}')
    photo = time.process_time() - began
    assert flood < 0.2 and photo < 0.5
