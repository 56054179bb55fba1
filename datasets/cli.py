"""`refundlens data collect|crops|build|verify|stats|export|check|join`. Exit status: 0 all done, 1 some input failed,
2 usage.

Results go to standard output; progress and complaints to standard error.
"""

import contextlib
import os
from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from refundlens.datasets.row import SPLITS
from refundlens.model.names import KINDS

app = typer.Typer(
    name="data",
    help="Make a dataset from photos by painting and regenerating defects; check it; export it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class Format(StrEnum):
    """imagefolder: a dataset folder. tar: one file in WebDataset's layout."""

    imagefolder = "imagefolder"
    tar = "tar"


Dataset = Annotated[Path, typer.Argument(exists=True, file_okay=False, help="A dataset's folder.")]


def _complain(message: str) -> None:
    typer.echo(message, err=True)


@contextlib.contextmanager
def _told(*errors: type[Exception]) -> Iterator[None]:
    """These errors as a line on stderr and exit status 1."""
    try:
        yield
    except errors as error:
        _complain(str(error))
        raise typer.Exit(1) from error


@app.command()
def build(
    paths: Annotated[
        list[Path], typer.Argument(metavar="SOURCES... OUT", help="Photos or folders, then the new folder.")
    ],
    generators: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Folder of networks.")
    ] = None,
    autoencoders: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Folder of small autoencoders.")
    ] = None,
    recipe: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="YAML file.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same dataset.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = os.cpu_count() or 1,
    limit: Annotated[int | None, typer.Option(min=1, help="Use at most this many photos.")] = None,
    extend: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Continue this dataset in the new folder."),
    ] = None,
    drop: Annotated[
        list[str] | None,
        typer.Option(help='Leave these of the extended dataset behind, e.g. "generator:ae-*".'),
    ] = None,
    ray: Annotated[bool, typer.Option("--ray", help="Work on a Ray cluster, --workers processes.")] = False,
) -> None:
    """Turn real photos into a dataset of real and manipulated ones that were delivered alike."""
    from refundlens.datasets.build import BuildError, Options
    from refundlens.datasets.build import build as run
    from refundlens.datasets.extend import Earlier
    from refundlens.datasets.recipe import RecipeError, load

    if len(paths) < 2:
        raise typer.BadParameter("name at least one source and the folder to write")
    *sources, out = paths
    if drop and not extend:
        raise typer.BadParameter("--drop needs --extend")
    missing = [str(source) for source in sources if not source.exists()]
    if missing:
        raise typer.BadParameter(f"no such source: {', '.join(missing)}")
    try:
        chosen = load(recipe)
        earlier = Earlier(extend, tuple(drop or ())) if extend else None
        built = run(
            sources, out, Options(chosen, seed, workers, limit, generators, autoencoders, earlier, ray)
        )
    except RecipeError as error:
        raise typer.BadParameter(str(error)) from error
    except (BuildError, ValueError, OSError) as error:
        _complain(str(error))
        raise typer.Exit(1) from error
    for path, why in (*built.gathered.unreadable, *built.failed):
        _complain(f"skipped {path}: {why}")
    typer.echo(f"{out}: {len(built.rows)} pictures, version {built.version}")
    if built.gathered.unreadable or built.failed:
        raise typer.Exit(1)


@app.command()
def verify(dataset: Dataset) -> None:
    """Check that a dataset is whole, that nothing crosses its splits, and that both classes came alike."""
    from refundlens.datasets.manifest import DatasetError
    from refundlens.datasets.verify import verify as check

    try:
        problems = check(dataset)
    except DatasetError as error:
        problems = [str(error)]
    for problem in problems:
        typer.echo(problem)
    if problems:
        raise typer.Exit(1)
    typer.echo("no problem found")


@app.command()
def stats(
    dataset: Dataset, json: Annotated[bool, typer.Option("--json", help="For programs.")] = False
) -> None:
    """Count pictures by split, kind, generator, defect, delivery and licence."""
    from refundlens.datasets import manifest
    from refundlens.datasets import stats as counting

    with _told(manifest.DatasetError):
        found = counting.stats(dataset)
    typer.echo(counting.as_json(found) if json else counting.as_text(found, manifest.read(dataset)))


