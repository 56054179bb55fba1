"""`refundlens serve`: the API and the page in one process."""

from typing import Annotated

import typer

from serving.commands.options import Model
from serving.settings import Settings


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for every network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen on.")] = 8000,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Photos looked at at the same time. [default: processors]")
    ] = None,
    model: Model = None,
) -> None:
    """Serve the API and the page on one address, until interrupted."""
    import uvicorn

    from serving.app import create_app
    from serving.auth import demo_key

    given = {"workers": workers, "bundle": model}
    settings = Settings.model_validate(
        Settings().model_dump() | {name: value for name, value in given.items() if value is not None}
    )
    key = demo_key(settings)
    app = create_app(settings)
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    typer.echo(f"RefundLens on {address}", err=True)
    if key:
        typer.echo(f"Demo key: {key}", err=True)
    uvicorn.run(app, host=host, port=port, log_level="warning", server_header=False)
