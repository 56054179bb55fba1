"""Every error of the API as RFC 9457 problem details, with a `code` that programs may rely on.

In: an exception. Out: `application/problem+json` with type, title, status, detail, instance, code. The family:

| code | status | when |
| --- | --- | --- |
| `unauthorized` | 401 | no key, or one we do not know |
| `forbidden` | 403 | this role, or this key's scopes, may not do it |
| `cross_site`, `csrf` | 403 | the page's session used from another site, or without the page's token |
| `not_found`, `method_not_allowed` | 404, 405 | nothing there, or not that way |
| `upload_timeout` | 408 | the body took too long to arrive |
| `idempotency_in_progress`, `idempotency_mismatch` | 409, 422 | a key still running, or used with another body |
| `already_reversed`, `not_reversible` | 409 | a line of a buyer's record that was, or cannot be, taken back |
| `not_fit` | 409 | a model version for which something is missing may not be promoted |
| `already_champion`, `is_champion`, `not_champion`, `nothing_before`, `not_shadow` | 409 | a model version's stage |
| `not_loadable` | 409 | a model version whose bundle is damaged, missing, or signed by nobody who may |
| `version_taken` | 409 | another bundle has the name and version |
| `decision_held`, `undo_too_late` | 409 | a decision of the console that waits its ten seconds, or took effect |
| `reason_contradicts` | 422 | a decision whose reason speaks for the other side |
| `complaint_closed` | 409 | a complaint that has its answer |
| `too_large`, `too_many_images` | 413 | over a limit; refused before the body is read where its length is declared |
| `unsupported_media_type` | 415 | a body that is neither multipart, an image, nor JSON |
| `invalid_request` | 400, 422 | anything else in the request that cannot be understood |
| `damaged` | 410 | what was stored under this id cannot be read any more |
| `too_many_variants` | 429 | so many variants of one picture are not judged for merchants in a day |
| `share_taken` | 429 | this key, tenant, link or address has its share of what all share; see Retry-After |
| `rate_limited` | 429 | this key has sent its photos for now; see Retry-After |
| `overloaded`, `deadline` | 503 | no room, or no answer in the time you gave; see Retry-After |
| `disk_full` | 507 | no space left to keep anything; nothing was done |
| `database_corrupt` | 500 | what is stored is damaged; a backup must be restored |
| `not_ready` | 503 | still warming up |
| `internal` | 500 | our fault |
| `hung_up` | 499 | the caller closed the connection; only the log and the metrics see it |
"""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import DatabaseError, DataError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.types import Scope

from refundlens.serving.kit.context import Services
from refundlens.serving.kit.errors import (
    Changed,
    Conflict,
    DomainError,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    SentFile,
    TooMany,
    UnreadableFiles,
    VersionMissing,
    etag,
)
from refundlens.serving.storage.faults import StorageFault, storage_fault
from refundlens.serving.storage.place import StoreAway

MEDIA_TYPE = "application/problem+json"
OPEN_INFERENCE = "/v2"
"""Under it, the Open Inference Protocol's `error` stands beside the members of RFC 9457, which allows others."""
MOST_BYTES = 2_000
"""Of a problem's JSON: callers choose some of what we tell them, such as names of members and paths."""
MOST_CHARACTERS = 1_000
"""Of a detail, as far as that leaves room for the rest."""
MOST_ERRORS = 8
"""Things wrong with a request that are listed one by one."""
CALLER_GONE = 499
"""Status of an answer that nobody waits for, as nginx has it; HTTP has none, since it is never sent."""
_CODES_BY_STATUS = {401: "unauthorized", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}
_log = logging.getLogger(__name__)


class ProblemDetails(BaseModel):
    """RFC 9457. `type` is a stable name for the kind of problem; `code` is its last part."""

    type: str = Field(examples=["urn:refundlens:problem:too_large"])
    title: str = Field(examples=["Content Too Large"])
    status: int = Field(examples=[413])
    detail: str = Field(
        examples=["The body has 70000000 bytes; 64000000 are allowed. Send fewer or smaller photos."]
    )
    instance: str = Field(examples=["/v1/detect"])
    code: str = Field(examples=["too_large"])
    errors: list[dict[str, Any]] | None = Field(default=None, description="each thing wrong with the request")


