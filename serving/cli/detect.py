"""`refundlens detect`: a verdict for each photo, as a table for people or JSON Lines for programs."""

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from refundlens.model.names import Defect
from refundlens.serving.cli.common import Model, complain
from refundlens.serving.settings import Settings, cores, read_settings, trusted_signers

if TYPE_CHECKING:
    from refundlens.serving.cli.backends import Backend, HeatmapFolder, JudgedFile

Value = TypeVar("Value")

MOST_OF_ONE_CLAIM = 16
"""Photos that are held together as one claim: as many as a request to a server carries."""


def detect(
    paths: Annotated[
        list[Path],
        typer.Argument(help="Photos, pipes, - for standard input, or folders that are searched recursively."),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="JSON Lines, one a photo, in input order.")] = False,
    heatmaps: Annotated[
        Path | None,
        typer.Option(
            help="Folder for a grey PNG of each photo: 255 = surely manipulated. Its subfolder `reliability` "
            "says where to trust it: 255 = fully."
        ),
    ] = None,
    claim: Annotated[Defect | None, typer.Option(help="The damage the buyer claims.")] = None,
    reference: Annotated[
        list[Path] | None,
        typer.Option(help="A picture of yours to compare with; may be given several times."),
    ] = None,
    one_claim: Annotated[
        bool,
        typer.Option(
            "--one-claim",
            help="The photos are of one claim: hold them against each other (16 at most, the first 6 compared).",
        ),
    ] = False,
    engine: Annotated[
        str, typer.Option(help="local, or the URL of a RefundLens server (key: REFUNDLENS_API_KEY).")
    ] = "local",
    model: Model = None,
) -> None:
    """Say for each photo whether it is real or AI-edited, and why. Exit status 1 if a file could not be judged."""
    from refundlens.model.progress import track
    from refundlens.serving.cli.backends import files_under
    from refundlens.serving.cli.common import in_order
    from refundlens.serving.cli.detect_output import print_json, print_table

    files = list(files_under(paths))
    if not files:
        complain("there is no file in the folders given (hidden files are skipped)")
        raise typer.Exit(1)
    if one_claim and len(files) > MOST_OF_ONE_CLAIM:
        message = f"{len(files)} photos; one claim has {MOST_OF_ONE_CLAIM} at most: give its own photos only"
        raise typer.BadParameter(message, param_hint="--one-claim")
    folder = _heatmap_folder(heatmaps, files) if heatmaps else None
    workers = min(cores(), len(files))
    settings = read_settings(bundle=model)
    chosen = _engine(engine, settings, claim, reference or [], heatmaps is not None, workers)
    judged: Iterable[JudgedFile]
    if one_claim:
        judged = chosen.judge_together(files, workers, lambda seen: track(seen, len(files), "photos"))
    else:
        judged = in_order(chosen.judge, files, workers)
        # lines that run over the screen show how far it is, a bar would tear them
        if not (as_json and sys.stdout.isatty()):
            judged = track(judged, len(files), "photos")
    if folder:
        judged = _keeping_heatmaps(judged, files, folder)
    all_done = print_json(judged) if as_json else print_table(judged)
    if not all_done:
        raise typer.Exit(1)


def _engine(
    name: str, settings: Settings, claim: Defect | None, references: list[Path], heatmaps: bool, workers: int
) -> "Backend":
    """Few photos share the processors, many get one each: both keep every processor busy."""
    from refundlens.serving.cli.backends import LocalBackend, RemoteBackend, load, read_file
    from refundlens.serving.client import Client
    from refundlens.serving.detection.references import read_reference

    pictures = [(path.name, _usable(path, partial(read_file, path))) for path in references]
    if name == "local":
        prepared = [
            _usable(path, partial(read_reference, path.name, data))
            for path, (_, data) in zip(references, pictures, strict=True)
        ]
        detector = load(settings.bundle, max(1, cores() // workers), trusted_signers(settings))
        return LocalBackend(detector, claim, prepared, settings.language, heatmaps)
    if not name.startswith(("http://", "https://")):
        raise typer.BadParameter("say local, or a URL such as http://127.0.0.1:8000", param_hint="--engine")
    key = settings.api_key.get_secret_value() if settings.api_key else None
    return RemoteBackend(Client(name, key, settings.language), claim, pictures, heatmaps)


def _usable(path: Path, read: Callable[[], Value]) -> Value:
    """A reference picture that cannot be read is a usage error: no photo could be compared with it."""
    from refundlens.model.photo.image import ImageError

    try:
        return read()
    except ImageError as error:
        raise typer.BadParameter(f"{path}: {error.message}", param_hint="--reference") from error


def _heatmap_folder(folder: Path, photos: list[Path]) -> "HeatmapFolder":
    from refundlens.serving.cli.backends import HeatmapFolder

    try:
        return HeatmapFolder(folder, photos)
    except OSError as error:
        raise typer.BadParameter(f"{folder}: {error.strerror}", param_hint="--heatmaps") from error


def _keeping_heatmaps(
    judged: "Iterable[JudgedFile]", files: list[Path], folder: "HeatmapFolder"
) -> "Iterator[JudgedFile]":
    """Write each heat map as it comes. One that cannot be written is told, counts as failed and stops nothing."""
    for path, result in zip(files, judged, strict=True):
        kept = True
        if result.heatmap is not None:
            try:
                folder.write(path, result.heatmap, result.reliability)
            except OSError as error:
                complain(f"the heat map of {path} could not be written: {error.strerror}")
                kept = False
        yield result if kept else replace(result, lost=True)
