"""One HTTP/1.1 connection that costs the machine next to nothing, since the client runs on the processors it measures.

In: bytes to POST. Out: status and body. A connection serves one request after another.
"""

import asyncio
from collections.abc import Mapping

import httptools

CHUNK = 65536


class _Response:
    """What httptools tells of one answer."""

    def __init__(self) -> None:
        self.parser = httptools.HttpResponseParser(self)
        self.body: list[bytes] = []
        self.done = False

    def on_body(self, body: bytes) -> None:
        self.body.append(body)

    def on_message_complete(self) -> None:
        self.done = True


class Connection:
    """Opened at the first request and again whenever the other side has closed it."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """Status and body of the answer. Raises OSError where there is none; the connection is closed then."""
        try:
            reader, writer = await self._open()
            writer.write(_head(path, self._host, headers, len(body)) + body)
            await writer.drain()
            response = await _read(reader)
        except BaseException:
            self.close()
            raise
        if not response.parser.should_keep_alive():
            self.close()
        return response.parser.get_status_code(), b"".join(response.body)

    def close(self) -> None:
        if self._streams:
            self._streams[1].close()
            self._streams = None

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams and (self._streams[0].at_eof() or self._streams[1].is_closing()):
            self.close()
        if not self._streams:
            self._streams = await asyncio.open_connection(self._host, self._port)
        return self._streams


async def _read(reader: asyncio.StreamReader) -> _Response:
    response = _Response()
    while not response.done:
        data = await reader.read(CHUNK)
        if not data:
            raise ConnectionError("the connection was closed before the answer was complete")
        try:
            response.parser.feed_data(data)
        except httptools.HttpParserError as error:
            raise ConnectionError(f"no HTTP answer: {error}") from error
    return response


def _head(path: str, host: str, headers: Mapping[str, str], size: int) -> bytes:
    lines = [f"POST {path} HTTP/1.1", f"Host: {host}", f"Content-Length: {size}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
