"""A list by doubt, page by page, on SQLite and PostgreSQL: many rows are as doubtful as can be, and each comes once."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from refundlens.serving.http import paging
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.reports.doubt import MOST
from refundlens.serving.reports.review_queue import QueueOrder, QueueView, queue_keys, waiting
from refundlens.serving.storage.database import sqlite_url
from refundlens.serving.workflow.states import ReportState

pytestmark = pytest.mark.slow

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
DOUBTS = (MOST, None, 0.1 + 0.2, MOST, 1 - abs(2 * 0.89 - 1), None, MOST, 0.3, MOST, 0.1 + 0.2, 0.0)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_each_row_comes_once(
    kind: str,
    request: pytest.FixtureRequest,
    tmp_path: Any,
    with_tenant: Any,
    create_dispute: Callable[..., Any],
) -> None:
    url = sqlite_url(tmp_path) if kind == "sqlite" else request.getfixturevalue("postgres_url")
    database, view = with_tenant(url, NOW), QueueView(order=QueueOrder.DOUBT)
    with database.transaction() as session:
        made = []
        for number, doubt in enumerate(DOUBTS):
            one = create_dispute(session, NOW, buyer=f"{number:064x}", content=b"%d" % number,
                                 state=ReportState.NEEDS_REVIEW)  # fmt: skip
            one.report.doubt = doubt
            made.append((2.0 if doubt is None else doubt, one.report.id))
    judge = Principal("tnt_one", "k", Role.ADJUDICATOR, "ann", None)
    for limit in (1, 2, 3):
        seen: list[tuple[float, str]] = []
        after = None
        with database.reading() as session:
            while rows := waiting(session, judge, view, after, limit)[:limit]:
                seen += [tuple(queue_keys(row, view.order)) for row in rows]
                after = paging.decode(paging.encode(queue_keys(rows[-1], view.order)), (float, str))
        assert seen == sorted(made, reverse=True), limit