@app.command()
def export(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="[DATASET] OUT",
            help="A dataset, then the new folder or tar; or the store of snapshots alone.",
        ),
    ],
    feedback: Annotated[
        list[Path] | None,
        typer.Option(
            exists=True,
            file_okay=False,
            help="Snapshot: folder of `labels export`. [default: of this installation]",
        ),
    ] = None,
    generator: Annotated[
        str, typer.Option(help="Snapshot: who made the fakes of which nobody said it, where that is known.")
    ] = "",
    tenant: Annotated[
        str, typer.Option(help="Snapshot: whose labels, where no folder is named.")
    ] = "default",
    split: Annotated[list[str] | None, typer.Option(help=f"Only these: {', '.join(SPLITS)}.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help=f"Only these: {', '.join(KINDS)}.")] = None,
    without: Annotated[
        list[str] | None,
        typer.Option(help='Leave these out, e.g. "generator:ae-*" or "generator:taef2+kind:ai_generated".'),
    ] = None,
    format: Annotated[Format, typer.Option(help="How to write it.")] = Format.imagefolder,
) -> None:
    """With a dataset: copy a part of it into a folder of its own, or into a tar that streams; with crops: WebDataset
    tars to train on. Without: write the next snapshot of the photos that people judged; prints its folder."""
    from refundlens.datasets import manifest
    from refundlens.datasets.crops.store import shard_files
    from refundlens.datasets.export import ExportError, select, to_folder, to_tar
    from refundlens.datasets.row import PatternError, used

    if len(paths) > 2:
        raise typer.BadParameter("name a dataset and the place to write, or a store of snapshots alone")
    if len(paths) == 1:
        _export_snapshot(paths[0], feedback or [], generator)
        return
    dataset, out = paths
    if not dataset.is_dir():
        raise typer.BadParameter(f"no such dataset: {dataset}")
    if shard_files(dataset):
        from refundlens.datasets.crops.tars import to_tars

        typer.echo(f"{out}: {to_tars(dataset, out)} pairs")
        return
    for name, known in (*((name, SPLITS) for name in split or ()), *((name, KINDS) for name in kind or ())):
        if name not in known:
            raise typer.BadParameter(f"{name!r} is none of {', '.join(known)}")
    with _told(ExportError, PatternError, manifest.DatasetError, OSError):
        rows = used(select(manifest.read(dataset), split or (), kind or ()), without or ())
        if format is Format.tar:
            to_tar(dataset, rows, out)
        else:
            to_folder(dataset, rows, out)
    typer.echo(f"{out}: {len(rows)} pictures")


@app.command("label")
def label(
    photos: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="Photos of one truth.")],
    out: Annotated[Path, typer.Argument(help="New folder, for `data export --feedback`.")],
    truth: Annotated[str, typer.Option(help="authentic, ai_generated, ai_edited, photoshopped or fake.")],
    by: Annotated[str, typer.Option(help="Who says so; kept as a hash.")],
    generator: Annotated[str, typer.Option(help="Who made them, where it is known.")] = "",
) -> None:
    """Make labels of an engineer's own photos, such as what a new editor returned; they agree that these train."""
    from refundlens.datasets.snapshot.judged import TRUTHS
    from refundlens.datasets.snapshot.own import label_photos
    from refundlens.datasets.snapshot.store import SnapshotError

    known = next((one for one in TRUTHS if one == truth), None)
    if known is None:
        raise typer.BadParameter(f"{truth!r} is none of {', '.join(TRUTHS)}", param_hint="--truth")
    with _told(SnapshotError, OSError):
        count = label_photos(photos, out, known, by, generator)
    typer.echo(f"{out}: {count} photos labelled {known}")


@app.command("rescore")
def rescore_photos(
    photos: Annotated[str, typer.Argument(help="Stored photos: a folder, s3:// or gs://BUCKET/PREFIX.")],
    out: Annotated[
        str, typer.Argument(help="Folder, or s3:// …, of Parquet parts; goes on where it stopped.")
    ],
    model: Annotated[Path, typer.Option(exists=True, dir_okay=False, help="Bundle that judges.")],
    workers: Annotated[int, typer.Option(min=1, help="With --ray: processes.")] = os.cpu_count() or 1,
    ray: Annotated[bool, typer.Option("--ray", help="Work on a Ray cluster.")] = False,
) -> None:
    """Have a bundle judge stored photos: verdict, probability and condition of each, as Parquet."""
    from refundlens.datasets.rescore import rescore
    from refundlens.model.bundle import BundleError

    if "://" not in photos and not Path(photos).is_dir():
        raise typer.BadParameter(f"{photos} is no folder", param_hint="PHOTOS")
    with _told(BundleError, ValueError, OSError):
        count = rescore(photos, out, model, workers, ray)
    typer.echo(f"{out}: {count} photos judged")


def _export_snapshot(store: Path, feedback: list[Path], generator: str) -> None:
    from refundlens.datasets.snapshot.checks import check_snapshot
    from refundlens.datasets.snapshot.make import make_snapshot
    from refundlens.datasets.snapshot.store import SnapshotError, open_snapshot

    if not feedback:
        raise typer.BadParameter("name the export of labels with --feedback")
    with _told(SnapshotError, OSError):
        made = make_snapshot(feedback, store, generator=generator)
        problems = check_snapshot(open_snapshot(made.folder))
    for why, count in sorted(made.skipped.items()):
        _complain(f"left out {count} labels: {why}")
    for sha256, one in made.left.items():
        models = ", ".join(one["models"]) or "no model"
        _complain(f"{sha256[:12]} left the store ({one['why']}); seen by {models}")
    for problem in problems:
        _complain(str(problem))
    typer.echo(made.folder)
    if problems:
        raise typer.Exit(1)


