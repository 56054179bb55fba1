"""How the database finds what is asked: by the index that was made for it, with statistics and without."""

import asyncio
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from fastapi import FastAPI
from sqlalchemy import select, text

from refundlens.model.detect import Detector
from refundlens.serving.buyers import repository, retention
from refundlens.serving.console.review import sharing
from refundlens.serving.detection.store import DetectionStore
from refundlens.serving.events import audit
from refundlens.serving.events.audit import Fact
from refundlens.serving.identity.tenants import DEFAULT
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import SYSTEM, Role
from refundlens.serving.labels import service as labels
from refundlens.serving.reports import history, review_queue
from refundlens.serving.reports import repository as reports
from refundlens.serving.reports.history import HistoryOrder, Narrowed
from refundlens.serving.reports.review_queue import QueueView
from refundlens.serving.settings import Settings
from refundlens.serving.storage import queue as leases
from refundlens.serving.storage.base import Base
from refundlens.serving.storage.database import Database, sqlite_url
from refundlens.serving.storage.files import FileStore
from refundlens.serving.storage.migrate import declared_here
from refundlens.serving.storage.tables import Lane, Report
from refundlens.serving.webhooks import queue
from refundlens.serving.webhooks import repository as webhooks
from tests.load import fill, million
from tests.load.pages import Drawn, Page, pages
from tests.load.plans import GROWING, Plan, explain, watched
from tests.load.rows import NOW

pytestmark = pytest.mark.slow

REPORTS = 1500
SHA256 = "0" * 64


@pytest.fixture(scope="module")
def filled(detector: Detector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastAPI]:
    """The service on SQLite with a small marketplace's year."""
    folder = tmp_path_factory.mktemp("filled")
    app = million.application(sqlite_url(folder), folder, detector)
    with app.state.database.transaction() as session:  # as the registry does when a bundle is new
        audit.append(session, DEFAULT, NOW, SYSTEM, Fact("model.added", "refundlens-s-1"))
    fill.fill(app.state.database, REPORTS)
    yield app
    app.state.database.close()


@pytest.fixture(scope="module")
def asked(filled: FastAPI) -> list[Page]:
    return pages(Drawn(filled.state.database))


@pytest.fixture(scope="module")
def found(filled: FastAPI, asked: list[Page]) -> dict[str, list[Plan]]:
    """The plans of every page and of the worker's looks, on a database that keeps no statistics."""
    return {page.name: million.plans(filled, page) for page in asked} | million.plans_of_looks(
        filled.state.database
    )


def _lines(plans: list[Plan]) -> list[str]:
    return [line for plan in plans for line in plan.lines]


def _uses(lines: list[str], index: str) -> bool:
    return any(f"INDEX {index} " in line for line in lines)


def test_every_page_is_answered_by_its_index(asked: list[Page], found: dict[str, list[Plan]]) -> None:
    missing = {
        page.name: _lines(found[page.name])
        for page in asked
        if not _uses(_lines(found[page.name]), page.uses)
    }
    assert not missing


def test_nothing_that_grows_is_read_whole_or_sorted(found: dict[str, list[Plan]]) -> None:
    assert not {f"{name}: {fault}" for name, plans in found.items() for plan in plans for fault in plan.wrong}


def test_statistics_lead_to_no_other_index(filled: FastAPI, asked: list[Page]) -> None:
    """Somebody may run ANALYZE. Tables that are tiny here are then read whole, as they should."""
    engine = filled.state.database._engine
    with engine.begin() as connection:
        connection.execute(text("ANALYZE"))
    try:
        lines = {page.name: _lines(million.plans(filled, page)) for page in asked}
    finally:
        with engine.begin() as connection:
            connection.execute(text("DROP TABLE sqlite_stat1"))
        engine.dispose()
    assert not {page.name for page in asked if not _uses(lines[page.name], page.uses)}
    large = (
        "report",
        "refund",
        "image",
        "detection",
        "audit_event",
        "outbox_event",
        "webhook_delivery",
        "job",
    )
    assert not {
        line
        for found in lines.values()
        for line in found
        if line.startswith(tuple(f"SCAN {name}" for name in large))
    }


