"""A hundred cases decided by keyboard by two adjudicators at once: how long the software itself takes for each.

    python -m tests.load.keyboard [--cases 100] [--out docs/results/keyboard.json]

In: a service with a queue of cases, and two Chromium browsers, one for each adjudicator, in a thread of its own. Each
presses a digit (the reason) and a letter (the decision), and goes on as soon as the next case can be decided. Out:
seconds from the letter to that moment, by case; how many decisions there are, of how many cases, and whether any case
was ever in front of both.
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import uvicorn
from playwright.sync_api import Page, sync_playwright
from sqlalchemy import func, select

from refundlens.model.detect import Detector
from refundlens.serving.app import create_app
from refundlens.serving.http.connections import guarded
from refundlens.serving.identity.tenants import DEFAULT
from refundlens.serving.kit.clock import utc_now
from refundlens.serving.kit.context import Context, Services
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.refunds import service as refunds
from refundlens.serving.refunds.schemas import Amount, Claim, RefundIn
from refundlens.serving.reports import service as reports
from refundlens.serving.reports.schemas import ReportIn
from refundlens.serving.settings import Settings
from refundlens.serving.storage.tables import Decision, Report
from refundlens.serving.workflow.states import ReportState, Source
from tests.support.scenes import jpeg, scene
from tests.support.tiny import save_bundle

JUDGES = ("ann", "bob")
ARGUMENTS = ["--no-sandbox", "--disable-gpu"]
PATIENCE = 600.0
READY = "form.decide:not([data-sent]) [data-key]"


def _fill(parts: Services, cases: int) -> None:
    """Refunds of a platform, each with a photo of its own that its shop reports."""
    platform = Principal(DEFAULT, "env_fill", Role.PLATFORM, "fill", "fill")
    shop = Principal(DEFAULT, "env_shop", Role.MERCHANT, "shop", "shop")
    for number in range(cases):
        now = parts.clock()
        body = RefundIn(
            account="shop", amount=Amount(value=1000 + number, currency="CNY"), buyer=f"buyer-{number}",
            claim=Claim(type="stain", text="A stain."), deadline_at=now + timedelta(days=2),
        )  # fmt: skip
        prepared = [refunds.prepare_one(parts.files, Source.REFUND, "a.jpg", _photo(number))]
        with parts.database.transaction() as session:
            refunds.mirror(
                Context(session, parts.settings, now, platform),
                parts.secret,
                f"K-{number:04}",
                body,
                prepared,
            )
            asked = ReportIn(refund_id=f"K-{number:04}", image=prepared[0].sha256)
            reports.submit(Context(session, parts.settings, now, shop), asked)
    parts.notifier.notify()


def _photo(number: int) -> bytes:
    """A JPEG of 1200 x 900 like no other; grey, which the tiny network does not call fake."""
    return jpeg(scene(number, 1200, 900).mean(axis=2, keepdims=True).astype(np.uint8).repeat(3, axis=2), 88)


def _waiting(parts: Services) -> int:
    with parts.database.reading() as session:
        query = select(func.count()).where(Report.state == ReportState.NEEDS_REVIEW.value)
        return session.execute(query).scalar_one()


def _judge(base: str, name: str, seen: list[tuple[float, str, float]]) -> None:
    """Decide until the queue is empty. seen: when a case was there, its id, and seconds since the letter before it."""
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=shutil.which("chromium"), args=ARGUMENTS)
        page = browser.new_context(locale="en-GB").new_page()
        page.set_default_timeout(
            PATIENCE * 1000
        )  # Playwright's 30 s ended a run on a busy machine, with its browser
        page.goto(f"{base}/login?next=/queue/next")
        page.fill("input[name=key]", f"a-key-of-{name}-for-tests")
        with page.expect_navigation():
            page.locator("form:has([name=key]) button").click()
        spent = 0.0
        while page.locator(READY).count():
            seen.append((time.monotonic(), page.url.partition("?")[0].rsplit("/", 1)[1], spent))
            page.keyboard.press("5")
            spent = _decide(page)
        seen.append((time.monotonic(), "", spent))
        browser.close()


def _decide(page: Page) -> float:
    began = time.perf_counter()
    with page.expect_navigation(wait_until="domcontentloaded"):
        page.keyboard.press("r")
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cases", type=int, default=100)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    assert shutil.which("chromium"), "no Chromium here: apt install chromium"
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), given.cases)
    text = json.dumps(found, indent=1)
    print(text)
    if given.out:
        given.out.write_text(f"{text}\n", encoding="utf-8")
    if (
        found["cases_decided"] != given.cases
        or found["decisions"] != given.cases
        or found["cases_before_both"]
    ):
        sys.exit("a case was lost, decided twice, or in front of both")


def measure(folder: Path, cases: int) -> dict[str, Any]:
    keys = ",".join(f"adjudicator:{name}:a-key-of-{name}-for-tests" for name in JUDGES)
    bundle = save_bundle(folder / "tiny.onnx")
    settings = Settings(
        bundle=bundle,
        data_dir=folder / "var",
        workers=2,
        api_keys=keys,  # type: ignore[arg-type]
        demo=False,
        miss_limit=0,
        variants_per_day=0,
    )
    app = create_app(settings, Detector(bundle, threads=1), utc_now)
    parts: Services = app.state  # type: ignore[assignment]
    door = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(app, log_config=None, access_log=False, http=guarded(settings), ws="none")
    )
    thread = threading.Thread(target=server.run, kwargs={"sockets": [door]}, daemon=True)
    thread.start()
    _fill(parts, cases)
    ends = time.monotonic() + PATIENCE
    while _waiting(parts) < cases and time.monotonic() < ends:
        time.sleep(0.5)
    assert _waiting(parts) == cases, f"{_waiting(parts)} of {cases} cases wait for a person"
    seen: dict[str, list[tuple[float, str, float]]] = {name: [] for name in JUDGES}
    base = f"http://127.0.0.1:{door.getsockname()[1]}"
    load = os.getloadavg()
    began = time.monotonic()
    with ThreadPoolExecutor(len(JUDGES)) as judging:
        for done in [judging.submit(_judge, base, name, seen[name]) for name in JUDGES]:
            done.result()  # what broke a judge's browser breaks the run
    whole = time.monotonic() - began
    time.sleep(12)  # the last decisions can be undone for ten seconds
    with parts.database.reading() as session:
        decided = session.execute(select(Decision.report_id, Decision.decided_by)).all()
    server.should_exit = True
    thread.join(20)
    spent = sorted(took for name in JUDGES for _, _, took in seen[name][1:])
    looked = {name: {case for _, case, _ in seen[name] if case} for name in JUDGES}
    return {
        "cases": cases,
        "decisions": len(decided),
        "cases_decided": len({case for case, _ in decided}),
        "by": {name: sum(who == name for _, who in decided) for name in JUDGES},
        "cases_before_both": len(looked["ann"] & looked["bob"]),
        "seconds_from_letter_to_next_case": {
            "p50": round(statistics.median(spent), 3),
            "p95": round(spent[int(0.95 * len(spent))], 3),
            "most": round(spent[-1], 3),
        },
        "seconds_whole_run": round(whole, 1),
        "load_average_before": load,
    }


if __name__ == "__main__":
    main()