STATUS: dict[type[DomainError], int] = {
    Forbidden: 403,
    NotFound: 404,
    Conflict: 409,
    Gone: 410,
    Changed: 412,
    Invalid: 422,
    TooMany: 429,
    VersionMissing: 428,
}
"""How the errors of the domain are answered."""


class Problem(DomainError):
    """What is wrong with the request as HTTP has it: endpoints raise it where no error of the domain says it. files:
    which of several files it is about, and the code of what is wrong with each."""

    def __init__(
        self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None, **values: str
    ) -> None:
        super().__init__(code, detail, **values)
        self.status, self.headers = status, dict(headers or {})
        self.files: Sequence[tuple[SentFile, str]] = ()


Page = Callable[[Request, Problem], Awaitable[Response]]
"""How a problem is shown to a browser that asked for a page."""


def problem_of(error: DomainError) -> Problem:
    """The same in HTTP's terms."""
    if isinstance(error, Problem):
        return error
    version = error.version if isinstance(error, Changed) else None
    headers = None if version is None else {"ETag": etag(version)}
    if isinstance(error, TooMany):
        headers = {"Retry-After": "3600"}
    problem = Problem(_status(error), error.code, error.detail, headers, **error.values)
    problem.files = error.files if isinstance(error, UnreadableFiles) else ()
    return problem


def _status(error: DomainError) -> int:
    """Of its kind, or of what its kind is one of."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def install(app: FastAPI, page: Page | None = None) -> None:
    """Make every error of `app` a problem. page: what a browser that asked for a page gets instead of JSON."""
    app.state.problem_page = page
    app.add_exception_handler(DomainError, _on_problem)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(DataError, _on_data)
    app.add_exception_handler(OperationalError, _on_busy)
    app.add_exception_handler(DatabaseError, _on_database)
    app.add_exception_handler(OSError, _on_system)
    app.add_exception_handler(PoolTimeout, _on_busy)
    app.add_exception_handler(Exception, _on_crash)


async def as_answer(scope: Scope, problem: Problem) -> Response:
    """A problem's answer, for what stands before the application's own handlers."""
    return await _answer(Request(scope), problem.status, problem.code, problem.detail, problem.headers)


def named_faults(found: Sequence[Any]) -> list[tuple[str, str]]:
    """Place and message of each different fault of pydantic's. `[]` stands for any place in a list: a thousand members
    with one fault are one fault."""
    return list(
        dict.fromkeys(
            (".".join("[]" if isinstance(part, int) else str(part) for part in item["loc"]), str(item["msg"]))
            for item in found
        )
    )


def in_short(found: Sequence[str]) -> str:
    """The first of many faults in a line, and how many more there are."""
    line = shortened(found[0], MOST_CHARACTERS // 2) if found else ""
    for index, one in enumerate(found[1:], 1):
        if len(line) + len(one) > MOST_CHARACTERS - len("; and 100000 more"):
            return f"{line}; and {len(found) - index} more"
        line = f"{line}; {one}"
    return line


def shortened(text: str, most: int = MOST_CHARACTERS) -> str:
    """The text, or its beginning."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says about the problems an endpoint may answer with."""
    schema = {"$ref": "#/components/schemas/ProblemDetails"}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


