"""A request that brings photos, read once and in this order: size, headers, rate, place, body, count.

In: a request and its caller. Out: a `DetectRequest`, which holds its place until the answer is there. 400, 413, 429 and
503 are said before the body is read. A caller who says beforehand which photo is coming (Content-Digest) is let in
where its answer is known, however many photos wait.

The headers are read from the request itself: OpenAPI tells them by `HEADERS`, plainer than FastAPI's parameters would.
"""

import base64
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from fastapi import Request

from refundlens.model.names import DEFECTS, Defect
from refundlens.model.photo.image import Photo
from refundlens.serving.detection.body import Intake, is_image, media_type, read_claim
from refundlens.serving.detection.cache import CacheUse
from refundlens.serving.engine.job import Priority
from refundlens.serving.http.body import expected_bytes
from refundlens.serving.http.budgets import caller_of
from refundlens.serving.http.problems import Problem
from refundlens.serving.kit.context import Services
from refundlens.serving.kit.language import Language, preferred
from refundlens.serving.settings import Settings

if TYPE_CHECKING:
    pass

Body = TypeVar("Body", bound=Intake, covariant=True)

_URGENCY = re.compile(r"(?:^|,)\s*u=([0-7])\s*(?=$|[,;])")
DEFAULT_URGENCY = 3
"""RFC 9218's; a greater number is less urgent."""
_DIGEST = re.compile(r"(?:^|,)\s*sha-256=:([A-Za-z0-9+/]{43}=):\s*(?=$|[,;])")
_MILLISECONDS = re.compile(r"0*[1-9][0-9]{0,11}")


def _described(name: str, description: str, example: Any, kind: dict[str, Any]) -> dict[str, Any]:
    """A header in OpenAPI's words."""
    return {"name": name, "in": "header", "description": description, "schema": kind, "example": example}


_TEXT = {"type": "string"}
DEADLINE = _described(
    "X-Deadline-Ms",
    "milliseconds you wait; what cannot be answered in that time is refused at once",
    5000,
    {"type": "integer", "minimum": 1},
)
HEADERS: list[dict[str, Any]] = [
    {
        "name": "claim",
        "in": "query",
        "description": "the damage the buyer claims, for a raw image body",
        "schema": {"type": "string", "enum": list(DEFECTS)},
    },
    DEADLINE,
    _described(
        "Priority", "RFC 9218; u=4 to u=7 lets callers who wait go first, for up to 10 s", "u=5", _TEXT
    ),
    _described(
        "Cache-Control",
        "no-cache has a photo judged anew that was judged before; Cache-Status tells",
        "no-cache",
        _TEXT,
    ),
    _described(
        "Content-Digest",
        "RFC 9530, for a raw image body: a photo that was judged before gets its answer even while "
        "too many others wait",
        "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:",
        _TEXT,
    ),
    _described("Accept-Language", "language of the reasons: en or zh", "zh-CN, en;q=0.5", _TEXT),
]
"""What /v1/detect reads beside the body, in OpenAPI's words."""


