"""What every request that brings photos goes through before its body is read: 413, 429, 503 in this order.

In: a request and its caller. Out: a `AdmittedRequest`, which holds its place until the answer is there. A caller who
says beforehand which photo is coming (Content-Digest) is let in where its answer is known, however many photos wait.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fastapi import Request

from refundlens.model.names import Defect
from refundlens.serving.detection import body as intake
from refundlens.serving.detection.admission import Place, Rates
from refundlens.serving.detection.body import Intake
from refundlens.serving.detection.service import DetectionService
from refundlens.serving.http.body import expected_bytes
from refundlens.serving.http.problems import Problem
from refundlens.serving.kit.language import preferred
from refundlens.serving.settings import Settings


@dataclass(frozen=True)
class AdmittedRequest:
    """A request that was let in. began: seconds on the monotonic clock. patience: seconds its caller waits. known:
    whether it was let in without a place, for an answer that is stored."""

    request: Request
    owner: str
    place: Place
    began: float
    patience: float
    known: bool

    @property
    def expires(self) -> float:
        """On the monotonic clock."""
        return self.began + self.patience

    async def take(self, body: Intake) -> None:
        """Say what came. Raises Problem 503 where there is no room or no time for it."""
        photos = len(body.images)
        if not (self.known and await self._was_meant(body)):
            self.place.need(photos, self.expires - time.monotonic())
        rates: Rates = self.request.app.state.rates
        rates.pay(self.owner, photos - 1)
        self.request.state.headers = rates.headers(self.owner)

    async def _was_meant(self, body: Intake) -> bool:
        """Whether what came has stored answers, as was said before it came."""
        digests = await asyncio.to_thread(lambda: [photo.sha256 for photo in body.images])
        known = (_is_known(self.request, self.owner, digest, body.claim) for digest in digests)
        return not body.references and all(known)


@contextmanager
def admit(request: Request, owner: str) -> Iterator[AdmittedRequest]:
    """Let a request in. Raises Problem 400, 413, 429, 503; the body has not been read then."""
    settings: Settings = request.app.state.settings
    service: DetectionService = request.app.state.service
    rates: Rates = request.app.state.rates
    began = time.monotonic()
    try:
        size = expected_bytes(request, settings)
        patience = intake.deadline_seconds(request, settings)
        stated = intake.stated_photo(request)
        rates.enter(owner)
    except Problem as problem:
        if problem.status in (413, 429):
            request.app.state.metrics.refused.labels(problem.code).inc()
        raise
    request.state.headers = rates.headers(owner)
    known = stated is not None and _is_known(request, owner, stated, intake.stated_claim(request))
    with service.admission.place(patience, size, photos=0 if known else 1) as place:
        yield AdmittedRequest(request, owner, place, began, patience, known)


def _is_known(request: Request, owner: str, photo: str, claim: Defect | None) -> bool:
    """Whether the answer for a photo, by its SHA-256, is stored, and wanted. Reads no file."""
    service: DetectionService = request.app.state.service
    if intake.cache_use(request) != "use":
        return False
    language = preferred(request.headers.get("accept-language"))
    return service.knows(photo, owner, claim, language)
