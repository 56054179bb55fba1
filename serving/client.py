"""A small client of the HTTP API: sends photos, waits where the server asks for it, and gives the detections.

>>> with Client("http://127.0.0.1:8000", key="rl_...") as client:                            # doctest: +SKIP
...     for detection in client.detect([Path("a.jpg"), Path("b.jpg")], claim="hole"):
...         print(detection["file"], detection["verdict"], detection["probability"])

In: paths, bytes, or (name, bytes). Out: the API's JSON for each, in order; a picture that could not be judged has an
`error` in its place. Busy servers (429, 503) and cut connections are tried again under one Idempotency-Key, so that no
photo is judged twice.
"""

import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from refundlens.model.names import Defect

MOST_PHOTOS = 16
"""Photos in one request: the API's limit."""
MOST_BYTES = 32_000_000
"""Bytes of the photos in one request, half of what a server takes by default; a larger photo travels alone."""
ATTEMPTS = 5
"""Tries at a server that is busy or gone for a moment, before the request counts as failed."""
FIRST_WAIT = 0.5
"""Seconds before the second try; doubled each time, so that five tries outlast a restart of some seconds."""
LONGEST_WAIT = 30.0
"""Seconds; a server that asks for more is not waited for any longer."""
TIMEOUT = 120.0
"""Seconds for one answer: the server's own deadline of 60 s and the upload."""
TRY_AGAIN = frozenset({429, 503})
"""Busy, or refused for now."""
IN_PROGRESS = "idempotency_in_progress"
"""The code of a 409 that says: the first try of this very request is still being worked on."""

Picture = Path | bytes | tuple[str, bytes]
Json = dict[str, Any]


