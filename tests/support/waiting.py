"""Waits for what other threads and processes do.

In: whether it is done. Out: nothing, once it is; a test that would wait for ever fails.
"""

import time
from collections.abc import Callable

PATIENCE = 60.0
"""Seconds that nothing here takes, however busy the machine."""
PAUSE = 0.01


def until(done: Callable[[], bool], what: str = "", seconds: float = PATIENCE) -> None:
    """what: named where it never comes."""
    ends = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < ends, f"never came: {what}"
        time.sleep(PAUSE)
