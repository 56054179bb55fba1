"""A fresh demo in a process of its own, for whoever measures it or takes its picture.

In: nothing. Out: its address and the key it printed; it ends with the block.
"""

import re
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from refundlens.serving.settings import environment

ROOT = Path(__file__).parents[2]
PATIENCE = 180.0
"""Seconds for the service to draw its samples and for a photo to be judged, on a busy machine."""


@contextmanager
def demo() -> Iterator[tuple[str, str]]:
    """Address and demo key of a service with an empty data folder."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "refundlens.serving.cli.main", "serve", "--port", "0"]
        service = subprocess.Popen(
            command, cwd=ROOT, stderr=subprocess.PIPE, text=True, env=environment(REFUNDLENS_DATA_DIR=folder)
        )
        try:
            assert service.stderr is not None
            said = "".join(service.stderr.readline() for _ in range(2))
            base, key = re.search(r"http://\S+", said), re.search(r"Demo key: (\S+)", said)
            assert base and key, said
            wait_for(lambda: "ready" in urllib.request.urlopen(f"{base[0]}/readyz").read().decode())
            yield base[0], key[1]
        finally:
            service.terminate()
            service.wait()


def wait_for(look: Any) -> None:
    ends = time.monotonic() + PATIENCE
    while time.monotonic() < ends:
        try:
            if look():
                return
        except OSError:
            pass
        time.sleep(0.5)
    raise TimeoutError("the service did not get there")
