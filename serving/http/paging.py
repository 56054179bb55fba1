"""Keyset pages: `?limit=&cursor=` gives `items` and `next_cursor` (none on the last page).

A cursor holds the sort keys of the last row given, so that a page costs the same however far down it is and nothing is
given twice or left out when rows are added meanwhile.
"""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

from fastapi import Header, Query, Response
from pydantic_core import to_json

from refundlens.serving.http.problems import Problem
from refundlens.serving.kit.schema import Answer

DEFAULT_LIMIT = 50
MOST = 200
"""Rows of a page; a screen's worth and a batch's worth."""

Row = TypeVar("Row")
Item = Answer | dict[str, Any]
"""A row as it is shown."""
Limit = Annotated[int, Query(ge=1, le=MOST, description="rows of a page")]
Cursor = Annotated[str | None, Query(max_length=500, description="the page before gave it as `next_cursor`")]


@dataclass(frozen=True)
class Page:
    items: list[Item]
    next_cursor: str | None

    def body(self) -> dict[str, Any]:
        return {"items": self.items, "next_cursor": self.next_cursor}

    def response(self, **more: object) -> Response:
        """more: members beside the page's. Models become bytes in one go, not dicts first."""
        return Response(to_json({**self.body(), **more}, by_alias=True), media_type="application/json")


def page(
    rows: Sequence[Row], limit: int, show: Callable[[Row], Item], keys: Callable[[Row], list[Any]]
) -> Page:
    """rows: up to `limit` + 1 of them. keys: the JSON values a row is sorted by."""
    shown = rows[:limit]
    more = len(rows) > limit
    return Page([show(row) for row in shown], encode(keys(shown[-1])) if more else None)


def encode(keys: list[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(keys).encode()).decode().rstrip("=")


def exact(moment: datetime | None) -> str | None:
    """A time for a cursor, whole: rounded, it would come before its own row, which then came twice."""
    return None if moment is None else moment.isoformat()


def moment(text: str) -> datetime:
    """A time in a cursor. Raises Problem 400."""
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise _unknown() from error
    raise _unknown()


def decode(cursor: str, kinds: Sequence[type]) -> list[Any]:
    """The sort keys. kinds: the type of each. Raises Problem 400 where it is none of ours."""
    try:
        keys = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        fits = isinstance(keys, list) and len(keys) == len(kinds)
        if fits and all(_fits(key, kind) for key, kind in zip(keys, kinds, strict=True)):
            return list(keys)
    except (binascii.Error, ValueError, RecursionError):
        pass
    raise _unknown()


def _fits(key: Any, kind: type) -> bool:
    """Databases know integers of 64 bits, and one of them no text with a zero byte."""
    if kind is int:
        return isinstance(key, int) and not isinstance(key, bool) and abs(key) < 2**63
    return isinstance(key, kind) and "\0" not in str(key)


def _unknown() -> Problem:
    return Problem(400, "invalid_cursor", "This cursor is none of ours; begin again without one.")


IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        description="the ETag you saw: refused with 412 when it was changed since",
        examples=['"3"'],
    ),
]
