"""Works for a caller as long as the caller is there: whoever hangs up before the answer takes the work along.

In: a request and what is to be done for it. Out: its result; or Problem 499, which nobody reads but the log and the
metrics.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from fastapi import Request
from starlette.types import Receive

from refundlens.serving.http.problems import CALLER_GONE, Problem

Result = TypeVar("Result")


async def while_connected(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """What `work` gives; it is cancelled where the connection is closed first. Raises Problem 499 then.

    Only for requests whose body was read to its end, or is of no use to anybody: what is left of it is thrown away. A
    server that is told of no such thing (a request pipelined behind this one hides it from uvicorn) costs the work and
    nothing else.
    """
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_closed(request.receive))
    try:
        await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        leaving.result()
        raise Problem(CALLER_GONE, "hung_up", "The connection was closed before the answer was there.")
    finally:
        working.cancel()
        leaving.cancel()
        # what they hold (a place, a photo) is given back before the request's own place is
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _closed(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
