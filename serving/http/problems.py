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
| `version_taken` | 409 | another bundle has the name and version |
| `decision_held`, `undo_too_late` | 409 | a decision of the console that waits its ten seconds, or took effect |
| `reason_contradicts` | 422 | a decision whose reason speaks for the other side |
| `complaint_closed` | 409 | a complaint that has its answer |
| `too_large`, `too_many_images` | 413 | over a limit; refused before the body is read where its length is declared |
| `unsupported_media_type` | 415 | a body that is neither multipart, an image, nor JSON |
| `invalid_request` | 400, 422 | anything else in the request that cannot be understood |
| `damaged` | 410 | what was stored under this id cannot be read any more |
| `rate_limited` | 429 | this key has sent its photos for now; see Retry-After |
| `overloaded`, `deadline` | 503 | no room, or no answer in the time you gave; see Retry-After |
| `not_ready` | 503 | still warming up |
| `internal` | 500 | our fault |
| `hung_up` | 499 | the caller closed the connection; only the log and the metrics see it |
"""

import logging
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.exc import DataError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException
from starlette.types import Scope

from refundlens.serving.kit.errors import (
    Changed,
    Conflict,
    DomainError,
    Forbidden,
    Gone,
    Invalid,
    NotFound,
    VersionMissing,
    etag,
)

MEDIA_TYPE = "application/problem+json"
OPEN_INFERENCE = "/v2"
"""Under it, the Open Inference Protocol's `error` stands beside the members of RFC 9457, which allows others."""
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
    VersionMissing: 428,
}
"""How the errors of the domain are answered."""


class Problem(DomainError):
    """What is wrong with the request as HTTP has it: endpoints raise it where no error of the domain says it."""

    def __init__(self, status: int, code: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(code, detail)
        self.status, self.headers = status, dict(headers or {})


def problem_of(error: DomainError) -> Problem:
    """The same in HTTP's terms."""
    if isinstance(error, Problem):
        return error
    version = error.version if isinstance(error, Changed) else None
    headers = None if version is None else {"ETag": etag(version)}
    return Problem(STATUS[type(error)], error.code, error.detail, headers)


def install(app: FastAPI, page: Callable[[Request, Problem], Response] | None = None) -> None:
    """Make every error of `app` a problem. page: what a browser that asked for a page gets instead of JSON."""
    app.state.problem_page = page
    app.add_exception_handler(DomainError, _on_problem)
    app.add_exception_handler(HTTPException, _on_http)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(DataError, _on_data)
    app.add_exception_handler(OperationalError, _on_busy)
    app.add_exception_handler(PoolTimeout, _on_busy)
    app.add_exception_handler(Exception, _on_crash)


def as_answer(scope: Scope, problem: Problem) -> Response:
    """A problem's answer, for what stands before the application's own handlers."""
    return _answer(Request(scope), problem.status, problem.code, problem.detail, problem.headers)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says about the problems an endpoint may answer with."""
    schema = {"$ref": "#/components/schemas/ProblemDetails"}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


def _answer(
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
        detail=detail,
        instance=request.url.path,
        code=code,
        errors=errors,
    )
    content = body.model_dump(exclude_none=True)
    if request.url.path.startswith(OPEN_INFERENCE):
        content["error"] = detail
    state = request.scope.setdefault("state", {})
    state.setdefault("facts", {})["code"] = code
    # a crash is answered outside of the middleware that gives every other answer its id
    told = {"X-Request-Id": state["request_id"]} if "request_id" in state else {}
    page: Callable[[Request, Problem], Response] | None = getattr(request.app.state, "problem_page", None)
    if page is not None and "text/html" in request.headers.get("accept", ""):
        return page(request, Problem(status, code, detail, {**(headers or {}), **told}))
    return JSONResponse(content, status, {**(headers or {}), **told}, media_type=MEDIA_TYPE)


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, DomainError)
    problem = problem_of(error)
    return _answer(request, problem.status, problem.code, problem.detail, problem.headers)


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _CODES_BY_STATUS.get(error.status_code, "invalid_request")
    return _answer(request, error.status_code, code, str(error.detail), error.headers)


async def _on_validation(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [
        {"where": ".".join(str(part) for part in item["loc"]), "message": item["msg"]}
        for item in jsonable_encoder(error.errors())
    ]
    detail = "; ".join(f"{item['where']}: {item['message']}" for item in errors)
    return _answer(request, 422, "invalid_request", detail, errors=errors)


async def _on_data(request: Request, error: Exception) -> Response:
    """PostgreSQL keeps no text with a zero byte; nothing was written."""
    detail = "A text of the request holds a character that cannot be stored, such as a zero byte."
    return _answer(request, 422, "invalid_request", detail)


async def _on_busy(request: Request, error: Exception) -> Response:
    """The database is away, busy, or chose this transaction to end a deadlock: nothing was written."""
    _log.warning("the database did not answer in time: %s", type(error).__name__)
    detail = "The database did not answer in time; nothing was done. Send the request again."
    return _answer(request, 503, "overloaded", detail, {"Retry-After": "1"})


async def _on_crash(request: Request, error: Exception) -> Response:
    # outside of the request's context by now, so its id is given here
    facts = {"request_id": request.scope.get("state", {}).get("request_id")}
    # the route, not the path: a status link's address is its key
    route = getattr(request.scope.get("route"), "path", "(no route)")
    _log.error("%s %s failed", request.method, route, exc_info=error, extra={"facts": facts})
    return _answer(request, 500, "internal", "Something went wrong here; the log says what. Try again later.")
