"""Prefixed ids that sort by time: `det_` + 26 characters of Crockford's base 32 (a ULID: 48 bits of ms, 80 random).

>>> make_id("det", datetime(2026, 1, 1, tzinfo=UTC))[:14]
'det_01KDVDBH00'
"""

import re
import secrets
from datetime import UTC, datetime

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_BITS = 80
_LENGTH = 26
DETECTION_ID = re.compile(rf"det_[{_ALPHABET}]{{{_LENGTH}}}")


def make_id(prefix: str, moment: datetime) -> str:
    """A new id; ids of a later millisecond sort after those of an earlier one."""
    milliseconds = int(moment.astimezone(UTC).timestamp() * 1000)
    number = milliseconds << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
    digits = []
    for _ in range(_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return f"{prefix}_{''.join(reversed(digits))}"
