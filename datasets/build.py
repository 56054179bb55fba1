"""`refundlens data build`: from source photos to a dataset folder.

In: photos, a recipe, editors. Out: pictures, masks and papers below one folder. Photos are worked on by a
pool of processes; each finished photo leaves a part, so that a killed build goes on where it stopped.
"""

import hashlib
import json
import multiprocessing
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path

import cv2

from refundlens.datasets import extend, manifest, phash, splits, writer
from refundlens.datasets.allocator import keep_freed_memory
from refundlens.datasets.cluster import spread
from refundlens.datasets.degradations.apply import load_tables
from refundlens.datasets.degradations.quantisation import TABLES
from refundlens.datasets.editors.pool import Workshop
from refundlens.datasets.photos import Gathered, Photo, gather
from refundlens.datasets.recipe import Recipe, check_splits
from refundlens.datasets.row import SPLITS, Row, Split
from refundlens.datasets.task import Context, Task
from refundlens.model.progress import track

Splitter = Callable[[Sequence[splits.Member], Mapping[Split, float], int], dict[str, Split]]
PARTS = ".parts"
PHOTOS_PER_PROCESS = 100
"""Photos after which a worker process is replaced: networks cache something for every picture size they meet, and a
process was seen to grow from 2.5 to 4.4 GB over a few hundred photos."""
DONORS = 4
"""Photos of the same split, but another group, that a photo may be spliced with: enough for variety."""


class BuildError(Exception):
    """The dataset cannot be built; the message says what to change."""


@dataclass(frozen=True)
class Options:
    """generators, autoencoders: folders of networks. limit: photos at most. workers: processes. earlier: a dataset to
    continue, whose photos keep their split and whose pictures come along. ray: `workers` processes of a Ray cluster
    instead of this machine's.
    """

    recipe: Recipe
    seed: int = 0
    workers: int = 1
    limit: int | None = None
    generators: Path | None = None
    autoencoders: Path | None = None
    earlier: extend.Earlier | None = None
    ray: bool = False


@dataclass(frozen=True)
class Built:
    """What came out. failed: photos that raised while being worked on, with the error."""

    version: str
    rows: list[Row]
    gathered: Gathered
    failed: list[tuple[Path, str]]


def build(sources: Sequence[Path], out: Path, options: Options, splitter: Splitter = splits.assign) -> Built:
    """Build a dataset in `out`, which may hold an earlier or an unfinished one.

    Raises BuildError when `out` holds something else, no photo is found, or a near-duplicate crosses a split.
    """
    check_splits(options.recipe)
    if options.ray:  # its processes work in folders of their own
        sources, out = [source.resolve() for source in sources], out.resolve()
    _check_out(out, sources)
    gathered = gather(sources)
    photos = _limited(gathered.photos, options)
    if not photos:
        raise BuildError("no readable photo in the sources")
    tasks = plan(photos, options, splitter)
    tables_file = _find_tables(sources)
    context = Context(
        out=out,
        recipe=options.recipe,
        seed=options.seed,
        tables=tuple(load_tables(tables_file)) if tables_file else None,
    )
    parts = out / PARTS / _digest(tasks, context, options)
    parts.mkdir(parents=True, exist_ok=True)
    failed = list(_work(tasks, context, options, parts))
    rows = [row for task in tasks for row in _load_part(_part(parts, task))]
    if not rows:
        raise BuildError(f"not one photo could be worked on; the first failed with {failed[0][1]}")
    if options.earlier is not None:
        groups = {task.photo.sha256: task.group for task in tasks}
        rows = extend.merge(options.earlier, rows, groups, out)
    if tables_file:
        shutil.copyfile(tables_file, out / TABLES)
    current = manifest.write(out, rows, _facts(options, tasks, gathered, failed))
    manifest.write_sources(out, tasks)
    _remove_strangers(out, rows)
    shutil.rmtree(out / PARTS)
    return Built(current, rows, gathered, failed)


