"""From photos a day to processors, GPUs, storage and cost.

In: a `Demand`, a `Cost` of one photo, `Prices`. Out: a `CapacityPlan`. Work is added up in processor seconds:
that a photo waits, and for how long, is what `queueing` says.
"""

import math
from dataclasses import dataclass

DAY = 86_400
REST_MS, TILE_MS = 25.6, 17.3
"""Of a photo: processor time beside the network, and of each tile in it, in milliseconds, by
`python -m tests.load.capacity`. They are of one machine: measure yours."""
TILES = 21.0
"""Of photos of 0.3, 0.7 and 1.2 megapixels on average: 9, 20 and 35."""
PHOTO_KB, MAPS_KB, ROWS_KB = 180.0, 14.0, 10.6
"""A phone photo as platforms pass it on; its two maps as PNG; the rows of a report with its detection, events and four
lines of audit log, indexes included (10.6 GB for a million reports, `tests.load.million`)."""
BUSY = 0.6
"""Share of the processors that a busy hour may use: queues are short up to there, and a fifth of all may be lost."""
PEAK = 2.5
"""The busiest minutes beside the day's mean; marketplaces' evenings."""


@dataclass(frozen=True)
class Demand:
    """photos_a_day: judged, all day long. peak: the busiest minutes, times the mean. keep_days: photos and maps stay
    so long. reported: share of the photos that are reports, with rows that stay."""

    photos_a_day: float
    peak: float = PEAK
    keep_days: float = 90
    reported: float = 1.0

    @property
    def a_second(self) -> float:
        """At the peak."""
        return self.photos_a_day / DAY * self.peak


@dataclass(frozen=True)
class Cost:
    """Of one photo. rest_ms: processor time without the network. tile_ms: processor time of one tile. tiles: how many
    it has. gpu_tiles: tiles a second of one GPU, none where the network runs on processors."""

    rest_ms: float = REST_MS
    tile_ms: float = TILE_MS
    tiles: float = TILES
    gpu_tiles: float | None = None
    photo_kb: float = PHOTO_KB
    maps_kb: float = MAPS_KB
    rows_kb: float = ROWS_KB

    @property
    def processor_ms(self) -> float:
        return self.rest_ms + (self.tile_ms * self.tiles if self.gpu_tiles is None else 0.0)


@dataclass(frozen=True)
class Prices:
    """In one currency: an hour of a processor core and of a GPU, a month of a gigabyte in a bucket and in the
    database. Ours are round numbers of public clouds' lists, in US dollars, to be replaced by yours."""

    core_hour: float = 0.04
    gpu_hour: float = 0.8
    bucket_gb_month: float = 0.023
    database_gb_month: float = 0.12


@dataclass(frozen=True)
class CapacityPlan:
    """photos_a_second: at the peak. cores, gpus: to keep ready. bucket_gb: once photos go as fast as they come.
    database_gb_a_year: added each year. month: cost of a month in the first year, the database half full."""

    photos_a_second: float
    cores: int
    gpus: int
    bucket_gb: float
    database_gb_a_year: float
    month: float
    per_thousand: float
    """Cost of a thousand photos."""


def plan(load: Demand, cost: Cost, prices: Prices, busy: float = BUSY) -> CapacityPlan:
    """busy: share of the processors and GPUs that the peak may use. Raises ValueError for what cannot be."""
    given = (*vars(load).values(), *vars(cost).values(), *vars(prices).values())
    if not all(math.isfinite(number) and number >= 0 for number in given if number is not None):
        raise ValueError(
            "give numbers of 0 and more: no load, time, size or price is negative or without end"
        )
    if load.photos_a_day == 0 or load.peak < 1 or not 0 < busy <= 1 or load.reported > 1:
        raise ValueError(
            "give photos a day above 0, a peak of at least 1, a busy share above 0 and up to 1, and a reported share "
            "from 0 to 1"
        )
    if cost.processor_ms <= 0 or (cost.gpu_tiles is not None and cost.gpu_tiles <= 0):
        raise ValueError("a photo takes time: costs are above 0")
    rate = load.a_second
    cores = math.ceil(rate * cost.processor_ms / 1000 / busy)
    gpus = 0 if cost.gpu_tiles is None else math.ceil(rate * cost.tiles / cost.gpu_tiles / busy)
    bucket = load.photos_a_day * load.keep_days * (cost.photo_kb + cost.maps_kb) / 1e6
    database = load.photos_a_day * load.reported * 365 * cost.rows_kb / 1e6
    hours = 365 * 24 / 12
    month = (
        hours * (cores * prices.core_hour + gpus * prices.gpu_hour)
        + bucket * prices.bucket_gb_month
        + database / 2 * prices.database_gb_month
    )
    photos = load.photos_a_day * 365 / 12
    return CapacityPlan(rate, cores, gpus, bucket, database, month, 1000 * month / photos)
