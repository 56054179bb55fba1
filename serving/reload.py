"""SIGHUP changes the model without losing a photo: `kill -HUP` reads the bundle of the settings anew.

Put the new bundle in the old one's place (by renaming, so that it is never half there) and send the signal. A bundle
that cannot judge changes nothing; the log says why. One that the registry of models knows means to follow the registry.
"""

import asyncio
import logging
import signal
import threading
from typing import Protocol

from model.detection import ModelName

_log = logging.getLogger(__name__)


class Swapping(Protocol):
    """An engine, or who decides for one."""

    def swap(self) -> ModelName:
        """Read the bundle anew. Raises where nothing could be changed."""
        ...


def on_hangup(loop: asyncio.AbstractEventLoop, models: Swapping) -> None:
    """Swap at every SIGHUP that the process gets. Does nothing on Windows, and in tests, where the loop runs on a
    thread that signals do not reach."""
    if not hasattr(signal, "SIGHUP") or threading.current_thread() is not threading.main_thread():
        return

    def swap() -> None:
        loop.run_in_executor(None, _swap, models)

    loop.add_signal_handler(signal.SIGHUP, swap)


def _swap(models: Swapping) -> None:
    try:
        name = models.swap()
    except Exception:
        _log.exception("the model stays: the bundle could not be swapped in")
        return
    _log.warning("the model is now %s %s (%s)", name.name, name.version, name.sha256[:12])