def plan(photos: Sequence[Photo], options: Options, splitter: Splitter = splits.assign) -> list[Task]:
    """Each photo with its group and split. Raises BuildError when a near-duplicate crosses a split."""
    hashes = [photo.phash for photo in photos]
    groups = phash.merge_groups([photo.group for photo in photos], phash.near_pairs(hashes))
    members = [splits.Member(group, photo.role) for group, photo in zip(groups, photos, strict=True)]
    known = options.earlier.splits() if options.earlier else {}
    chosen, left = extend.pinned(members, [photo.sha256 for photo in photos], known)
    if left:
        kept = [photo for index, photo in enumerate(photos) if index not in set(left)]
        return plan(kept, options, splitter)
    new = [member for member in members if member.group not in chosen]
    chosen |= splitter(new, options.recipe.fractions, options.seed) if new else {}
    places = [chosen[group] for group in groups]
    crossing = phash.crossings(hashes, places)
    if crossing:
        pairs = "; ".join(f"{photos[i].path.name} and {photos[j].path.name}" for i, j in crossing[:5])
        raise BuildError(f"{len(crossing)} near-duplicate pairs cross a split: {pairs}")
    return [
        Task(photo, group, split, _donors(index, photos, groups, places))
        for index, (photo, group, split) in enumerate(zip(photos, groups, places, strict=True))
    ]


def _donors(
    index: int, photos: Sequence[Photo], groups: Sequence[str], places: Sequence[Split]
) -> tuple[Path, ...]:
    """The next photos of the same split and another group; the order by SHA-256 makes them a random choice."""
    found: list[Path] = []
    for step in range(1, len(photos)):
        other = (index + step) % len(photos)
        if places[other] == places[index] and groups[other] != groups[index]:
            found.append(photos[other].path)
            if len(found) == DONORS:
                break
    return tuple(found)


def _limited(photos: list[Photo], options: Options) -> list[Photo]:
    """A random choice of `limit` photos that depends on the seed, in the order they came."""
    if options.limit is None or options.limit >= len(photos):
        return photos

    def lot(photo: Photo) -> str:
        return hashlib.sha256(f"{options.seed}:{photo.sha256}".encode()).hexdigest()

    chosen = {photo.sha256 for photo in sorted(photos, key=lot)[: options.limit]}
    return [photo for photo in photos if photo.sha256 in chosen]


def _check_out(out: Path, sources: Sequence[Path]) -> None:
    if out.exists() and not out.is_dir():
        raise BuildError(f"{out} is a file")
    ours = (out / manifest.INFO).is_file() or (out / PARTS).is_dir()
    if out.is_dir() and any(out.iterdir()) and not ours:
        raise BuildError(f"{out} holds something that is no dataset: choose an empty folder")
    for source in sources:
        first, second = source.resolve(), out.resolve()
        if first == second or first in second.parents or second in first.parents:
            raise BuildError(f"{out} and the source {source} lie inside each other")


def _find_tables(sources: Sequence[Path]) -> Path | None:
    folders = [folder for source in sources for folder in (source, source.resolve().parent)]
    return next((folder / TABLES for folder in folders if (folder / TABLES).is_file()), None)


def _digest(tasks: Sequence[Task], context: Context, options: Options) -> str:
    """What parts depend on: a part made under another plan must not be taken for one of this."""
    facts = {
        "recipe": context.recipe.model_dump(mode="json"),
        "seed": context.seed,
        "tables": [[*entry.tables, entry.subsampling, entry.count] for entry in context.tables or ()],
        "editors": Workshop.from_folders(options.generators, options.autoencoders).names,
        "photos": [(task.photo.sha256, task.group, task.split, *_told(task.photo)) for task in tasks],
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]


def _told(photo: Photo) -> tuple[str | None, ...]:
    """What a manifest says of a photo and rows repeat."""
    return photo.licence, photo.content, photo.real_defect


def _part(parts: Path, task: Task) -> Path:
    return parts / f"{task.photo.sha256}.json"


def _load_part(part: Path) -> list[Row]:
    if not part.is_file():
        return []
    return [Row.model_validate(row) for row in json.loads(part.read_text(encoding="utf-8"))]


