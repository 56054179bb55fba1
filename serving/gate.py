"""What every request that brings photos goes through before its body is read: 413, 429, 503 in this order.

In: a request and its caller. Out: a `Turn`, which holds its place until the answer is there.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fastapi import Request

from serving import intake
from serving.admission import Place
from serving.problems import Problem
from serving.rates import Rates
from serving.service import DetectionService
from serving.settings import Settings


@dataclass(frozen=True)
class Turn:
    """A request that was let in. began: seconds on the monotonic clock. patience: seconds its caller waits."""

    request: Request
    owner: str
    place: Place
    began: float
    patience: float

    @property
    def expires(self) -> float:
        """On the monotonic clock."""
        return self.began + self.patience

    def take(self, photos: int) -> None:
        """Say how many photos came. Raises Problem 503 where there is no room or no time for them."""
        self.place.need(photos, self.expires - time.monotonic())
        rates: Rates = self.request.app.state.rates
        rates.pay(self.owner, photos - 1)
        self.request.state.headers = rates.headers(self.owner)


@contextmanager
def turn(request: Request, owner: str) -> Iterator[Turn]:
    """Let a request in. Raises Problem 400, 413, 429, 503; the body has not been read then."""
    settings: Settings = request.app.state.settings
    service: DetectionService = request.app.state.service
    rates: Rates = request.app.state.rates
    began = time.monotonic()
    try:
        size = intake.expected_bytes(request, settings)
        patience = intake.deadline_seconds(request, settings)
        rates.enter(owner)
    except Problem as problem:
        if problem.status in (413, 429):
            request.app.state.metrics.refused.labels(problem.code).inc()
        raise
    request.state.headers = rates.headers(owner)
    with service.admission.place(patience, size) as place:
        yield Turn(request, owner, place, began, patience)
