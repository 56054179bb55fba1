"""A real Triton server for tests: the binary of `nvidia-pytriton`, which has the Python backend and no other.

In: a model repository. Out: a server on this machine that can be killed and started again. The package pins numpy below
2, so it is installed beside ours without its requirements: pip install --no-deps nvidia-pytriton.
"""

import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.support.ports import free_ports

PATIENCE = 90.0
"""Seconds for a start with its warm-up; an idle machine takes five."""


class TritonServer:
    """grpc, http: its addresses."""

    def __init__(self, folder: Path, repository: Path, *options: str) -> None:
        found = importlib.util.find_spec("pytriton")
        if found is None or not found.submodule_search_locations:
            pytest.skip("no Triton server: pip install --no-deps nvidia-pytriton")
        packaged = Path(found.submodule_search_locations[0]) / "tritonserver"
        stub = packaged / "python_backend_stubs" / f"{sys.version_info.major}.{sys.version_info.minor}"
        if not stub.is_dir():
            pytest.skip("nvidia-pytriton has no Python backend for this Python")
        self._libraries = str(packaged.parent.parent / "nvidia_pytriton.libs")
        self._home = folder / "tritonserver"
        shutil.copytree(packaged, self._home, ignore=shutil.ignore_patterns("python_backend_stubs"))
        shutil.copy(stub / "triton_python_backend_stub", self._home / "backends" / "python")
        http, grpc = free_ports(2)
        self.grpc, self.http = f"grpc://127.0.0.1:{grpc}", f"http://127.0.0.1:{http}"
        self._command = [
            str(self._home / "bin" / "tritonserver"), f"--model-repository={repository}",
            f"--backend-directory={self._home / 'backends'}", "--http-address=127.0.0.1",
            "--grpc-address=127.0.0.1", f"--http-port={http}", f"--grpc-port={grpc}", "--allow-metrics=false",
            "--exit-timeout-secs=5", *options,
        ]  # fmt: skip
        self._log = folder / "triton.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when its models are ready. Skips where the binary does not run on this machine."""
        path = (
            f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # whose numpy and onnxruntime the model has
        )
        environment = {
            **os.environ, "PATH": path, "OMP_NUM_THREADS": "1", "LD_LIBRARY_PATH": self._libraries
        }  # fmt: skip
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, stdout=log, stderr=log, env=environment, start_new_session=True
            )
        until = time.monotonic() + PATIENCE
        while not self._ready():
            status = self._process.poll()
            if status in (-signal.SIGILL, 126, 127):
                pytest.skip(f"Triton's binary does not run on this machine ({status})")
            if status is not None or time.monotonic() > until:
                self.kill()
                pytest.fail(self._log.read_text()[-3000:])
            time.sleep(0.1)

    def kill(self) -> None:
        """With all its processes, in the middle of whatever they do."""
        if self._process is not None and self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def _ready(self) -> bool:
        try:
            return httpx.get(f"{self.http}/v2/health/ready", timeout=1).status_code == 200
        except httpx.TransportError:
            return False
