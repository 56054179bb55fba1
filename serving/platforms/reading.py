"""Reads fields of a platform's JSON strictly: what is malformed raises, what is merely new is kept and listed.

In: a JSON object as a mapping. Out: texts, whole numbers, flags, table look-ups, fen, UTC times.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, TypeVar

from refundlens.serving.platforms.types import UnreadableRefund

T = TypeVar("T")

CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")
"""China has kept UTC+8 without summer time since 1991, before any platform; so no table of time zones is needed."""
TAOBAO_TIME = "%Y-%m-%d %H:%M:%S"
RAW_CHARACTERS = 200
"""An unknown value is kept up to this many characters: names of states have under 40, and it goes into logs."""
MAX_INT64 = 2**63 - 1
"""Taobao's ids and versions are signed 64-bit; SQLite's and PostgreSQL's widest integers are too."""
_YUAN = re.compile(r"(\d{1,12})(?:\.(\d{1,2}))?", re.ASCII)
_DIGITS = re.compile(r"\d{1,19}", re.ASCII)


class Fields:
    """A JSON object, and what was met in it that our tables do not know."""

    def __init__(self, data: Mapping[str, Any]) -> None:
        if not isinstance(data, Mapping):
            raise UnreadableRefund("wrong_object", "", f"Expected a JSON object, not {type(data).__name__}.")
        self.data = data
        self.unknown: list[str] = []

    def text(self, *names: str) -> str | None:
        """The first of these fields that holds any text; whole numbers count, since ids come as either."""
        for name in names:
            value = self.data.get(name)
            if isinstance(value, str | int) and not isinstance(value, bool):
                if stripped := str(value).strip():
                    return stripped
            elif value is not None:
                raise _malformed(name, value, "text")
        return None

    def required(self, name: str) -> str:
        value = self.text(name)
        if value is None:
            advice = f"Ask the platform for the field {name!r} too; a refund cannot be mirrored without it."
            raise UnreadableRefund("missing_field", name, advice)
        return value

    def whole(self, name: str) -> int | None:
        """A whole number from 0 to 2**63 - 1, written as a JSON number or as digits."""
        value = self.text(name)
        if value is None:
            return None
        if not _DIGITS.fullmatch(value) or int(value) > MAX_INT64:
            raise _malformed(name, value, "a whole number of 64 bits")
        return int(value)

    def flag(self, name: str) -> bool | None:
        """A JSON truth value, or the word for it, which some of the platform's gateways send."""
        value = self.data.get(name)
        if value is None or isinstance(value, bool):
            return value
        if value in ("true", "false"):
            return bool(value == "true")
        raise _malformed(name, value, "true or false")

    def inner(self, name: str) -> "Fields | None":
        """A nested object, None where there is none. What is unknown in it must be asked of it."""
        value = self.data.get(name)
        if value is None:
            return None
        if not isinstance(value, Mapping):
            raise _malformed(name, value, "an object")
        return Fields(value)

    def identifier(self, name: str) -> str | None:
        """An id that may have been expanded into the object it names, as Stripe does on request."""
        if isinstance(self.data.get(name), Mapping):
            return Fields(self.data[name]).text("id")
        return self.text(name)

    def choice(self, name: str, table: Mapping[str, T]) -> T | None:
        """What the table says of this field. None where the field is absent, or not in the table: then it is listed."""
        value = self.text(name)
        if value is None:
            return None
        if value not in table:
            self.note(name, value)
            return None
        return table[value]

    def note(self, name: str, value: str) -> None:
        self.unknown.append(f"{name}={value[:RAW_CHARACTERS]}")

    def fen(self, name: str) -> int | None:
        """An amount of yuan, exactly; see `fen`."""
        value = self.data.get(name)
        if value is None:
            return None
        if not isinstance(
            value, str
        ):  # 12.0 has lost its decimals, and 1200 may be fen: neither can be trusted
            raise _malformed(name, value, 'yuan as text, such as "12.00"')
        return fen(value, name)

    def china_time(self, name: str) -> datetime | None:
        value = self.text(name)
        return None if value is None else china_time(value, name)


def _malformed(name: str, value: object, expected: str) -> UnreadableRefund:
    shown = repr(value)[:RAW_CHARACTERS]
    advice = f"{name!r} should be {expected}, not {shown}. Pass the platform's JSON on as it came."
    return UnreadableRefund("malformed_field", name, advice)


def fen(yuan: str, name: str = "amount") -> int:
    """'200.07' → 20007: by digits, never by floating point. Up to two decimals, under 10**12 yuan, not negative.

    Raises UnreadableRefund for anything else.
    """
    match = _YUAN.fullmatch(yuan)
    if match is None:
        raise _malformed(name, yuan, 'yuan with at most two decimals, such as "12.00"')
    return int(match[1]) * 100 + int((match[2] or "").ljust(2, "0"))


def yuan(amount: int) -> str:
    """20007 → '200.07', as Taobao writes amounts."""
    return f"{amount // 100}.{amount % 100:02}"


def china_time(text: str, name: str = "time") -> datetime:
    """'2026-11-22 18:00:00' in China → 10:00 UTC of that day, aware. Raises UnreadableRefund."""
    try:
        return datetime.strptime(text, TAOBAO_TIME).replace(tzinfo=CHINA).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _malformed(name, text, 'a time such as "2026-11-22 18:00:00"') from None


def china_text(moment: datetime) -> str:
    """An aware time as Taobao writes it, to the second below."""
    return moment.astimezone(CHINA).strftime(TAOBAO_TIME)


def unix_time(seconds: int, name: str) -> datetime:
    """Seconds since 1970 → aware UTC. Raises UnreadableRefund beyond the year 9999."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        raise _malformed(name, seconds, "a time in seconds since 1970") from None
