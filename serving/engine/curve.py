"""What a batch costs, by its size: measured before a model serves, kept fresh by every run.

In: seconds of runs. Out: the largest batch worth running. On one CPU thread a second tile in a batch gains next to
nothing; on a GPU thirty-two tiles cost little more than one. So it is measured, and nobody has to configure it.
"""

from collections.abc import Sequence

NEAR = 0.05
"""A batch size counts as best from this share under the best speed on: bigger ones only make others wait, and on a CPU
sizes differ by less than measuring does (13.4 to 14.7 ms a tile at 1 to 8)."""
SMOOTHING = 0.1
"""Weight of the newest run: follows a change of load within some twenty runs."""
TRY_EVERY = 64
"""Runs after which one batch may have the next larger size, so that a cap learned in a bad moment is not kept."""


class CostCurve:
    """Seconds per batch for some sizes, ascending. Not thread-safe: the engine's lock guards it."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes = tuple(sizes)
        self._seconds: dict[int, float] = {}
        self._runs = 0
        self._cap = self.sizes[-1]

    def observe(self, size: int, seconds: float) -> None:
        """Take a run into account; sizes between those of the curve tell nothing new."""
        if size not in self.sizes or seconds <= 0:
            return
        known = self._seconds.get(size)
        self._seconds[size] = seconds if known is None else known + SMOOTHING * (seconds - known)
        self._cap = self._best()

    @property
    def cap(self) -> int:
        """The smallest size with nearly the best speed; before anything is known, the largest."""
        return self._cap

    def next_limit(self) -> int:
        """The cap for the next batch: mostly `cap`, now and then the next larger size to look again."""
        self._runs += 1
        larger = [size for size in self.sizes if size > self._cap]
        return larger[0] if larger and self._runs % TRY_EVERY == 0 else self._cap

    def per_tile(self) -> float | None:
        """Seconds a tile takes in a batch of the cap; None before anything was observed."""
        return self._seconds[self._cap] / self._cap if self._cap in self._seconds else None

    def _best(self) -> int:
        speeds = {size: size / seconds for size, seconds in self._seconds.items()}
        enough = (1 - NEAR) * max(speeds.values())
        return min(size for size, speed in speeds.items() if speed >= enough)
