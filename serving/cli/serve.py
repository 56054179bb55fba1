"""`refundlens serve`: the API and the page in one process.

Spares requests the longest pauses of Python's garbage collector.

In: a process that has loaded all it needs. Out: the same, whose collector looks at what came afterwards only: modules,
tables and schemas stay for as long as the process, and each full collection would walk them all.
"""

import gc
import socket
import sys
from contextlib import suppress
from enum import StrEnum
from typing import Annotated

import typer

from refundlens.serving.cli.common import Model, complain
from refundlens.serving.cli.production import fit_for, keep_for_owner
from refundlens.serving.settings import SettingsError, read_settings

SWITCH_SECONDS = 0.001
"""After which a thread that computes in Python hands the lock on: the event loop takes it a dozen times a request, and
waits for Python's usual 5 ms each time while a body is parsed or a PDF is drawn."""
BACKLOG = 2048
"""Connections the system holds until they are taken; uvicorn's own default."""

GRACE_SECONDS = 60
"""How long open requests may take once the service is told to stop; the default deadline of a caller."""


class EngineChoice(StrEnum):
    """`serving.settings.EngineName`, for the command line."""

    local = "local"
    triton = "triton"
    ray = "ray"


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for every network.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port to listen on; 0 for any free one.")
    ] = 8000,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Photos looked at at the same time. [default: processors]")
    ] = None,
    model: Model = None,
    engine: Annotated[
        EngineChoice | None,
        typer.Option(help="Where batches run. [default: REFUNDLENS_ENGINE, or local]"),
    ] = None,
    engine_url: Annotated[
        str | None,
        typer.Option(help="grpc://HOST:8001 of Triton, or the address of a Ray cluster."),
    ] = None,
) -> None:
    """Serve the API and the page on one address, until interrupted."""
    import uvicorn

    from refundlens.serving.app import create_app, let_go
    from refundlens.serving.http.connections import guarded
    from refundlens.serving.identity.keys import demo_key
    from refundlens.serving.observability import configure
    from refundlens.serving.storage.database import DatabaseError

    settings = read_settings(
        workers=workers, bundle=model, engine=engine and engine.value, engine_url=engine_url
    )
    configure(settings)
    try:
        settings, told = fit_for(settings, host)
        keep_for_owner(settings.data_dir)
        door = _listen(host, port)
        key = demo_key(settings)
        app = create_app(settings)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        complain(f"cannot start: {where}{error.strerror}")
        raise typer.Exit(1) from error
    except (DatabaseError, SettingsError) as error:
        complain(f"cannot start: {error}")
        raise typer.Exit(1) from error
    address = f"http://{f'[{host}]' if ':' in host else host}:{door.getsockname()[1]}"
    typer.echo(f"RefundLens on {address}", err=True)
    for sentence in told:
        typer.echo(sentence, err=True)
    if key:
        typer.echo(f"Demo key: {key}", err=True)
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        http=guarded(settings),
        ws="none",
        forwarded_allow_ips=settings.trusted_proxies,
    )

    class Server(uvicorn.Server):
        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            let_go(app)  # uvicorn waits for open answers first, and streams have no end of their own
            await super().shutdown(sockets)

    server = Server(config)
    settle()
    with suppress(KeyboardInterrupt):  # Ctrl-C is how it ends
        server.run(sockets=[door])


def _listen(host: str, port: int) -> socket.socket:
    """Take the port before an address is promised. Raises OSError that names host and port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        why = (error.strerror or str(error)).partition(" (")[0]
        message = f"{host}:{port} cannot be listened on ({why}); choose another with --host or --port"
        raise OSError(error.errno, message) from error


def settle() -> None:
    """Call once, when everything is loaded: what is there now is never collected, garbage among it is so before; and
    the event loop gets Python's lock back soon."""
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(SWITCH_SECONDS)
