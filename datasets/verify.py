"""`refundlens data verify`: is a dataset whole, and is it fair to a detector?

In: a dataset folder. Out: problems in words, none when all is well.
"""

import hashlib
import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from PIL import Image

from refundlens.datasets import manifest, phash
from refundlens.datasets.row import Row
from refundlens.model.progress import track

SHARE_TOLERANCE = 0.05
"""Difference of a delivery's share between the classes that is no worry in itself: rows whose edit a crop
removed are left out of one class only."""
DEVIATIONS = 4.0
"""Standard errors of that difference allowed on top: small datasets differ by chance."""
_SHOWN = 5
"""Examples named per problem."""


def verify(dataset: Path) -> list[str]:
    """Problems of a dataset, none when it is sound. Raises DatasetError when there is no manifest to check."""
    rows = manifest.read(dataset)
    if not rows:
        return ["the manifest has no rows"]
    problems: list[str] = []
    problems += _version(dataset, rows)
    problems += _names(rows)
    problems += _files(dataset, rows)
    problems += _labels(rows)
    problems += _leaks(dataset, rows)
    problems += _pairs(rows)
    problems += delivery_differences(rows)
    return problems


def _version(dataset: Path, rows: Sequence[Row]) -> Iterator[str]:
    stated, found = manifest.read_info(dataset).get("version"), manifest.version(rows)
    if stated != found:
        yield f"the manifest's hash is {found[:12]}, but {manifest.INFO} says {str(stated)[:12]}: rows were changed"


def _names(rows: Sequence[Row]) -> Iterator[str]:
    repeated = [name for name, count in Counter(row.file_name for row in rows).items() if count > 1]
    if repeated:
        yield f"{len(repeated)} files have more than one row: {_some(repeated)}"


def _files(dataset: Path, rows: Sequence[Row]) -> Iterator[str]:
    """Every picture and mask is there, decodes, and has the size its row states."""
    for row in track(rows, len(rows), "files"):
        for name in (row.file_name, row.mask_file_name, row.defect_mask_file_name):
            if name is None:
                continue
            problem = _check_picture(dataset / name, (row.width, row.height))
            if problem:
                yield f"{name}: {problem}"


def _check_picture(path: Path, size: tuple[int, int]) -> str | None:
    try:
        with Image.open(path) as image:
            image.load()
            found = image.size
    except FileNotFoundError:
        return "missing"
    except (OSError, ValueError, SyntaxError) as error:
        return f"does not decode ({error})"
    return None if found == size else f"is {found[0]}x{found[1]}, the row says {size[0]}x{size[1]}"


def _labels(rows: Sequence[Row]) -> Iterator[str]:
    """Label, kind and masks agree, and every split has both classes."""
    for row in rows:
        fake = row.kind != "authentic"
        if row.label != int(fake):
            yield f"{row.file_name}: label {row.label} for kind {row.kind}"
        if fake != (row.mask_file_name is not None):
            yield f"{row.file_name}: {'no mask' if fake else 'a mask'} for kind {row.kind}"
    for split in sorted({row.split for row in rows}):
        labels = {row.label for row in rows if row.split == split}
        if labels != {0, 1}:
            yield f"split {split} has {'no manipulated' if labels == {0} else 'no authentic'} picture"


def _leaks(dataset: Path, rows: Sequence[Row]) -> Iterator[str]:
    """No group, source photo, file or near-duplicate lies in two splits."""
    for name, crossing in (
        ("groups", _crossing((row.group, row.split) for row in rows)),
        ("source photos", _crossing((row.source, row.split) for row in rows)),
        ("identical files", _crossing(_contents(dataset, rows))),
    ):
        if crossing:
            yield f"{len(crossing)} {name} lie in more than one split: {_some(crossing)}"
    photos = {row.source: row for row in rows}
    chosen = [photos[source] for source in sorted(photos)]
    pairs = phash.crossings([row.phash for row in chosen], [row.split for row in chosen])
    if pairs:
        names = [f"{chosen[i].source[:12]} ({chosen[i].split}) and {chosen[j].source[:12]} ({chosen[j].split})"
                 for i, j in pairs]  # fmt: skip
        yield f"{len(pairs)} near-duplicate photos cross a split: {_some(names)}"


def _contents(dataset: Path, rows: Sequence[Row]) -> Iterator[tuple[str, str]]:
    for row in rows:
        path = dataset / row.file_name
        if path.is_file():
            yield hashlib.sha256(path.read_bytes()).hexdigest()[:12], row.split


def _crossing(places: Iterable[tuple[str, str]]) -> list[str]:
    splits: dict[str, set[str]] = defaultdict(set)
    for name, split in places:
        splits[name].add(split)
    return sorted(name for name, found in splits.items() if len(found) > 1)


def _pairs(rows: Sequence[Row]) -> Iterator[str]:
    """A manipulated picture came the very way in which its own photo came, where the photo is there at all."""
    ways: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if row.label == 0:
            ways[row.source].add(_way(row))
    alone = [
        row.file_name
        for row in rows
        if row.label == 1 and row.source in ways and _way(row) not in ways[row.source]
    ]
    if alone:
        yield f"{len(alone)} manipulated pictures were delivered as their photo never was: {_some(alone)}"


def _way(row: Row) -> str:
    return json.dumps(row.delivery, sort_keys=True)


def delivery_differences(rows: Sequence[Row]) -> Iterator[str]:
    """Both classes of a split are delivered alike: otherwise a detector could learn the delivery."""
    for split in sorted({row.split for row in rows}):
        authentic, fake = (
            Counter(str(row.delivery["name"]) for row in rows if row.split == split and row.label == label)
            for label in (0, 1)
        )
        if not authentic or not fake:
            continue
        for name in sorted(authentic | fake):
            first, second = authentic[name] / authentic.total(), fake[name] / fake.total()
            pooled = (authentic[name] + fake[name]) / (authentic.total() + fake.total())
            error = math.sqrt(pooled * (1 - pooled) * (1 / authentic.total() + 1 / fake.total()))
            if abs(first - second) > SHARE_TOLERANCE + DEVIATIONS * error:
                yield (
                    f"split {split}: delivery {name} makes {first:.0%} of the authentic "
                    f"and {second:.0%} of the manipulated pictures"
                )


def _some(names: Sequence[str]) -> str:
    more = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