def _others(database: Database, files: FileStore) -> dict[str, Callable[[], object]]:
    """What is asked besides pages, by the name of the index that it is for."""
    now = NOW + timedelta(seconds=1)

    def reading(ask: Callable[[Any], object]) -> Callable[[], object]:
        def run() -> object:
            with database.reading() as session:
                return ask(session)

        return run

    shop = Principal(DEFAULT, "k", Role.MERCHANT, "clerk", "shop-0000")
    judge = Principal(DEFAULT, "k", Role.ADJUDICATOR, "judge-01")

    def told(who: Principal, order: history.HistoryOrder, **narrowed: Any) -> Callable[[], object]:
        return reading(lambda session: history.reported(session, who, Narrowed(**narrowed), order, None, 50))

    def queued(**view: Any) -> Callable[[], object]:
        return reading(lambda session: review_queue.waiting(session, judge, QueueView(**view), None, 50))

    store = DetectionStore(database, files, 10)
    needed = reading(lambda session: retention.needed(session, [SHA256]))
    return {
        "ix_report_account_verdict": told(shop, history.HistoryOrder.NEWEST, verdict="inconclusive"),
        "ix_report_product": told(judge, history.HistoryOrder.NEWEST, product="shop-0000-001"),
        "ix_report_account_product": told(shop, history.HistoryOrder.LARGEST, product="shop-0000-001"),
        "ix_report_account_amount": told(shop, history.HistoryOrder.LARGEST),
        "ix_report_amount": told(judge, history.HistoryOrder.SMALLEST),
        "ix_report_doubt": queued(order=review_queue.QueueOrder.DOUBT),
        "ix_decision_judge": reading(lambda session: sharing.decisions(session, judge, None)),
        "ix_report_claim": reading(lambda session: reports.of_claim(session, "clm_1")),
        "ix_refund_buyer": reading(
            lambda session: repository.is_known(session, DEFAULT, SHA256, "shop-0000")
        ),
        "ix_image_sha256": reading(lambda session: labels.image_by_sha256(session, DEFAULT, SHA256)),
        "ix_image_kept": reading(
            lambda session: retention.erase_old_photos(session, files, now, Settings(keep_photos_days=1))
        ),
        "ix_detection_image": reading(lambda session: labels.newest_screening(session, DEFAULT, "img_1")),
        "ix_detection_heatmap": needed,
        "ix_detection_question": lambda: store.answers([SHA256]),
        "ix_detection_reliability": needed,
        "ix_refusal_evidence": needed,
        "ix_outbox_event_newest": reading(lambda session: webhooks.event_ids(session, DEFAULT, "evt_", 10)),
        "ix_job_due": lambda: leases.next_due(database, now, Lane.WEBHOOK),
        "ix_job_key": lambda: queue.claim(database, now, timedelta(hours=1), 4, {}),
    }


@pytest.mark.parametrize("role", [Role.MERCHANT, Role.ADMIN])
@pytest.mark.parametrize("order", history.HistoryOrder)
def test_what_a_search_found_is_read_by_its_ids(filled: FastAPI, role: Role, order: HistoryOrder) -> None:
    """Not by walking all amounts of a marketplace until those few are met, nor to find that there are none."""
    database, caller = filled.state.database, Principal(DEFAULT, "", role, "", "shop-0000")
    with database.reading() as session:
        ids = session.execute(select(Report.id).where(Report.tenant_id == DEFAULT).limit(3)).scalars().all()
        for found in (ids, []):
            with watched(database._engine) as statements:
                history.reported(session, caller, Narrowed(ids=found), order, None, 50)
            lines = _lines([explain(database._engine, statement) for statement in statements])
            assert all("id=?)" in line for line in lines if line.startswith("SEARCH")), lines
            assert bool(lines) == bool(found)