@dataclass(frozen=True)
class DetectRequest(Generic[Body]):
    """What a caller wants judged, and how. began, expires: on the monotonic clock. keep: whether what comes out is
    stored; else the outcomes have all there is of it. group: among whom its photos take turns. exact: whether its
    caller gets every digit (`oracle`). reuse: whether it is looked for in the tenant's claims. inspect: raises Problem
    where a photo that was opened is not to be judged."""

    body: Body
    owner: str
    language: Language
    began: float
    expires: float
    priority: Priority = "interactive"
    cache: CacheUse = "off"
    keep: bool = True
    group: str = ""
    exact: bool = True
    reuse: bool = False
    inspect: Callable[[Photo], None] | None = None

    @classmethod
    @asynccontextmanager
    async def admit(
        cls,
        request: Request,
        owner: str,
        read: Callable[[Request, Settings], Awaitable[Body]],
        language: Language | None = None,
        cache: CacheUse | None = None,
        keep: bool = True,
        reuse: bool = False,
    ) -> "AsyncIterator[DetectRequest[Body]]":
        """Let a request in and read it; its place is given back at the end. read: understands the body, once there is
        room for it. language, cache: what a page says in the headers' place. Raises Problem 400, 413, 429, 503, and
        what `read` raises."""
        parts = Services.of(request)
        service, settings, rates = parts.service, parts.settings, parts.rates
        caller, questions = caller_of(request), parts.budgets.questions
        began = time.monotonic()
        try:
            size = expected_bytes(request, settings)
            patience = deadline_seconds(request, settings)
            photo, claim = stated_photo(request), None
            if photo is not None:
                claim = read_claim(request.query_params.get("claim"))
            rates.enter(owner)
            if not caller.judges:
                questions.check(caller)
        except Problem as problem:
            if problem.status in (413, 429):
                parts.metrics.refused.labels(problem.code).inc()
            raise
        request.state.headers = rates.headers(owner)
        language = language or preferred(request.headers.get("accept-language"))
        cache = cache or cache_use(request)

        async def known(photos: Callable[[], Sequence[str]], claim: Defect | None) -> bool:
            return cache == "use" and await service.knows(photos, owner, claim, language)

        expected = photo is not None and await known(lambda: [photo], claim)
        with service.admission.place(request, patience, size, photos=0 if expected else 1) as place:
            body = await read(request, settings)
            if expected:  # whether what came has stored answers, as was said before it came
                digests = lambda: [upload.sha256 for upload in body.images]  # noqa: E731
                expected = body.apart and await known(digests, body.claim)
            if not expected:
                place.need(len(body.images), began + patience - time.monotonic())
                if not caller.judges:
                    questions.pay(caller, len(body.images))
            rates.pay(owner, len(body.images) - 1)
            request.state.headers = rates.headers(owner)
            yield cls(
                body,
                owner,
                language,
                began,
                began + patience,
                priority(request) if caller.pays else "visitor",
                cache,
                keep,
                caller.group,
                caller.judges,
                reuse,
                None if caller.judges else partial(parts.variants.check, owner),
            )

    @property
    def spent_ms(self) -> float:
        """Milliseconds since it came."""
        return (time.monotonic() - self.began) * 1000

    def uncached(self) -> "DetectRequest[Body]":
        """The same, neither looking for a stored answer nor becoming one."""
        return replace(self, cache="off")


def deadline_seconds(request: Request, settings: Settings) -> float:
    """How long the caller waits: X-Deadline-Ms, or the service's own limit. Raises Problem 400 on nonsense."""
    value = request.headers.get("x-deadline-ms")
    if value is None:
        return settings.deadline_ms / 1000
    if not _MILLISECONDS.fullmatch(value):
        raise Problem(400, "invalid_request", "X-Deadline-Ms is a whole number of milliseconds, 1 or more.")
    return min(int(value), settings.deadline_ms) / 1000


def priority(request: Request) -> Priority:
    """bulk for callers whose Priority header (RFC 9218) lets others go first. Nonsense is ignored, as the RFC asks."""
    found = _URGENCY.search(request.headers.get("priority", ""))
    return "bulk" if found and int(found[1]) > DEFAULT_URGENCY else "interactive"


def stated_photo(request: Request) -> str | None:
    """SHA-256 of the photo that a raw image body will bring, in hexadecimal, where its sender says so beforehand in
    Content-Digest (RFC 9530). Nonsense is ignored: nothing is believed before the body has come."""
    if not is_image(media_type(request)):
        return None
    found = _DIGEST.search(request.headers.get("content-digest", ""))
    return base64.b64decode(found[1]).hex() if found else None


def cache_use(request: Request) -> CacheUse:
    """What Cache-Control (RFC 9111) says about stored answers."""
    directives = {part.strip().lower() for part in request.headers.get("cache-control", "").split(",")}
    return "off" if "no-store" in directives else "renew" if "no-cache" in directives else "use"
