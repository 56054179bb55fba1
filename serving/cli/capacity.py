"""`refundlens capacity`: how many machines a load needs, and what they cost."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from refundlens.serving.capacity import plan as planning
from refundlens.serving.capacity.plan import Cost, Demand, Prices
from refundlens.serving.capacity.queueing import Farm, Outage, play
from refundlens.serving.cli.common import complain

LEAST_PLAYED, LEAST_SECONDS = 20_000, 60.0
"""Photos that `--simulate` plays at least, and the time of the load that it plays at least."""
DIE, BACK = 0.2, 22.0
"""Share of the replicas that dies in the second play, and seconds until it is there again: a lost Ray node's
(docs/scale.md)."""


def capacity(
    photos: Annotated[float, typer.Argument(help="Photos a day.")],
    peak: Annotated[float, typer.Option(help="The busiest minutes, times the day's mean.")] = planning.PEAK,
    keep_days: Annotated[float, typer.Option(help="Days that photos are kept.")] = 90,
    reported: Annotated[float, typer.Option(help="Share of the photos that are reports.")] = 1.0,
    busy: Annotated[float, typer.Option(help="Share of the machines that the peak may use.")] = planning.BUSY,
    rest_ms: Annotated[
        float, typer.Option(help="Processor time of a photo beside the network.")
    ] = planning.REST_MS,
    tile_ms: Annotated[
        float, typer.Option(help="Processor time of a tile in the network.")
    ] = planning.TILE_MS,
    tiles: Annotated[float, typer.Option(help="Tiles of a photo.")] = planning.TILES,
    gpu_tiles: Annotated[
        float | None, typer.Option(help="Tiles a second of one GPU; without, the network runs on processors.")
    ] = None,
    photo_kb: Annotated[float, typer.Option(help="Size of a photo.")] = planning.PHOTO_KB,
    core_hour: Annotated[float, typer.Option(help="Price of a core for an hour.")] = Prices.core_hour,
    gpu_hour: Annotated[float, typer.Option(help="Price of a GPU for an hour.")] = Prices.gpu_hour,
    bucket: Annotated[
        float, typer.Option(help="Price of a gigabyte in the bucket for a month.")
    ] = Prices.bucket_gb_month,
    database: Annotated[
        float, typer.Option(help="Price of a gigabyte in the database for a month.")
    ] = Prices.database_gb_month,
    simulate: Annotated[
        bool, typer.Option("--simulate", help="Play the peak as a queue, whole and with a fifth of it dying.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of lines.")] = False,
) -> None:
    """Processors, GPUs, storage and cost for so many photos a day.

    Times are of one machine: `python -m tests.load.capacity` measures yours.
    """
    load = Demand(photos, peak, keep_days, reported)
    cost = Cost(rest_ms, tile_ms, tiles, gpu_tiles, photo_kb)
    try:
        found = planning.plan(load, cost, Prices(core_hour, gpu_hour, bucket, database), busy)
    except ValueError as error:
        complain(str(error))
        raise typer.Exit(2) from error
    told = asdict(found)
    if simulate:
        told["simulated"] = _simulated(found, cost)
        if not any(one["in_time"] for one in told["simulated"].values()):
            complain(
                "no photo is in time: at its slowest it takes longer than the second that callers wait; give "
                "--gpu-tiles, or fewer --tiles"
            )
    if as_json:
        typer.echo(json.dumps(told))
        return
    typer.echo(f"at the peak           {found.photos_a_second:12,.1f} photos a second")
    typer.echo(f"cores                 {found.cores:12,}")
    if gpu_tiles is not None:
        typer.echo(f"GPUs                  {found.gpus:12,}")
    typer.echo(f"photos and maps       {found.bucket_gb:12,.0f} GB, then no more")
    typer.echo(f"database              {found.database_gb_a_year:12,.1f} GB a year")
    typer.echo(f"a month               {found.month:12,.0f}")
    typer.echo(f"a thousand photos     {found.per_thousand:12,.3f}")
    for name, one in told.get("simulated", {}).items():
        typer.echo(
            f"{name:21} {one['in_time'] / one['arrived']:12.2%} in time, p99 {one['p99']:.2f} s, {one['lost']} lost"
        )


def _simulated(found: planning.CapacityPlan, cost: Cost) -> dict[str, dict[str, float | None]]:
    """The peak on as many replicas as there are GPUs or cores."""
    replicas = found.gpus or found.cores
    each = cost.processor_ms / 1000 if cost.gpu_tiles is None else cost.tiles / cost.gpu_tiles
    farm, rate = Farm(replicas, each), found.photos_a_second
    seconds = max(LEAST_SECONDS, LEAST_PLAYED / rate)
    fault = Outage(seconds / 3, DIE, BACK)
    return {
        "simulated": asdict(play(farm, rate, seconds)),
        "with a fifth dying": asdict(play(farm, rate, seconds, fault=fault)),
    }
