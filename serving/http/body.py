"""Reads bodies under limits of size, time and shape, which hold while they stream.

In: a request. Out: its bytes, or a model made of its JSON; or Problem 400, 408, 413, 422. JSON is looked through as it
arrives (`json_guard`), so that nothing is built of what is refused, and parsed on a thread of few.
"""

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from refundlens.serving.http.budgets import budgets_of, caller_of
from refundlens.serving.http.json_guard import JsonGuard
from refundlens.serving.http.problems import CALLER_GONE, Problem, in_short, named_faults
from refundlens.serving.http.turns import Turns
from refundlens.serving.settings import Settings

Model = TypeVar("Model", bound=BaseModel)
Result = TypeVar("Result")

UPLOAD_GRACE = 5.0
"""Seconds before a body has to have come at the least rate: a phone that changes cells sends nothing for as long."""


@dataclass(frozen=True)
class Upload:
    """One picture as it came: the name its sender gave it, if any, and its bytes."""

    name: str | None
    data: bytes

    @cached_property
    def sha256(self) -> str:
        """Of the bytes, in hexadecimal."""
        return digest(self.data)


def expected_bytes(request: Request, settings: Settings) -> int:
    """The declared length of the body, or the most there may come. Raises Problem 413 before anything is read."""
    declared = request.headers.get("content-length", "")
    size = int(declared) if declared.isdigit() else settings.max_request_bytes
    if size > settings.max_request_bytes:
        raise _too_large(settings.max_request_bytes, size)
    return size


async def read_bytes(request: Request, settings: Settings, guard: JsonGuard | None = None) -> bytes:
    """The whole body, as it came. guard: looks at it as it comes. Raises Problem 400, 408 or 413."""
    async with arriving(request, settings, guard):
        return await whole_body(request)


async def whole_body(request: Request) -> bytes:
    """All of a body. Put together as it comes: `request.body` copies it once more at the end, on the event loop and in
    one go, which takes 45 ms of a processor for 48 MB and keeps everybody waiting; this takes 7."""
    buffer = io.BytesIO()
    async for piece in request.stream():
        buffer.write(piece)
    return buffer.getvalue()


async def read_json(request: Request, settings: Settings, model: type[Model], status: int = 422) -> Model:
    """The body as a model. status: of what is no such JSON. Raises Problem 400, 408, 413 and that."""
    data = await read_bytes(request, settings, JsonGuard())
    return await on_parser(request, lambda: parse_json(data, model, status))


async def on_parser(request: Request, work: Callable[[], Result]) -> Result:
    """Run what goes through a long body, by turns and on one thread: parsing holds Python's lock, and forty threads of
    it would leave the event loop none. Its caller pays for the time it takes. Raises Problem 429, 503."""
    parsing: Turns = request.app.state.parsing
    return await parsing.do(caller_of(request), budgets_of(request), work)


def parse_json(data: bytes, model: type[Model], status: int = 422) -> Model:
    """Of a body that has passed the guard. Raises Problem of `status`."""
    try:
        return model.model_validate_json(data)
    except ValidationError as error:
        raise Problem(status, "invalid_request", faults(error)) from error


def faults(error: ValidationError) -> str:
    """What is wrong with a JSON body, in a line: each fault once, however many members of a list have it."""
    found = error.errors(include_input=False, include_url=False, include_context=False)
    return in_short([f"{where or 'body'}: {message}" for where, message in named_faults(found)])


@asynccontextmanager
async def arriving(
    request: Request, settings: Settings, guard: JsonGuard | None = None
) -> AsyncIterator[None]:
    """Hold a body to its limits of size, time and rate while it is read; and to those of JSON, where it has a guard."""
    try:
        async with asyncio.timeout(settings.upload_timeout) as time_left:
            pace = Pace(settings, time_left)
            check_parsing(request)
            receive = request.receive
            request._receive = _watched(request, settings.max_request_bytes, pace, guard)
            try:
                yield
            finally:
                request._receive = receive  # what comes after the body, a hang-up, is for others to wait for
    except TimeoutError as error:
        raise too_slow(settings) from error
    except ClientDisconnect as error:  # nobody reads this answer; without it the log would call it our fault
        detail = "The connection was closed before the body had arrived."
        raise Problem(CALLER_GONE, "hung_up", detail) from error


class Pace:
    """Gives a body up that comes more slowly than it must: half a body that stands still holds memory for nothing."""

    def __init__(self, settings: Settings, time_left: asyncio.Timeout) -> None:
        self._rate, self._time_left = settings.min_upload_rate, time_left
        self._began = asyncio.get_running_loop().time()
        self._latest = self._began + settings.upload_timeout
        self.arrived(0)

    def arrived(self, size: int) -> None:
        """size: bytes that have come so far."""
        if self._rate:
            due = self._began + UPLOAD_GRACE + size / self._rate
            self._time_left.reschedule(min(due, self._latest))

    def ended(self) -> None:
        """All of it is here; what it is taken for may last as long as it may."""
        self._time_left.reschedule(self._latest)


def too_slow(settings: Settings) -> Problem:
    """408 for a body that did not come in time."""
    detail = (
        f"The body did not arrive in time: within {settings.upload_timeout:.0f} s, and after {UPLOAD_GRACE:.0f} s at "
        f"{settings.min_upload_rate} bytes a second or faster. Send fewer or smaller photos."
    )
    return Problem(408, "upload_timeout", detail, {"Connection": "close"})


def check_parsing(request: Request) -> None:
    """Raises Problem 429 where this caller has spent what it may on having bodies read."""
    budgets, caller = budgets_of(request), caller_of(request)
    budgets.values.check(caller)
    budgets.processors.check(caller)


def _watched(request: Request, limit: int, pace: Pace, guard: JsonGuard | None) -> Receive:
    """Refuse a body as soon as it passes a limit, however long it said it was; and count it where there is room for it
    (`request.state.arrived`, see `detection.admission`)."""
    receive, caller, values = request.receive, caller_of(request), budgets_of(request).values
    arrived: Callable[[int], None] | None = getattr(request.state, "arrived", None)
    seen = 0

    async def watching() -> Message:
        nonlocal seen
        message = await receive()
        piece = message.get("body", b"")
        seen += len(piece)
        if seen > limit:
            raise _too_large(limit, None)
        if arrived is not None and piece:
            arrived(len(piece))
        if guard is not None:
            before = guard.values
            try:
                guard.feed(piece)
            finally:
                values.pay(caller, guard.values - before)
        if message.get("more_body", False):
            pace.arrived(seen)
        else:
            pace.ended()
        return message

    return watching


def _too_large(limit: int, declared: int | None) -> Problem:
    begun = f"The body has {declared} bytes" if declared else "The body is too long"
    detail = f"{begun}; {limit} bytes are allowed. Send fewer or smaller photos."
    return Problem(413, "too_large", detail, {"Connection": "close"})


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
