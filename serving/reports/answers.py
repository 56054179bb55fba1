"""A report as endpoints answer with it: in the caller's language, with status links where no answer is stored; at once,
or when its verdict is there (`Prefer: wait`, RFC 7240).
"""

import asyncio
import json
import re
from typing import Any

from fastapi import Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from refundlens.serving.http.context import ApiCall
from refundlens.serving.http.idempotency import Created
from refundlens.serving.identity.scopes import SAFE_METHODS, permits
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.errors import etag
from refundlens.serving.reports import repository, view
from refundlens.serving.reports.schemas import ReportOut
from refundlens.serving.storage.secret import Secret
from refundlens.serving.storage.tables import Report
from refundlens.serving.workflow.states import ReportState

LONGEST_WAIT = 30.0
"""Seconds that `Prefer: wait` may ask for; proxies give up after sixty."""
LOOK_AGAIN = 0.5
"""Seconds between looks while waiting: another process may do the screening, and wakes nobody here."""
_WAIT = re.compile(r"(?:^|,)\s*wait=(\d{1,4})\s*(?=$|[,;])")


def link_secret(call: ApiCall) -> Secret | None:
    """What status links are made with. Answers to POST are stored, and must hold no links: whoever has the database
    alone opens nothing with it."""
    linked = call.request.method in SAFE_METHODS and permits(call.principal.scopes, "reports:write")
    return call.services.secret if linked else None


def answer_of(call: ApiCall, context: Context, report: Report) -> ReportOut:
    whole = repository.report_detail(context.session, report)
    return view.report_out(context, whole, secret=link_secret(call), finder=call.services.finder)


def made(call: ApiCall, context: Context, report: Report, status: int) -> Created:
    return Created(answer_of(call, context, report).body(), status, {"ETag": etag(report.version)})


def patience(call: ApiCall) -> float:
    found = _WAIT.search(call.request.headers.get("prefer", ""))
    return min(float(found[1]), LONGEST_WAIT) if found else 0.0


async def waited(call: ApiCall, answer: Response, seconds: float) -> Response:
    """The answer once no report of it is `submitted` any more, or after so many seconds as it is then."""
    loop = asyncio.get_running_loop()
    ends = loop.time() + seconds
    while True:
        now, pending = await run_in_threadpool(_again, call, bytes(answer.body))
        left = ends - loop.time()
        if not pending or left <= 0:
            headers = {
                name: value
                for name, value in answer.headers.items()
                if name not in ("content-length", "etag")
            }
            return JSONResponse(
                now, answer.status_code, headers | {"Preference-Applied": f"wait={seconds:.0f}"}
            )
        await call.services.notifier.wait(min(left, LOOK_AGAIN))


def _again(call: ApiCall, body: bytes) -> tuple[dict[str, Any], bool]:
    """The reports of an answer as they are now, and whether one is still to be screened."""
    said = json.loads(body)
    ids = [item["id"] for item in said.get("items", [said])]
    with call.reading() as context:
        now = [
            answer_of(
                call, context, repository.find_report(context.session, call.principal, identifier)
            ).body()
            for identifier in ids
        ]
    pending = any(item["state"] == ReportState.SUBMITTED for item in now)
    return ({"items": now} if "items" in said else now[0]), pending