async def _answer(
    request: Request,
    status: int,
    code: str,
    detail: str,
    headers: Mapping[str, str] | None = None,
    errors: list[dict[str, Any]] | None = None,
) -> Response:
    body = ProblemDetails(
        type=f"urn:refundlens:problem:{code}",
        title="Caller Gone" if status == CALLER_GONE else HTTPStatus(status).phrase,
        status=status,
        detail=shortened(detail),
        instance=shortened(request.url.path, MOST_CHARACTERS // 4),
        code=code,
        errors=errors,
    )
    content = _bounded(body, both=request.url.path.startswith(OPEN_INFERENCE))
    state = request.scope.setdefault("state", {})
    state.setdefault("facts", {})["code"] = code
    # a crash is answered outside of the middleware that gives every other answer its id and what browsers must know
    told = {"X-Content-Type-Options": "nosniff"}
    if "request_id" in state:
        told["X-Request-Id"] = state["request_id"]
    page: Page | None = Services.of(request).problem_page
    if page is not None and wants_page(request):
        return await page(request, Problem(status, code, detail, {**(headers or {}), **told}))
    return JSONResponse(content, status, {**(headers or {}), **told}, media_type=MEDIA_TYPE)


def wants_page(request: Request) -> bool:
    """Whether a browser asks, or a program."""
    return "text/html" in request.headers.get("accept", "")


def _bounded(body: ProblemDetails, both: bool) -> dict[str, Any]:
    """The members, shortened until their JSON has at most MOST_BYTES. both: with `error` beside `detail`."""
    errors, detail = body.errors, body.detail
    while True:
        content = body.model_dump(exclude_none=True) | {"detail": detail}
        if errors is not None:
            content["errors"] = errors
        if both:
            content["error"] = detail
        if len(json.dumps(content, ensure_ascii=False).encode()) <= MOST_BYTES:
            return content
        if errors:
            errors = errors[:-1]
        else:
            detail = shortened(detail, len(detail) * 3 // 4)


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, DomainError)
    problem = problem_of(error)
    return await _answer(request, problem.status, problem.code, problem.detail, problem.headers)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _CODES_BY_STATUS.get(error.status_code, "invalid_request")
    return await _answer(request, error.status_code, code, str(error.detail), error.headers)


async def _on_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = named_faults(error.errors())
    errors = [{"where": where, "message": message} for where, message in found[:MOST_ERRORS]]
    detail = in_short([f"{where}: {message}" for where, message in found])
    return await _answer(request, 422, "invalid_request", detail, errors=errors)


async def _on_data(request: Request, error: Exception) -> Response:
    """PostgreSQL keeps no text with a zero byte; nothing was written."""
    detail = "A text of the request holds a character that cannot be stored, such as a zero byte."
    return await _answer(request, 422, "invalid_request", detail)


async def _on_busy(request: Request, error: Exception) -> Response:
    """The database is away, busy, full, damaged, or chose this transaction to end a deadlock: nothing was written."""
    if (fault := storage_fault(error)) is not None:
        return await _on_fault(request, fault, error)
    _log.warning("the database did not answer in time: %s", " ".join(str(error).split())[:200])
    detail = "The database did not answer in time; nothing was done. Send the request again."
    return await _answer(request, 503, "overloaded", detail, {"Retry-After": "1"})


async def _on_database(request: Request, error: Exception) -> Response:
    """What the database says is no fault of the request's: damaged, or our fault."""
    fault = storage_fault(error)
    return await _on_crash(request, error) if fault is None else await _on_fault(request, fault, error)


async def _on_system(request: Request, error: Exception) -> Response:
    """The disk is full, the store of files does not answer, or our fault."""
    if isinstance(error, StoreAway):
        _log.warning("%s", error)
        detail = "The store of photos did not answer in time; nothing was done. Send the request again."
        return await _answer(request, 503, "overloaded", detail, {"Retry-After": "5"})
    fault = storage_fault(error)
    return await _on_crash(request, error) if fault is None else await _on_fault(request, fault, error)


async def _on_fault(request: Request, fault: StorageFault, error: Exception) -> Response:
    _log.error("%s", fault.advice, exc_info=error)
    problem = storage_problem(fault)
    return await _answer(request, problem.status, problem.code, problem.detail, problem.headers)


def storage_problem(fault: StorageFault) -> Problem:
    """What callers are told: nothing of what they asked for was done."""
    if fault is StorageFault.FULL:
        detail = "There is no space left here to keep anything; nothing was done. Whoever runs the service is told."
        return Problem(507, "disk_full", detail, {"Retry-After": "60"})
    detail = (
        "The database here is damaged, so nothing it says can be trusted. Whoever runs the service is told."
    )
    return Problem(500, "database_corrupt", detail)


async def _on_crash(request: Request, error: Exception) -> Response:
    # outside of the request's context by now, so its id is given here
    facts = {"request_id": request.scope.get("state", {}).get("request_id")}
    # the route, not the path: a status link's address is its key
    route = getattr(request.scope.get("route"), "path", "(no route)")
    _log.error("%s %s failed", request.method, route, exc_info=error, extra={"facts": facts})
    return await _answer(
        request, 500, "internal", "Something went wrong here; the log says what. Try again later."
    )
