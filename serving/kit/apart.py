"""Does work in a process of its own, of low priority: what draws is Python's own work for a second, and in the process
of the service everybody's photo would wait for Python's lock meanwhile. What a stranger's picture breaks there breaks
nothing here.

In: a function of a module with its arguments, as `functools.partial` holds them. Out: what it gives or raises, and the
seconds of a processor it took. The process begins with the first work, ends with its service, however that ends, and a
new one takes the place of one that died. `python -m refundlens.serving.kit.apart` is the other side.
"""

import contextlib
import os
import pickle
import signal
import struct
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from functools import partial
from typing import IO, Any, TypeVar

try:
    import resource
except ImportError:  # Windows has no such limits
    resource = None  # type: ignore[assignment]

Result = TypeVar("Result")
Drawing = Callable[[], Result]
"""A function of a module with its arguments (`functools.partial`): it goes to another process."""

NICE = 10
"""Of 19: a tenth of a processor where judging photos takes all of it, the rest where nobody else wants it."""
MOST_MEMORY = 8 * 2**30
"""Bytes of addresses: what wants more fails by itself, before the machine is out of memory."""
LONGEST = 120.0
"""Seconds of one work; the slowest, a PDF of a photo of 64 megapixels, takes ten on a busy machine."""


_LENGTH = struct.Struct("<Q")
"""Of what follows."""


class ProcessDied(RuntimeError):
    """The process ended in the middle of this work, or was ended because it took too long."""


class Apart:
    """One process. Used by one thread at a time."""

    def __init__(self, longest: float = LONGEST) -> None:
        self._longest = longest
        self._process: subprocess.Popen[bytes] | None = None

    def do(self, work: Drawing[Result]) -> tuple[float, Result | BaseException]:
        """Seconds of a processor, and what came of it. Raises ProcessDied."""
        process = self._running()
        assert process.stdin is not None and process.stdout is not None
        too_long = threading.Timer(self._longest, process.kill)
        too_long.start()
        try:
            _send(process.stdin, pickle.dumps(work, pickle.HIGHEST_PROTOCOL))
            answer: tuple[float, Result | BaseException] = pickle.loads(_received(process.stdout))
            return answer
        except (EOFError, OSError) as error:
            self.close()
            raise ProcessDied("the process that does this work ended in the middle of it") from error
        finally:
            too_long.cancel()

    def close(self) -> None:
        """End the process; the next work starts another."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):  # what was not sent is not to be sent
                    if pipe is not None:
                        pipe.close()

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is not None and self._process.poll() is not None:
            self.close()
        if self._process is None:
            command = [sys.executable, "-P", "-m", __name__]
            self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        return self._process


def timed(work: Callable[[], Result]) -> tuple[float, Result | BaseException]:
    """Seconds of a processor, and what came of it: time is paid for, too, where nothing came."""
    began = time.thread_time()
    result: Result | BaseException
    try:
        result = work()
    except BaseException as error:
        result = error
    return time.thread_time() - began, result


def _send(pipe: IO[bytes], packed: bytes) -> None:
    pipe.write(_LENGTH.pack(len(packed)))
    pipe.write(packed)
    pipe.flush()


def _received(pipe: IO[bytes]) -> bytes:
    """Raises EOFError where the other side has ended."""
    head = pipe.read(_LENGTH.size)
    packed = pipe.read(_LENGTH.unpack(head)[0]) if len(head) == _LENGTH.size else b""
    if not packed or len(packed) < _LENGTH.unpack(head)[0]:
        raise EOFError
    return packed


def _serve(works: IO[bytes], answers: IO[bytes]) -> None:
    """Until the service closes its end, which it does when it dies, too."""
    while True:
        try:
            packed = _received(works)
        except EOFError:
            return
        _send(answers, _packed(timed(partial(_do, packed))))


def _do(packed: bytes) -> Any:
    return pickle.loads(packed)()


def _packed(answer: tuple[float, Any]) -> bytes:
    """An error that cannot travel as it is, as many cannot, becomes one that says the same."""
    spent, result = answer
    try:
        packed = pickle.dumps((spent, result), pickle.HIGHEST_PROTOCOL)
        if isinstance(result, BaseException):
            pickle.loads(packed)
        return packed
    except Exception:
        what = "".join(traceback.format_exception(result)) if isinstance(result, BaseException) else ""
        failed = RuntimeError(f"what came of it cannot be handed over: {what or type(result).__name__}")
        return pickle.dumps((spent, failed), pickle.HIGHEST_PROTOCOL)


def _main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal sends it to us, too; the service ends us
    if hasattr(os, "nice"):
        os.nice(NICE)
    if resource is not None:
        resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    answers = os.fdopen(os.dup(1), "wb")  # what anybody prints must not stand among the answers
    os.dup2(2, 1)
    _serve(sys.stdin.buffer, answers)


if __name__ == "__main__":
    _main()
