"""A real OpenID Connect provider as its own process."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.support.ports import free_port

PATIENCE = 60
"""Seconds until it must answer."""


@contextmanager
def openid_provider(*users: dict[str, Any]) -> Iterator[str]:
    """Its issuer. users: claims, by `sub` of whom somebody logs in there."""
    port = free_port()
    told = [part for user in users for part in ("--user-claims", json.dumps(user))]
    command = [sys.executable, "-m", "oidc_provider_mock", "-p", str(port), *told]
    process = subprocess.Popen(
        command, stderr=subprocess.DEVNULL, env={**os.environ, "PYTHONWARNINGS": "ignore"}
    )
    try:
        yield _issuer(f"http://127.0.0.1:{port}/.well-known/openid-configuration")
    finally:
        process.kill()
        process.wait()


def _issuer(url: str) -> str:
    ends = time.monotonic() + PATIENCE
    while True:
        try:
            issuer: str = httpx.get(url, timeout=2).raise_for_status().json()["issuer"]
            return issuer
        except httpx.HTTPError:
            if time.monotonic() > ends:
                raise
            time.sleep(0.2)
