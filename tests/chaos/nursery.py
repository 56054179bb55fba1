"""Starts services fast: imports everything once, then forks; a fork runs the very `serve` of the command line.

In: a JSON object a line on standard input (`port`, `log`, `variables`). Out: the new process's id, a line each. Every
service leads a process group of its own, so that it can be killed with all it started.
"""

import json
import os
import signal
import sys
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import uvicorn.protocols.http.httptools_impl
import uvicorn.protocols.websockets.auto  # noqa: F401 - a server imports it when it starts; here it is there already

import refundlens.serving.app  # noqa: F401 - most of a start is this import
from refundlens.serving.cli.serve import serve
from refundlens.serving.kit import clock


def main() -> None:
    """Until standard input ends."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are not waited for
    for line in sys.stdin:
        asked = json.loads(line)
        child = os.fork()
        if child == 0:
            _be_a_service(asked)
        with suppress(PermissionError, ProcessLookupError):  # it was faster
            os.setpgid(child, child)  # before anybody knows whom to kill
        print(child, flush=True)


def _be_a_service(asked: dict[str, Any]) -> None:
    os.setpgid(0, 0)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    log = os.open(asked["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    nothing = os.open(os.devnull, os.O_RDONLY)
    for ours, place in ((nothing, 0), (log, 1), (log, 2)):
        os.dup2(ours, place)
    os.environ.update(asked["variables"])
    if wrong := asked["variables"].get("CHAOS_CLOCK"):
        _follow_clock(Path(wrong))
    status = 1
    try:
        serve(host="127.0.0.1", port=asked["port"], workers=1, model=None)
        status = 0
    finally:
        os._exit(status)  # nothing of the parent's is to be cleaned up here


def _follow_clock(file: Path) -> None:
    """Have the service's clock be wrong by as many seconds as the file says."""

    def wrong() -> timedelta:
        try:
            return timedelta(seconds=float(file.read_text() or 0))
        except (OSError, ValueError):
            return timedelta()

    def shifted() -> datetime:
        return datetime.now(UTC) + wrong_by()  # type: ignore[name-defined]  # noqa: F821 - of the module it goes into

    clock.__dict__["wrong_by"] = wrong
    clock.utc_now.__code__ = shifted.__code__  # whoever has the function already has this one


if __name__ == "__main__":
    main()