class ClientError(Exception):
    """The request failed. code: stable, the server's own where it gave one. status: of HTTP, none without an answer."""

    def __init__(self, code: str, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.code, self.message, self.status = code, message, status


class Unreachable(ClientError):
    """No answer came."""

    def __init__(self, message: str) -> None:
        super().__init__("engine_unreachable", message)


class Client:
    """One server and one key. May be used from many threads. http: an httpx client to use instead of a new one."""

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        key: str | None = None,
        language: str = "en",
        attempts: int = ATTEMPTS,
        http: httpx.Client | None = None,
    ) -> None:
        self.url, self._attempts = url.rstrip("/"), attempts
        self._headers = {"Accept-Language": language} | ({"Authorization": f"Bearer {key}"} if key else {})
        self._http = http or httpx.Client(timeout=TIMEOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    def detect(
        self,
        pictures: Picture | Iterable[Picture],
        claim: Defect | None = None,
        references: Sequence[Picture] = (),
        deadline: float | None = None,
        anew: bool = False,
        one_claim: bool = False,
    ) -> list[Json]:
        """A detection, or an `error`, for each picture, in order; any number of them.

        deadline: seconds for each request of up to 16 photos, all tries together. anew: not from the server's cache.
        one_claim: the pictures are of one claim and held against each other, 16 at a time.
        Raises ClientError where a whole request fails, OSError for a file that cannot be read.
        """
        several = [pictures] if isinstance(pictures, (Path, bytes, tuple)) else pictures
        parts = [("reference", _named(picture)) for picture in references]
        fields = ({"claim": claim} if claim else {}) | ({"one_claim": "true"} if one_claim else {})
        headers = {"Cache-Control": "no-cache"} if anew else {}
        found: list[Json] = []
        for batch in _batches(several):
            files = [*(("image", one) for one in batch), *parts]
            answer = self._send("/v1/detect", headers, deadline, files=files, data=fields)
            entries = _entries(self.url, answer, len(batch))
            # places are counted within a request; callers count over all they gave
            found += [e | {"index": len(found) + e["index"]} if "index" in e else e for e in entries]
        return found

    def detection(self, identifier: str) -> Json:
        """A stored detection. Raises ClientError."""
        answer: Json = self._get(f"/v1/detections/{identifier}").json()
        return answer

    def picture(self, path: str) -> bytes:
        """A PNG: a detection's `heatmap_url` or `reliability_url`. Raises ClientError."""
        return self._get(path).content

    def _get(self, path: str) -> httpx.Response:
        try:
            response = self._http.get(f"{self.url}{path}", headers=self._headers)
        except httpx.HTTPError as error:
            raise Unreachable(f"{self.url}: {error}") from error
        return _checked(self.url, response)

    def _send(
        self, path: str, headers: Mapping[str, str], deadline: float | None, **body: Any
    ) -> httpx.Response:
        """POST, again while the server is busy and time is left."""
        key = {"Idempotency-Key": uuid.uuid4().hex}
        until = None if deadline is None else time.monotonic() + deadline
        for attempt in range(self._attempts):
            left = None if until is None else until - time.monotonic()
            limit = {} if left is None else {"X-Deadline-Ms": str(max(1, int(1000 * left)))}
            wait, response = FIRST_WAIT * 2**attempt, None
            try:
                response = self._http.post(
                    f"{self.url}{path}", headers={**self._headers, **key, **limit, **headers}, **body
                )
                if not _busy(response):
                    return _checked(self.url, response)
                wait = _asked_wait(response, wait)
            except (
                httpx.NetworkError,
                httpx.RemoteProtocolError,
            ) as error:  # refused, cut off: as in a restart
                failure: ClientError = Unreachable(f"{self.url}: {error}")
            except httpx.HTTPError as error:
                raise Unreachable(f"{self.url}: {error}") from error
            if response is not None:
                failure = ClientError(*_problem(self.url, response), response.status_code)
            late = until is not None and time.monotonic() + wait >= until
            if late or attempt == self._attempts - 1:
                raise failure
            time.sleep(wait)
        raise ValueError("attempts: 1 or more")


def _batches(pictures: Iterable[Picture]) -> Iterator[list[tuple[str, bytes]]]:
    """The pictures in requests of few enough and small enough; files are read when it is their turn."""
    batch: list[tuple[str, bytes]] = []
    size = 0
    for picture in pictures:
        name, data = _named(picture)
        if batch and (len(batch) == MOST_PHOTOS or size + len(data) > MOST_BYTES):
            yield batch
            batch, size = [], 0
        batch.append((name, data))
        size += len(data)
    if batch:
        yield batch


def _named(picture: Picture) -> tuple[str, bytes]:
    if isinstance(picture, Path):
        return picture.name, picture.read_bytes()
    return ("photo", picture) if isinstance(picture, bytes) else picture


def _busy(response: httpx.Response) -> bool:
    if response.status_code in TRY_AGAIN:
        return True
    return response.status_code == 409 and _problem("", response)[0] == IN_PROGRESS


def _asked_wait(response: httpx.Response, usual: float) -> float:
    """Seconds until the next try: what the server asks for, or the usual."""
    asked = response.headers.get("Retry-After", "")
    return min(float(asked) if asked.isdigit() else usual, LONGEST_WAIT)


def _checked(url: str, response: httpx.Response) -> httpx.Response:
    if not response.is_success:
        raise ClientError(*_problem(url, response), response.status_code)
    return response


def _entries(url: str, response: httpx.Response, count: int) -> list[Json]:
    try:
        entries: list[Json] = response.json()["detections"]
        if len(entries) == count and all(isinstance(entry, dict) for entry in entries):
            return entries
    except (ValueError, KeyError, TypeError):
        pass
    raise ClientError(*_not_ours(url, response), response.status_code)


def _problem(url: str, response: httpx.Response) -> tuple[str, str]:
    """Code and message of an RFC 9457 answer, or what can be said of one that is not."""
    try:
        body = response.json()
        return str(body["code"]), f"{url} refused: {body['detail']}"
    except (ValueError, KeyError, TypeError):
        return _not_ours(url, response)


def _not_ours(url: str, response: httpx.Response) -> tuple[str, str]:
    return "engine_failed", f"{url} answered with status {response.status_code}; is it a RefundLens server?"
