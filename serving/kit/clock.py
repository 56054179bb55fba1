"""The one place that knows the time. `create_app` takes a clock, so tests can set it.

Times that callers send: with a zone, and of years in which refunds can be.

In: RFC 3339. Out: an aware datetime in UTC, from which days can be taken away and to which they can be added.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, PlainSerializer, WithJsonSchema

Clock = Callable[[], datetime]
"""Gives the time now, with a zone."""


def utc_now() -> datetime:
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """UTC with milliseconds, as the API writes times: 2026-11-22T06:08:03.120Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""No time, in a column that is sorted by: behind every deadline. An empty one would come first on one database and last
on the other."""


def rfc3339_or_none(moment: datetime | None) -> str | None:
    """As answers, webhooks and evidence have it; none for no time."""
    return None if moment is None or moment == NEVER else rfc3339(moment)


Timestamp = Annotated[
    datetime,
    PlainSerializer(rfc3339_or_none, when_used="json"),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
"""A time in an answer."""

EARLIEST, LATEST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
"""Before the first, no platform had refunds; nobody waits for the last."""


def _sensible(moment: datetime) -> datetime:
    if not EARLIEST <= moment <= LATEST:
        raise ValueError(f"a time from {EARLIEST:%Y} to {LATEST:%Y}")
    return moment.astimezone(UTC)


def _written(value: object) -> object:
    """Times are RFC 3339 texts; a number could mean seconds or milliseconds."""
    if isinstance(value, str | datetime) and not str(value).strip().lstrip("+-").replace(".", "").isdigit():
        return value
    raise ValueError("a time as RFC 3339 text, such as 2026-11-24T08:00:00Z")


Moment = Annotated[AwareDatetime, BeforeValidator(_written), AfterValidator(_sensible)]