@app.command()
def check(
    snapshot: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="A snapshot's folder.")],
    frozen: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Folder of pictures that are measured on."),
    ] = None,
) -> None:
    """Say what is wrong with a snapshot; exit status 1 where something is. `retrain` asks a model, too."""
    from refundlens.datasets.photos import find
    from refundlens.datasets.snapshot.checks import check_snapshot, frozen_hashes
    from refundlens.datasets.snapshot.store import SnapshotError, open_snapshot

    with _told(SnapshotError, OSError):
        opened = open_snapshot(snapshot)
        problems = check_snapshot(opened, frozen_hashes(find(frozen)) if frozen else None)
    for problem in problems:
        typer.echo(str(problem))
    if problems:
        raise typer.Exit(1)
    typer.echo(f"no problem found in {len(opened.samples)} photos")


@app.command()
def join(
    collection: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="A collected folder.")],
    snapshots: Annotated[list[Path], typer.Argument(metavar="SNAPSHOTS... OUT", help="Then the new folder.")],
) -> None:
    """Lay snapshots' photos beside collected pictures, for `data crops`, `calibrate --photos` and `evaluate`."""
    from refundlens.datasets.collection import CollectionError
    from refundlens.datasets.snapshot.join import join as run
    from refundlens.datasets.snapshot.store import SnapshotError, open_snapshot

    *folders, out = snapshots
    if not folders:
        raise typer.BadParameter("name at least one snapshot and the folder to write")
    with _told(CollectionError, SnapshotError, OSError):
        typer.echo(run(collection, [open_snapshot(folder) for folder in folders], out))


@app.command()
def collect(
    snapshots: Annotated[
        Path, typer.Argument(exists=True, file_okay=False, help="Snapshots, OWNER+NAME each.")
    ],
    out: Annotated[Path, typer.Argument(help="Folder for the pictures.")],
    list_: Annotated[
        Path,
        typer.Option("--list", exists=True, dir_okay=False, help="CSV: repository, blob, SHA-256, class …"),
    ],
    masks: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Folder of listed masks.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Only this split of the list.")] = None,
) -> None:
    """Bring listed public pictures out of snapshots of their repositories, checked by SHA-256."""
    from refundlens.datasets.collect import collect as run
    from refundlens.datasets.collect import read_list
    from refundlens.datasets.collection import CollectionError

    with _told(CollectionError, OSError):
        result = run(read_list(list_, split), snapshots, out, masks)
    if result.absent:
        _complain(f"no snapshot of {', '.join(result.absent)}")
    for name in result.wrong:
        _complain(f"{name}: not in its snapshot, or with other bytes than listed")
    typer.echo(f"{out}: {len(result.rows)} pictures")
    if result.absent or result.wrong:
        raise typer.Exit(1)


@app.command()
def crops(
    collection: Annotated[Path, typer.Argument(exists=True, file_okay=False, help="A collected folder.")],
    out: Annotated[Path, typer.Argument(help="Folder for masters and crops.")],
    pack: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Photos with a MANIFEST.csv, to train on too."),
    ] = None,
    generators: Annotated[
        Path | None, typer.Option(exists=True, file_okay=False, help="Networks that redraw photos.")
    ] = None,
    autoencoders: Annotated[
        Path | None,
        typer.Option(exists=True, file_okay=False, help="Small autoencoders that redraw them, too."),
    ] = None,
    shards: Annotated[int, typer.Option(min=1, help="Shards of 1,000 pairs.")] = 24,
    redrawn: Annotated[int, typer.Option(min=0, help="Windows that networks redraw.")] = 600,
    redrawn_share: Annotated[
        float, typer.Option(min=0, max=0.99, help="Share of pairs with a redrawn window.")
    ] = 0.18,
    without: Annotated[list[str] | None, typer.Option(help="Leave this generator family out.")] = None,
    seed: Annotated[int, typer.Option(help="The same seed gives the same crops.")] = 7,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = os.cpu_count() or 1,
) -> None:
    """Write delivered crops of collected pictures and of photos that look like them, for `refundlens train`."""
    from refundlens.datasets.collection import CollectionError
    from refundlens.datasets.crops.build import CropOptions, build_crops

    options = CropOptions(shards, redrawn, redrawn_share, seed, workers, tuple(without or ()))
    with _told(CollectionError, ValueError, OSError):
        for line in build_crops(collection, out, options, pack, generators, autoencoders):
            typer.echo(line)
