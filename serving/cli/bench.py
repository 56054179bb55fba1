"""`refundlens bench`: throughput, latency, behaviour under overload and memory of detector and service here."""

import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from refundlens.serving.cli.common import Model, complain
from refundlens.serving.settings import Settings, read_settings

if TYPE_CHECKING:
    from rich.console import Console

    from tests.bench.rounds import Options

WIDTH = 140
"""Columns of the widest table."""


def bench(
    photos: Annotated[int, typer.Option(min=1, help="Photos of each size to judge.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object instead of a table.")] = False,
    model: Model = None,
    serve: Annotated[
        bool, typer.Option("--serve", help="Measure the service under load instead of single photos.")
    ] = False,
    against: Annotated[
        str,
        typer.Option(
            help="Other servers to measure in turn with it, separated by commas: litserve, litserve-1, mosec, "
            "mosec-8, mosec-tuned, fastapi, bentoml, ray. Implies --serve."
        ),
    ] = "",
    soak: Annotated[
        float | None,
        typer.Option(help="Minutes of 1.5 times the load, with bad files and two changes of the model."),
    ] = None,
    seconds: Annotated[float, typer.Option(min=0.1, help="Length of each load.")] = 20,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of every server.")] = 3,
    clients: Annotated[int, typer.Option(min=1, help="Clients of the closed loop.")] = 16,
    deadline_ms: Annotated[int, typer.Option(min=1, help="How long a caller waits, in milliseconds.")] = 1000,
    rate: Annotated[
        float | None,
        typer.Option(help="Photos a second that count as the capacity. [default: what the service reaches]"),
    ] = None,
    photos_dir: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="JPEG photos for the load, instead of drawn ones."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of drawings and arrivals.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Write the JSON object there, too, such as docs/results/a.json.")
    ] = None,
) -> None:
    """Judge generated JPEGs of 1.2 and 12 megapixels, each way in a process of its own, and report.

    With --serve, start the real service and load it from another process: closed loop with one and many clients, then
    photos arriving at random at 0.5, 1, 1.5 and 2 times the capacity.
    """
    settings = read_settings(bundle=model)
    try:
        if serve or against or soak is not None:
            _find_checkout()
            from tests.bench.rounds import Options

            options = Options(
                _bundle(settings), settings.workers, _known(against), seconds, rounds, clients,
                deadline_ms / 1000, seed, photos_dir, rate,
            )  # fmt: skip
            found = _loaded(options, soak, as_json)
        else:
            found = _single(photos, settings, as_json)
    except ValueError as error:
        complain(str(error))
        raise typer.Exit(2) from error
    except RuntimeError as error:
        complain(str(error))
        raise typer.Exit(1) from error
    text = json.dumps(found, indent=None if out is None else 1)
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(text + "\n", encoding="utf-8")
    if as_json:
        typer.echo(json.dumps(found))


def _single(photos: int, settings: Settings, quiet: bool) -> dict[str, Any]:
    """Single photos, in processes of their own."""
    from rich.console import Console
    from rich.table import Table

    from refundlens.serving.cli.bench_photos import SIZES, measure

    with tempfile.TemporaryDirectory() as folder:
        results = [measure(size, photos, settings.bundle, Path(folder)) for size in _steps(SIZES)]
    if not quiet:
        table = Table(*(title for title, _, _ in _COLUMNS))
        for result in results:
            table.add_row(*(f"{result[key]:.{digits}f}" for _, key, digits in _COLUMNS))
        Console().print(table)
    return {"results": results}


def _find_checkout() -> None:
    """Let `tests.bench` be imported, which is not installed. Raises RuntimeError where this is no checkout."""
    root = Path(__file__).parents[2]
    if not (root / "tests" / "bench" / "rounds.py").is_file():
        raise RuntimeError(
            "the service under load is measured from a checkout: clone the repository, run "
            "`pip install -e .` in it, and this command again"
        )
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))


def _loaded(options: "Options", soak: float | None, quiet: bool) -> dict[str, Any]:
    """The service under load; beside others, or for long."""
    from tests.bench import rounds, tables
    from tests.bench import soak as soaking
    from tests.bench.process import supported

    if not supported():
        raise RuntimeError("--serve reads processor time and memory from /proc, which is there on Linux only")
    found = rounds.run(options, _steps) if soak is None else soaking.run(options, soak, _steps)
    if not quiet:
        (tables.show_rounds if soak is None else tables.show_soak)(found, _console())
    return found


def _console() -> "Console":
    """Standard output, at least as wide as the tables where it is no terminal."""
    from rich.console import Console

    console = Console()
    return console if console.is_terminal else Console(width=WIDTH)


def _steps(items: Sequence[Any]) -> Iterator[Any]:
    from refundlens.model.progress import track

    return track(items, len(items), "bench")


def _known(against: str) -> tuple[str, ...]:
    """The servers that can be measured here; the others are told, with what to do. Raises ValueError for no such
    name."""
    from tests.bench.servers import missing

    names = list(dict.fromkeys(name.strip() for name in against.split(",") if name.strip()))
    reasons = {name: missing(name) for name in names}
    for reason in reasons.values():
        if reason:
            complain(reason)
    return tuple(name for name in names if reasons[name] is None)


def _bundle(settings: Settings) -> Path:
    from refundlens.model.bundle import bundled_path

    return settings.bundle or bundled_path()


_COLUMNS = (
    ("megapixels", "megapixels", 1), ("p50 ms", "latency_p50_ms", 0), ("p95 ms", "latency_p95_ms", 0),
    ("photos/s", "photos_per_second", 2), ("peak MB, one at a time", "peak_memory_alone_mb", 0),
    ("peak MB, all processors", "peak_memory_busy_mb", 0),
)  # fmt: skip
