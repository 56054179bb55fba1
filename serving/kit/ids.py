"""Prefixed ids that sort by time: `det_` + 26 characters of Crockford's base 32 (a ULID: 48 bits of ms, 80 random).

>>> make_id("det", datetime(2026, 1, 1, tzinfo=UTC))[:14]
'det_01KDVDBH00'
"""

import re
import secrets
import threading
from datetime import UTC, datetime

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_BITS = 80
_LENGTH = 26
DETECTION_ID = re.compile(rf"det_[{_ALPHABET}]{{{_LENGTH}}}")


_lock = threading.Lock()
_last = 0


def make_id(prefix: str, moment: datetime) -> str:
    """A new id; ids of a later millisecond sort after those of an earlier one, and those that this process makes one
    after another in the same millisecond sort in that order."""
    milliseconds = int(moment.astimezone(UTC).timestamp() * 1000)
    return _write(prefix, _next(milliseconds << _RANDOM_BITS))


def first_id(prefix: str, moment: datetime) -> str:
    """Sorts before every id of this millisecond and later, and after every earlier one."""
    return _write(prefix, int(moment.astimezone(UTC).timestamp() * 1000) << _RANDOM_BITS)


def _write(prefix: str, number: int) -> str:
    digits = []
    for _ in range(_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return f"{prefix}_{''.join(reversed(digits))}"


def _next(floor: int) -> int:
    """A random number of this millisecond, or the one after the last number given in it."""
    global _last
    with _lock:
        same = _last >> _RANDOM_BITS == floor >> _RANDOM_BITS
        # the upper half only is random at first: there is room to count on
        _last = _last + 1 if same else floor | secrets.randbits(_RANDOM_BITS - 1)
        return _last
