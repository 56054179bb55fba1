"""How heavy the first pages are and how fast the service gives them, without a browser's own time.

    python -m tests.load.first_page [--out docs/results/first-page.json]

In: a fresh demo with the bundled model. Out: for `/` and `/refunds`: bytes of the page with everything it loads at once
(lazy pictures are not), milliseconds until the page is there, p50 and p95 of 60 requests after ten to warm up.
"""

import argparse
import json
import re
import statistics
import time
from pathlib import Path
from typing import Any

import httpx

from tests.load.demo import demo, wait_for

REQUESTS, WARM_UP = 60, 10
PAGES = ("/", "/refunds")
_LOADED = re.compile(r'<(?:script|link|img)\b[^>]*?\b(?:src|href)="(/[^"]+)"[^>]*>')


def measure(client: httpx.Client, path: str) -> dict[str, Any]:
    spent = []
    for _ in range(WARM_UP + REQUESTS):
        began = time.perf_counter()
        page = client.get(path)
        spent.append((time.perf_counter() - began) * 1000)
    page.raise_for_status()
    loaded = {found[1] for found in _LOADED.finditer(page.text) if 'loading="lazy"' not in found[0]}
    files = {name: _sent(client, name) for name in sorted(loaded) if not name.endswith("/")}
    timed = sorted(spent[WARM_UP:])
    return {
        "path": path,
        "page_bytes": _sent(client, path),
        "files": {name: size for name, size in files.items() if name.startswith(("/static", "/samples"))},
        "p50_ms": round(statistics.median(timed), 1),
        "p95_ms": round(timed[int(0.95 * len(timed))], 1),
    }


def _sent(client: httpx.Client, path: str) -> int:
    """Bytes as they come over the wire, packed or not."""
    with client.stream("GET", path) as answer:
        return sum(len(piece) for piece in answer.iter_raw())


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    with demo() as (base, _), httpx.Client(base_url=base, follow_redirects=True) as client:
        client.get("/")
        wait_for(lambda: "DEMO-006" in client.get("/refunds").text)
        found = [measure(client, path) for path in PAGES]
    for one in found:
        one["total_bytes"] = one["page_bytes"] + sum(one["files"].values())
    text = json.dumps(found, indent=1)
    print(text)
    if given.out:
        given.out.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
