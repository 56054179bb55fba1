"""Holds requests that bring words, not photos, to a small body: FastAPI reads a JSON body whole before it asks who is
calling, however long it is.

In: any HTTP request. Out: 413 before a long body is read where its length is declared, and as soon as it has become too
long where it is not. The endpoints that take photos read their own bodies, under limits of their own.
"""

import asyncio
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.problems import Problem, as_answer

MOST_BYTES = 256_000
"""Of one body: texts of a few thousand characters, several times over."""
_PHOTOS = re.compile(r"/v1/detect|/v1/refunds/[^/]+|/track/[^/]+/photos|/v2/.*|/check|/samples/.*")
"""Paths whose endpoints read their own bodies (`serving.intake`)."""


class SmallBodies:
    """ASGI middleware. seconds: that a body may take to arrive."""

    def __init__(self, app: ASGIApp, seconds: float) -> None:
        self._app, self._seconds = app, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _PHOTOS.fullmatch(scope["path"]):
            await self._app(scope, receive, send)
            return
        try:
            messages = await self._read(scope, receive)
        except Problem as problem:
            await as_answer(scope, problem)(scope, receive, send)
            return

        async def again() -> Message:
            return messages.pop(0) if messages else await receive()

        await self._app(scope, again, send)

    async def _read(self, scope: Scope, receive: Receive) -> list[Message]:
        """The whole body. Raises Problem 408, 413."""
        headers = dict(scope["headers"])
        declared = headers.get(b"content-length", b"")
        if declared.isdigit() and int(declared) > MOST_BYTES:
            raise _too_large()
        if not (declared.isdigit() and int(declared)) and b"transfer-encoding" not in headers:
            return []
        messages: list[Message] = []
        size = 0
        try:
            async with asyncio.timeout(self._seconds):
                while True:
                    message = await receive()
                    messages.append(message)
                    size += len(message.get("body", b""))
                    if size > MOST_BYTES:
                        raise _too_large()
                    if message["type"] != "http.request" or not message.get("more_body", False):
                        return messages
        except TimeoutError as error:
            detail = f"The body did not arrive within {self._seconds:.0f} s."
            raise Problem(408, "upload_timeout", detail, {"Connection": "close"}) from error


def _too_large() -> Problem:
    detail = (
        f"A body of this endpoint has at most {MOST_BYTES} bytes; photos go to /v1/detect or /v1/refunds."
    )
    return Problem(413, "too_large", detail, {"Connection": "close"})