@pytest.mark.parametrize("role", [Role.MERCHANT, Role.ADMIN])
@pytest.mark.parametrize("order", history.HistoryOrder)
def test_a_product_s_reports_are_sorted_by_its_index(
    filled: FastAPI, role: Role, order: HistoryOrder
) -> None:
    """A best seller has thousands: they are put in the order of their amounts before any is read."""
    database, caller = filled.state.database, Principal(DEFAULT, "", role, "", "shop-0000")
    best = Narrowed(product="shop-0000-001")
    with database.reading() as session, watched(database._engine) as statements:
        first = history.reported(session, caller, best, order, None, 3)
        after = history.history_keys(first[2], order)
        following = history.reported(session, caller, best, order, after, 3)
        whole = history.reported(session, caller, best, order, None, 200)
    keys = [history.history_keys(one, order) for one in whole]
    assert keys == sorted(keys, reverse=order.backwards)
    assert [one.id for one in [*first[:3], *following[:3]]] == [one.id for one in whole[:6]]
    assert {one.product for one in whole} == {"shop-0000-001"} and len(whole) >= 6
    lines = _lines([explain(database._engine, statement) for statement in statements])
    index = "ix_report_account_product" if role is Role.MERCHANT else "ix_report_product"
    assert any(f"{'COVERING ' if order.by_amount else ''}INDEX {index} " in line for line in lines), lines
    assert not [line for line in lines if "SCAN report" in line]


def test_every_index_is_used(filled: FastAPI, found: dict[str, list[Plan]], tmp_path: Path) -> None:
    """One that nothing uses would only make writing slower."""
    database = filled.state.database
    used = "\n".join(line for plans in found.values() for line in _lines(plans))
    for name, ask in _others(database, FileStore(tmp_path)).items():
        with watched(database._engine) as statements:
            ask()
        lines = _lines([explain(database._engine, statement) for statement in statements])
        assert _uses(lines, name), (name, lines)
        used += "\n".join(lines)
    declared = {str(index.name) for name in GROWING for index in Base.metadata.tables[name].indexes}
    elsewhere = {
        "ix_outbox_event_object",  # `buyers.erase`: what was told of a buyer's reports
        "ix_detection_newest",  # the console: what was screened on a day
    }
    assert {name for name in declared if f"{name} " not in used} <= elsewhere


def test_a_query_without_an_index_is_found_out(filled: FastAPI) -> None:
    """The check itself: a scan and a sort are seen."""
    engine = filled.state.database._engine
    scan = explain(engine, ("SELECT id FROM report WHERE note = ?", ("x",)))
    sort = explain(engine, ("SELECT id FROM report WHERE tenant_id = ? ORDER BY note", (DEFAULT,)))
    assert scan.wrong == ["SCAN report"]
    assert sort.wrong == ["USE TEMP B-TREE FOR ORDER BY"]


def test_the_benchmark_times_a_page_and_a_look(filled: FastAPI, asked: list[Page]) -> None:
    page = next(page for page in asked if page.name == "the adjudicators' queue")
    timing = asyncio.run(million._timed(filled, page, 3))
    assert (timing.requests, timing.rows) == (3, min(50, timing.rows)) and timing.rows > 0
    assert 0 < timing.p50 <= timing.p99 <= timing.most


def test_the_made_up_year_is_what_it_says(filled: FastAPI) -> None:
    """Foreign keys hold, live reports are few, and every live one is marked as such."""
    with filled.state.database.reading() as session:
        assert session.connection().exec_driver_sql("PRAGMA foreign_key_check").all() == []
        states = session.query(Report.state, Report.live).all()
    assert len(states) >= REPORTS
    live = [state for state, mark in states if mark is not None]
    assert 0 < len(live) < len(states) / 20
    assert {"submitted", "needs_review", "established", "not_established", "appealed"} >= set(live)


def _differences(database: Database) -> list[Any]:
    with database._engine.connect() as connection:
        asked = {"compare_type": True, "include_name": declared_here}
        context = MigrationContext.configure(connection, opts=asked)
        return list(compare_metadata(context, Base.metadata))


def test_the_migration_makes_the_tables_that_are_declared(database: Database) -> None:
    assert _differences(database) == []


def test_the_migration_makes_the_same_tables_on_postgresql(postgres_url: str) -> None:
    database = Database(postgres_url)
    database.migrate()
    found = _differences(database)
    database.close()
    assert found == []
