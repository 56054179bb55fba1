"""`refundlens data stats`: what a dataset holds.

In: its rows and files. Out: plain counts (`Stats`), as JSON or as tables for people.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from refundlens.datasets import manifest
from refundlens.datasets.card import table
from refundlens.datasets.row import Row

DIMENSIONS: dict[str, Callable[[Row], str | None]] = {
    "kind": lambda row: row.kind,
    "generator": lambda row: row.generator,
    "defect": lambda row: row.defect,
    "real_defect": lambda row: row.real_defect if row.label == 0 else None,
    "delivery": lambda row: str(row.delivery["name"]),
    "benign": lambda row: str(row.benign[0].get("operation", "some")) if row.benign else None,
    "licence": lambda row: row.licence,
    "content": lambda row: row.content or None,
}
"""What is counted, per split."""


@dataclass(frozen=True)
class Stats:
    """version: of the manifest. bytes: of pictures and masks. long_side: percentiles 5, 50, 95 in pixels.

    counts: dimension -> split -> value -> rows. photos, groups: distinct ones per split.
    """

    version: str
    rows: int
    bytes: int
    photos: dict[str, int]
    groups: dict[str, int]
    long_side: dict[str, int]
    counts: dict[str, dict[str, dict[str, int]]]


def stats(dataset: Path) -> Stats:
    """Count a dataset. Raises DatasetError when the folder is none."""
    rows = manifest.read(dataset)
    sides = sorted(max(row.width, row.height) for row in rows)
    return Stats(
        version=manifest.version(rows),
        rows=len(rows),
        bytes=sum(_size(dataset, row) for row in rows),
        photos=_distinct(rows, lambda row: row.source),
        groups=_distinct(rows, lambda row: row.group),
        long_side={f"p{share}": sides[len(sides) * share // 100] for share in (5, 50, 95)} if sides else {},
        counts={name: _count(rows, key) for name, key in DIMENSIONS.items()},
    )


def _size(dataset: Path, row: Row) -> int:
    names = (row.file_name, row.mask_file_name, row.defect_mask_file_name)
    paths = [dataset / name for name in names if name]
    return sum(path.stat().st_size for path in paths if path.is_file())


def _distinct(rows: Sequence[Row], key: Callable[[Row], str]) -> dict[str, int]:
    return dict(sorted(Counter(split for split, _ in {(row.split, key(row)) for row in rows}).items()))


def _count(rows: Sequence[Row], key: Callable[[Row], str | None]) -> dict[str, dict[str, int]]:
    found: dict[str, Counter[str]] = {}
    for row in rows:
        value = key(row)
        if value is not None:
            found.setdefault(row.split, Counter())[value] += 1
    return {split: dict(sorted(found[split].items())) for split in sorted(found)}


def as_json(found: Stats) -> str:
    return json.dumps(asdict(found), indent=2, ensure_ascii=False)


def as_text(found: Stats, rows: Sequence[Row]) -> str:
    """Tables for people."""
    head = (
        f"version {found.version}\n{found.rows} pictures, {found.bytes / 1e6:.1f} MB, "
        f"{sum(found.photos.values())} photos, {sum(found.groups.values())} groups, "
        f"long side {found.long_side.get('p5')} / {found.long_side.get('p50')} / {found.long_side.get('p95')} px "
        "(5 %, median, 95 %)\n"
    )
    return "\n".join([head, *(table(rows, name, key) for name, key in DIMENSIONS.items())])