def _work(
    tasks: Sequence[Task], context: Context, options: Options, parts: Path
) -> Iterator[tuple[Path, str]]:
    """Work on every photo without a part; yields the ones that failed."""
    waiting = [task for task in tasks if not _part(parts, task).is_file()]
    # the largest first: a whole picture of a megapixel takes minutes, which must not be left for the end
    waiting.sort(key=lambda task: -task.photo.width * task.photo.height)
    finished = _results(waiting, context, options, parts)
    for task, error in track(finished, len(tasks), "photos", done=len(tasks) - len(waiting)):
        if error is not None:
            yield task.photo.path, error


def _results(
    waiting: Sequence[Task], context: Context, options: Options, parts: Path
) -> Iterator[tuple[Task, str | None]]:
    folders = (options.generators, options.autoencoders)
    workers = min(options.workers, len(waiting))
    if options.ray:
        yield from spread(waiting, _Worker, (context, parts, folders), options.workers)
        return
    if workers <= 1:
        worker = _Worker(context, parts, folders)
        yield from ((task, worker(task)) for task in waiting)
        return
    spawn = multiprocessing.get_context("spawn")  # a fork would inherit torch's and OpenMP's broken threads
    batch = PHOTOS_PER_PROCESS * workers
    for first in range(0, len(waiting), batch):
        with ProcessPoolExecutor(workers, spawn, _start, (context, parts, folders)) as pool:
            futures = {pool.submit(_run, task): task for task in waiting[first : first + batch]}
            for future in as_completed(futures):
                try:
                    error = future.result()
                except BrokenProcessPool as broken:
                    raise BuildError(
                        "a worker process was killed, most likely for want of memory: run the same command again "
                        "with fewer --workers, it goes on where it stopped"
                    ) from broken
                yield futures[future], error


class _Worker:
    """One process's editors, and the error handling around one photo."""

    def __init__(self, context: Context, parts: Path, folders: tuple[Path | None, Path | None]) -> None:
        import torch  # here, so that `data verify` and `data stats` start without it

        keep_freed_memory()
        torch.set_num_threads(1)  # processes share the cores; and sums must not depend on the thread count
        cv2.setNumThreads(1)
        self.context, self.parts = context, parts
        self.workshop = Workshop.from_folders(*folders)

    def __call__(self, task: Task) -> str | None:
        """Work on a photo and leave its part. Returns the error instead of raising: the rest must go on."""
        try:
            rows = writer.make(task, self.context, self.workshop)
        except Exception as error:  # whatever one photo does to an editor
            return f"{type(error).__name__}: {error}"
        part = _part(self.parts, task)
        unfinished = part.with_suffix(".tmp")
        unfinished.write_text(json.dumps([row.model_dump(mode="json") for row in rows]), encoding="utf-8")
        unfinished.rename(part)
        return None


_worker: _Worker | None = None


def _start(context: Context, parts: Path, folders: tuple[Path | None, Path | None]) -> None:
    global _worker
    _worker = _Worker(context, parts, folders)


def _run(task: Task) -> str | None:
    assert _worker is not None  # the pool's initialiser ran
    return _worker(task)


def _facts(
    options: Options, tasks: Sequence[Task], gathered: Gathered, failed: Sequence[tuple[Path, str]]
) -> dict[str, object]:
    photos = {split: sum(task.split == split for task in tasks) for split in SPLITS}
    earlier = options.earlier
    return {
        "seed": options.seed,
        "recipe": options.recipe.model_dump(mode="json"),
        "extends": None if earlier is None else earlier.facts(),
        "photos": photos,
        "duplicates": len(gathered.duplicates),
        "unreadable": sorted(path.name for path, _ in gathered.unreadable),
        "failed": sorted(path.name for path, _ in failed),
    }


def _remove_strangers(out: Path, rows: Sequence[Row]) -> None:
    """Delete what an earlier build left in the splits' folders and this manifest does not name."""
    named = {
        out / name
        for row in rows
        for name in (row.file_name, row.mask_file_name, row.defect_mask_file_name)
        if name
    }
    named |= {out / split / manifest.METADATA for split in {row.split for row in rows}}
    for split in SPLITS:
        for path in (out / split).rglob("*"):
            if path.is_file() and path not in named:
                path.unlink()
