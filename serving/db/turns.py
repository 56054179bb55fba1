"""Lets threads do something one at a time, in the order they came.

In: threads. Out: their turns. A `threading.Lock` is often taken again by the thread that just gave it back, and others
wait for seconds; here a turn is handed to who has waited longest.
"""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import TimeoutError as NoTurn


class Turns:
    """seconds: how long a thread waits for its turn at most."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._lock = threading.Lock()
        self._waiting: deque[threading.Lock] = deque()
        self._taken = False

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Raises SQLAlchemy's TimeoutError, as a full pool does."""
        if not self._take():
            raise NoTurn(f"no turn came within {self._seconds:g} s; somebody does not give it back")
        try:
            yield
        finally:
            self._give()

    def _take(self) -> bool:
        with self._lock:
            if not self._taken:
                self._taken = True
                return True
            mine = threading.Lock()
            mine.acquire()
            self._waiting.append(mine)
        if mine.acquire(timeout=self._seconds):
            return True
        with self._lock:
            if mine not in self._waiting:
                return True  # it was handed over just now
            self._waiting.remove(mine)
            return False

    def _give(self) -> None:
        with self._lock:
            if self._waiting:
                self._waiting.popleft().release()
            else:
                self._taken = False
