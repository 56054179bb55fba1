"""Reads bodies under limits of size and time, which hold while they stream."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cached_property

from fastapi import Request
from pydantic import ValidationError
from starlette.requests import ClientDisconnect
from starlette.types import Message

from refundlens.serving.http.problems import CALLER_GONE, Problem
from refundlens.serving.settings import Settings


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


async def read_bytes(request: Request, settings: Settings) -> bytes:
    """The whole body, as it came. Raises Problem 400, 408 or 413."""
    async with arriving(request, settings):
        return await request.body()


def faults(error: ValidationError) -> str:
    """What is wrong with a JSON body, in a line."""
    return "; ".join(
        f"{'.'.join(map(str, item['loc'])) or 'body'}: {item['msg']}"
        for item in error.errors(include_input=False)
    )


@asynccontextmanager
async def arriving(request: Request, settings: Settings) -> AsyncIterator[None]:
    """Hold a body to its limits of size and time while it is read."""
    _count_bytes(request, settings.max_request_bytes)
    try:
        async with asyncio.timeout(settings.upload_timeout):
            yield
    except TimeoutError as error:
        detail = (
            f"The body did not arrive within {settings.upload_timeout:.0f} s. Send fewer or smaller photos."
        )
        raise Problem(408, "upload_timeout", detail, {"Connection": "close"}) from error
    except ClientDisconnect as error:  # nobody reads this answer; without it the log would call it our fault
        detail = "The connection was closed before the body had arrived."
        raise Problem(CALLER_GONE, "hung_up", detail) from error


def _count_bytes(request: Request, limit: int) -> None:
    """Refuse a body without a declared length as soon as it passes the limit."""
    receive, seen = request.receive, 0

    async def counting() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        if seen > limit:
            raise _too_large(limit, None)
        return message

    request._receive = counting


def _too_large(limit: int, declared: int | None) -> Problem:
    begun = f"The body has {declared} bytes" if declared else "The body is too long"
    detail = f"{begun}; {limit} bytes are allowed. Send fewer or smaller photos."
    return Problem(413, "too_large", detail, {"Connection": "close"})


def digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
