"""The service killed under load: a short version of `python -m tests.chaos`, which runs for minutes."""

from pathlib import Path

import pytest

from tests.chaos.run import Plan, Run, Summary

pytestmark = pytest.mark.slow

SEED = 7


def _nothing_lost_or_doubled(plan: Plan) -> Summary:
    summary = Run(plan).whole()
    assert summary.evidence == []
    assert summary.kills == plan.kills
    assert summary.requests > 0 and summary.reports > 0
    return summary


def test_kills_on_sqlite_lose_and_double_nothing(bundle: Path, tmp_path: Path) -> None:
    _nothing_lost_or_doubled(Plan(tmp_path, bundle, kills=6, clients=3, seed=SEED, hurry=True))


def test_kills_of_two_processes_on_postgresql_lose_and_double_nothing(
    bundle: Path, tmp_path: Path, postgres_url: str
) -> None:
    plan = Plan(tmp_path, bundle, postgres_url, kills=4, processes=2, clients=3, seed=SEED, hurry=True)
    _nothing_lost_or_doubled(plan)
