#!/usr/bin/env python3
"""Judge photos from Python without any dependency: docs/examples/detect.py PHOTO...

REFUNDLENS_URL and REFUNDLENS_API_KEY say where and who. One JSON line a photo. Those who have refundlens installed
write less with `from refundlens.serving.client import Client`.
"""

import base64
import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

ATTEMPTS = 5
"""Tries at a server that is busy."""
LONGEST_WAIT = 30
"""Seconds; a server that asks for more is not waited for any longer."""


def detect(paths: list[Path], url: str, key: str) -> list[dict[str, object]]:
    """The API's answer for each photo, in order. At most 16. Raises urllib.error.URLError."""
    pictures = [{"name": path.name, "data": base64.b64encode(path.read_bytes()).decode()} for path in paths]
    request = urllib.request.Request(
        f"{url.rstrip('/')}/v1/detect",
        data=json.dumps({"image": pictures}).encode(),
        headers={
            "Authorization": f"Bearer {key}",
            "Content-Type": "application/json",
            "X-Deadline-Ms": "30000",
            "Idempotency-Key": uuid.uuid4().hex,  # a second try is never judged twice
        },
    )
    for attempt in range(1, ATTEMPTS + 1):
        try:
            with urllib.request.urlopen(request, timeout=120) as response:
                found: list[dict[str, object]] = json.load(response)["detections"]
                return found
        except urllib.error.HTTPError as error:
            if error.code not in (429, 503) or attempt == ATTEMPTS:
                raise
            time.sleep(min(int(error.headers.get("Retry-After", 1)), LONGEST_WAIT))
    raise AssertionError("the last attempt returns or raises")


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(f"usage: {sys.argv[0]} PHOTO...")
    address = os.environ.get("REFUNDLENS_URL", "http://127.0.0.1:8000")
    for line in detect([Path(name) for name in sys.argv[1:]], address, os.environ["REFUNDLENS_API_KEY"]):
        print(json.dumps(line, ensure_ascii=False))
