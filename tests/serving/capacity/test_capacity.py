"""Photos a day to machines, and the queue played: against sums by hand, Erlang's formula, and what must hold of any."""

import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from refundlens.serving.capacity.plan import DAY, Cost, Demand, Prices, plan
from refundlens.serving.capacity.queueing import SPREAD, Farm, Outage, play
from refundlens.serving.cli.main import app

COST = Cost(rest_ms=50, tile_ms=20, tiles=10, photo_kb=200, maps_kb=0, rows_kb=10)
PRICES = Prices(core_hour=1, gpu_hour=10, bucket_gb_month=0, database_gb_month=0)


def test_a_plan_is_the_sum_by_hand() -> None:
    found = plan(Demand(DAY, peak=2, keep_days=10), COST, PRICES, busy=0.5)
    assert found.photos_a_second == 2
    assert found.cores == 1  # 2 a second × 0.25 s, half busy
    assert (found.gpus, found.bucket_gb) == (0, pytest.approx(DAY * 10 * 200 / 1e6))
    assert found.database_gb_a_year == pytest.approx(DAY * 365 * 10 / 1e6)
    assert found.month == 730
    assert found.per_thousand == pytest.approx(730_000 / (DAY * 365 / 12))


def test_a_gpu_takes_the_network_s_share_from_the_cores() -> None:
    found = plan(Demand(100 * DAY, peak=1), replace(COST, gpu_tiles=500), PRICES, busy=1)
    assert (found.cores, found.gpus) == (5, 2)


@given(photos=st.floats(1, 1e9), more=st.floats(1, 10), busy=st.floats(0.1, 1))
def test_more_photos_never_need_less(photos: float, more: float, busy: float) -> None:
    one, other = (plan(Demand(number), COST, Prices(), busy) for number in (photos, photos * more))
    assert other.cores >= one.cores and other.bucket_gb >= one.bucket_gb and other.month >= one.month
    assert one.cores * busy >= one.photos_a_second * COST.processor_ms / 1000 * (1 - 1e-9)


@pytest.mark.parametrize("load", [Demand(0), Demand(10, peak=0.5), Demand(10, reported=2)])
def test_loads_that_cannot_be_are_refused(load: Demand) -> None:
    with pytest.raises(ValueError, match="photos a day above 0"):
        plan(load, COST, PRICES)


@pytest.mark.parametrize("load", [Demand(-1), Demand(math.inf), Demand(math.nan), Demand(10, keep_days=-1)])
def test_numbers_that_are_none_are_refused(load: Demand) -> None:
    with pytest.raises(ValueError, match="numbers of 0 and more"):
        plan(load, COST, PRICES)


def test_a_negative_price_is_refused() -> None:
    with pytest.raises(ValueError, match="numbers of 0 and more"):
        plan(Demand(10), COST, replace(PRICES, core_hour=-1))


def test_waiting_is_what_the_formula_of_pollaczek_and_khinchin_says() -> None:
    """One replica, half busy, times even within a half: waits are λ·E[S²] / 2(1-ρ) on average; the median is below."""
    service, rate = 0.1, 5.0
    found = play(Farm(1, service, patience=1000, wire=0), rate, 4000, seed=1)
    second_moment = service**2 * (1 + SPREAD**2 / 3)
    waits = rate * second_moment / (2 * (1 - rate * service))
    assert found.refused == found.late == found.lost == 0
    assert found.mean == pytest.approx(service + waits, rel=0.05)


@given(
    replicas=st.integers(1, 40),
    load=st.floats(0.1, 3),
    share=st.floats(0.1, 1),
    back=st.floats(0.5, 20),
    seed=st.integers(0, 99),
)
def test_no_photo_is_lost_or_counted_twice_whoever_dies(
    replicas: int, load: float, share: float, back: float, seed: int
) -> None:
    rate = min(40.0, load * replicas / 0.2)
    found = play(Farm(replicas, 0.2), rate, 10, seed, Outage(3, share, back))
    assert found.lost == 0
    assert found.in_time + found.refused + found.late == found.arrived


def test_twice_the_load_is_turned_away_and_the_rest_is_in_time() -> None:
    found = play(Farm(20, 0.2), 200, 30)
    assert found.goodput == pytest.approx(100, rel=0.05)
    assert found.refused == pytest.approx(found.arrived / 2, rel=0.1)
    assert found.late == 0


def test_a_farm_that_lost_a_fifth_recovers_and_one_that_lost_nothing_has_nothing_to_recover_from() -> None:
    farm = Farm(50, 0.25)
    assert play(farm, 120, 30).recovered is None
    hurt = play(farm, 190, 60, fault=Outage(10, 0.2, 15))  # 95 % busy: less is not enough for all
    assert hurt.again > 0 and hurt.refused > 0
    assert hurt.recovered is not None and 10 < hurt.recovered < 40
    spare = play(farm, 120, 60, fault=Outage(10, 0.2, 15))
    assert spare.recovered is not None and spare.recovered <= 2


def test_a_seed_gives_the_same_numbers() -> None:
    assert play(Farm(5, 0.2), 20, 20, seed=3) == play(Farm(5, 0.2), 20, 20, seed=3)
    assert play(Farm(5, 0.2), 20, 20, seed=3) != play(Farm(5, 0.2), 20, 20, seed=4)


@pytest.mark.parametrize(("farm", "rate"), [(Farm(0, 0.1), 1), (Farm(1, 0), 1), (Farm(1, 0.1), 0)])
def test_a_queue_without_replicas_or_photos_is_refused(farm: Farm, rate: float) -> None:
    with pytest.raises(ValueError, match="at least one replica"):
        play(farm, rate, 1)


def test_the_command_says_what_the_plan_says() -> None:
    done = CliRunner().invoke(app, ["capacity", "1e6", "--gpu-tiles", "4000", "--simulate", "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.output)
    expected = plan(Demand(1e6), Cost(gpu_tiles=4000), Prices())
    assert (found["cores"], found["gpus"], found["month"]) == (expected.cores, expected.gpus, expected.month)
    assert all(one["lost"] == 0 for one in found["simulated"].values())
    assert math.isclose(found["photos_a_second"], 1e6 / DAY * 2.5)


def test_the_command_refuses_a_load_that_cannot_be() -> None:
    done = CliRunner().invoke(app, ["capacity", "100", "--peak", "0.5"])
    assert done.exit_code == 2 and "peak of at least 1" in done.output
    assert "cores" in CliRunner().invoke(app, ["capacity", "100"]).output


def test_the_command_says_why_no_photo_is_in_time() -> None:
    done = CliRunner().invoke(app, ["capacity", "100", "--simulate", "--tiles", "60"])
    assert done.exit_code == 0 and "no photo is in time" in done.output and "--gpu-tiles" in done.output
