"""`refundlens bench`: throughput, latency and memory of the detector on this machine."""

import json
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from serving.commands.options import Model
from serving.commands.output import complain
from serving.settings import read_settings


def bench(
    photos: Annotated[int, typer.Option(min=1, help="Photos of each size to judge.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
    model: Model = None,
) -> None:
    """Judge generated JPEGs of 1.2 and 12 megapixels, each way in a process of its own, and report."""
    from rich.console import Console
    from rich.table import Table

    from serving.benchmark import SIZES, measure
    from serving.progress import track

    settings = read_settings(bundle=model)
    with tempfile.TemporaryDirectory() as folder:
        try:
            results = [
                measure(size, photos, settings.bundle, Path(folder))
                for size in track(SIZES, len(SIZES), "sizes")
            ]
        except RuntimeError as error:
            complain(str(error))
            raise typer.Exit(1) from error
    if as_json:
        typer.echo(json.dumps({"results": results}))
        return
    table = Table(
        "megapixels", "p50 ms", "p95 ms", "photos/s", "peak MB, one at a time", "peak MB, all processors"
    )
    for result in results:
        table.add_row(*(f"{result[key]:.{digits}f}" for key, digits in _COLUMNS))
    Console().print(table)


_COLUMNS = (
    ("megapixels", 1), ("latency_p50_ms", 0), ("latency_p95_ms", 0), ("photos_per_second", 2),
    ("peak_memory_alone_mb", 0), ("peak_memory_busy_mb", 0),
)  # fmt: skip
