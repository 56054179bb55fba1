"""Drift: quiet where nothing moved, told once a day where something did, on the metrics and as a webhook."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import select

from refundlens.serving.drift.figures import DriftFigure, drift_figures, look_for_drift, stability_index
from refundlens.serving.kit.ids import make_id
from refundlens.serving.observability import WorkflowMetrics
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.tables import DetectionRecord, OutboxEvent

TENANT = "tnt_one"


@pytest.fixture
def screened(
    database: Database, create_dispute: Callable[..., Any], moving_clock: Any
) -> Callable[..., None]:
    """Screenings of one photo, so many a quarter of a day over the last days; what the last day says differs."""

    def fill(last: str = "authentic", probability: float = 0.12, days: int = 4, count: int = 16) -> None:
        now = moving_clock()
        with database.transaction() as session:
            image = create_dispute(session, now - timedelta(days=40), buyer="b" * 64, tenant=TENANT).image
            for quarter in range(days * 4):
                for number in range(count):
                    when = now - timedelta(hours=6 * quarter + 1, seconds=number)
                    recent = quarter < 4
                    verdict = last if recent else "authentic"
                    odds = probability if recent else 0.12
                    session.add(
                        DetectionRecord(
                            id=make_id("det", when), tenant_id=TENANT, image_id=image.id, verdict=verdict,
                            probability=odds, bound=None, model_version="1.0.0", created_at=when,
                            body={"conditions": {"long_side": 640, "jpeg_quality": 80, "supported": True}},
                        )
                    )  # fmt: skip

    return fill


def _by_name(database: Database, now: Any) -> dict[str, DriftFigure]:
    with database.reading() as session:
        return {one.name: one for one in drift_figures(session, TENANT, now)}


def test_nothing_moved_nothing_alerts(database: Database, screened: Any, moving_clock: Any) -> None:
    screened()
    found = _by_name(database, moving_clock())
    assert found["scores"].value == 0.0 and found["fake"].photos == 64
    assert not any(one.alert for one in found.values())


def test_scores_and_verdicts_that_moved_alert_once_a_day(
    database: Database, screened: Any, moving_clock: Any
) -> None:
    screened("inconclusive", 0.55)
    found = _by_name(database, moving_clock())
    assert {name for name, one in found.items() if one.alert} == {"scores", "inconclusive"}
    assert (found["inconclusive"].value, found["inconclusive"].before) == (1.0, 0.0)
    metrics = WorkflowMetrics(CollectorRegistry())
    for _ in range(2):
        look_for_drift(database, moving_clock(), metrics)
    with database.reading() as session:
        told = session.execute(select(OutboxEvent).where(OutboxEvent.type == "model.drifted")).scalars().all()
    assert sorted(event.object_id.split("-")[1] for event in told) == ["inconclusive", "scores"]
    assert metrics.drift_alerts.labels("scores")._value.get() == 1
    assert metrics.drift.labels("inconclusive")._value.get() == 1.0


def test_a_few_photos_alert_nobody(database: Database, screened: Any, moving_clock: Any) -> None:
    screened("fake", 0.99, count=5)
    assert not any(one.alert for one in _by_name(database, moving_clock()).values())


def test_the_index_is_nought_for_equal_shares_and_grows() -> None:
    assert stability_index("aabb", "aaaabbbb") == 0.0
    assert 0 < stability_index("aaab", "aabb") < stability_index("aaaa", "aabb")
    assert stability_index("aaaa", "bbbb") == stability_index("bbbb", "aaaa")
