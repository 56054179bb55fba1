"""`refundlens deploy triton|ray`: writes what an engine on other machines needs; `refundlens serve --engine` uses
it."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from refundlens.serving.cli.common import Model, complain
from refundlens.serving.settings import read_settings

app = typer.Typer(
    help="Write what Triton or Ray needs to judge photos on other machines.", no_args_is_help=True
)


class BackendName(StrEnum):
    """onnxruntime: Triton's own. python: ONNX Runtime in Triton's Python backend."""

    onnxruntime = "onnxruntime"
    python = "python"


class Where(StrEnum):
    gpu = "gpu"
    cpu = "cpu"


@app.command("triton")
def triton(
    repository: Annotated[
        Path, typer.Argument(help="Model repository; the model is added to what is there.")
    ],
    model: Model = None,
    device: Annotated[Where, typer.Option(help="What the model runs on.")] = Where.gpu,
    backend: Annotated[
        BackendName, typer.Option(help="python: for servers without the ONNX Runtime backend.")
    ] = BackendName.onnxruntime,
    instances: Annotated[int, typer.Option(min=1, help="Copies on each GPU, or on the processors.")] = 1,
    delay: Annotated[int, typer.Option(min=0, help="Microseconds that a batch waits for more tiles.")] = 500,
    tensorrt: Annotated[
        bool, typer.Option("--tensorrt", help="Have TensorRT compile it, in float32.")
    ] = False,
) -> None:
    """Add a bundle to a model repository of Triton's (ONNX, dynamic batching, warm-up); prints the model's name."""
    from refundlens.model.bundle import BundleError
    from refundlens.serving.remote.triton_repository import TritonOptions, write_repository

    if tensorrt and (device is Where.cpu or backend is BackendName.python):
        raise typer.BadParameter("TensorRT needs a GPU and the ONNX Runtime backend", param_hint="--tensorrt")
    options = TritonOptions(backend.value, device.value, instances, delay, tensorrt=tensorrt)
    try:
        folder = write_repository(repository, read_settings(bundle=model).bundle, options)
    except (BundleError, OSError) as error:
        complain(str(error))
        raise typer.Exit(1) from error
    typer.echo(folder.name)
    complain(f"tritonserver --model-repository={repository} serves it")
    complain("refundlens serve --engine triton --engine-url grpc://HOST:8001 uses it")


@app.command("ray")
def ray(
    config: Annotated[Path, typer.Argument(help="YAML file to write, for `serve deploy`.")],
    fewest: Annotated[int, typer.Option("--min", min=1, help="Replicas that always run.")] = 1,
    most: Annotated[int, typer.Option("--max", min=1, help="Replicas at most.")] = 8,
    gpus: Annotated[float, typer.Option(min=0, help="GPUs of one replica; 0.25 has four share one.")] = 0.0,
    cpus: Annotated[float, typer.Option(min=0, help="Processors of one replica.")] = 1.0,
) -> None:
    """Write the configuration of the replicas for Ray Serve: how many, and what each takes. Models are brought by
    `serve --engine ray` itself."""
    from refundlens.serving.remote.ray_config import RayOptions, write_config

    if most < fewest:
        raise typer.BadParameter("--max is less than --min")
    try:
        write_config(config, RayOptions(fewest, most, gpus, cpus))
    except OSError as error:
        complain(f"{config}: {error.strerror}")
        raise typer.Exit(1) from error
    complain(f"serve deploy {config} starts the replicas, or changes them")
    complain("refundlens serve --engine ray, on a node of the cluster, uses them")
