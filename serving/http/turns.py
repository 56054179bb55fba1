"""Works for callers by turns: heat maps and PDFs take seconds of a processor, and a page asks for a dozen at once; a
body of JSON takes half a second. Drawings are made by processes of their own (`kit.apart`).

In: a request and what is to be done for it. Out: what comes of it; Problem 429 where its caller waits for too much
already, 503 where its turn did not come in time. As much is done at once as leaves a processor to what judges photos.
Of those that wait, callers with a key go first, and of these each tenant in turn: a hundred of one delay another's by
one.
"""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TypeVar

from fastapi import Request

from refundlens.serving.http.budgets import Budgets, Caller, Room, caller_of, full
from refundlens.serving.kit.apart import Apart, Drawing, ProcessDied, timed
from refundlens.serving.kit.context import Services

Result = TypeVar("Result")
WAITING = 128
"""Drawings that wait, of all callers; each has a share (`budgets.SHARES`): a page asks for some twenty at most."""
PATIENCE = 20.0
"""Seconds until a turn has to come; browsers and people wait for no picture longer."""


class Turns:
    """places: works at once. name: of what waits, for people. Used from the event loop only."""

    def __init__(self, places: int, name: str = "drawings") -> None:
        self._free, self._name = places, name
        self._apart = [Apart() for _ in range(places)]
        self._room = Room(f"{name} that wait", WAITING)
        self._waiting: dict[bool, OrderedDict[str, deque[asyncio.Future[None]]]] = {
            True: OrderedDict(),
            False: OrderedDict(),
        }
        self._threads = ThreadPoolExecutor(places, thread_name_prefix=name)

    @asynccontextmanager
    async def turn(self, caller: Caller) -> AsyncIterator[None]:
        """Raises Problem 429, 503."""
        with self._room.held_while(caller, 1):
            await self._wait(caller)
        try:
            yield
        finally:
            self._free += 1
            self._pass_on()

    async def do(self, caller: Caller, budgets: Budgets, work: Callable[[], Result]) -> Result:
        """What `work` gives, on a thread of its own when its turn has come; its caller pays for the time of a processor
        it takes. Raises Problem 429, 503, and what `work` raises."""
        return await self._paid(caller, budgets, lambda: timed(work))

    async def draw(self, caller: Caller, budgets: Budgets, collect: Callable[[], Drawing[Result]]) -> Result:
        """What a drawing gives, in a process of its own; `collect` gives it on a thread when its turn has come, with
        what it is drawn of: who waits holds no photo. Raises Problem 429, 503, ProcessDied, and what both raise."""

        def work() -> tuple[float, Result | BaseException]:
            spent, drawing = timed(collect)
            if isinstance(drawing, BaseException):
                return spent, drawing
            apart = self._apart.pop()  # as many as there are threads
            try:
                drawn, result = apart.do(drawing)
                return spent + drawn, result
            except ProcessDied as error:
                return spent, error
            finally:
                self._apart.append(apart)

        return await self._paid(caller, budgets, work)

    async def _paid(
        self, caller: Caller, budgets: Budgets, work: Callable[[], tuple[float, Result | BaseException]]
    ) -> Result:
        budgets.processors.check(caller)
        async with self.turn(caller):
            spent, result = await asyncio.get_running_loop().run_in_executor(self._threads, work)
            budgets.processors.pay(caller, spent)
        if isinstance(result, BaseException):
            raise result
        return result

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)
        for apart in self._apart:
            apart.close()

    async def _wait(self, caller: Caller) -> None:
        mine = asyncio.get_running_loop().create_future()
        queue = self._waiting[caller.pays].setdefault(caller.group, deque())
        queue.append(mine)
        self._pass_on()
        try:
            async with asyncio.timeout(PATIENCE):
                await mine
        except BaseException as error:
            if (
                mine.done() and not mine.cancelled()
            ):  # the turn came in this very moment: it goes on to the next
                self._free += 1
                self._pass_on()
            mine.cancel()
            if isinstance(error, TimeoutError):
                raise full(self._name) from error
            raise

    def _pass_on(self) -> None:
        """Give free places to who waits, each group in turn."""
        while self._free and (mine := self._next()) is not None:
            self._free -= 1
            mine.set_result(None)

    def _next(self) -> "asyncio.Future[None] | None":
        for queues in (self._waiting[True], self._waiting[False]):
            while queues:
                group, queue = queues.popitem(last=False)
                mine = queue.popleft()
                if queue:
                    queues[group] = queue  # behind the other groups
                if not mine.done():
                    return mine
        return None


async def drawn(request: Request, collect: Callable[[], Drawing[Result]]) -> Result:
    """Draw for whoever sent this (`Turns.draw`). Raises Problem 429, 503, and what is raised in drawing."""
    parts = Services.of(request)
    return await parts.turns.draw(caller_of(request), parts.budgets, collect)
