"""The dataset card: a README that people read and whose head Hugging Face reads.

In: rows and `dataset.json`. Out: Markdown with YAML front matter (split globs, so that masks are not taken
for pictures).
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from refundlens.datasets.row import SPLITS, Row

_HEAD = """---
pretty_name: RefundLens photos, real and manipulated
task_categories:
- image-classification
- image-segmentation
configs:
- config_name: default
  data_files:
{globs}---
"""
_SPLIT = """  - split: {split}
    path:
    - {split}/*.png
    - {split}/*.jpg
    - {split}/*.webp
    - {split}/metadata.jsonl
"""
_BODY = """# Photos, real and manipulated

Version `{version}` (SHA-256 of the sorted manifest), seed {seed}: {rows} pictures of {photos} real photos from
{groups} groups. Made by `refundlens data build`; the recipe is in `dataset.json`.

A photo and its edits start from the same base picture and are delivered alike, so that nothing but the edit
tells them apart. Groups (same sender, camera or series, and near-duplicates) never cross a split. Training rows
are lossless masters: the loader delivers them. All other rows are files as they were delivered.

```python
from refundlens.datasets import load_dataset# the Hugging Face package

pictures = load_dataset("path/to/this/folder")
```
`metadata.jsonl` here lists all rows with paths from this folder; each split's own `metadata.jsonl` is the same for
ImageFolder. In masks, 255 = manipulated (or painted) pixel, values between = blended.

## Pictures
{by_kind}
## Generators
{by_generator}
## Defects
{by_defect}
## Deliveries
{by_delivery}
## Licences
Pictures are under their source photo's licence; `SOURCES.csv` names each photo's origin.

{by_licence}"""


def table(rows: Sequence[Row], title: str, key: Callable[[Row], str | None]) -> str:
    """Markdown table of rows per value of `key` and split; rows without a value are left out."""
    cells = Counter((value, row.split) for row in rows if (value := key(row)) is not None)
    splits = [split for split in SPLITS if any(row.split == split for row in rows)]
    lines = [f"| {title} | {' | '.join(splits)} |", f"| --- |{' ---: |' * len(splits)}"]
    for value in sorted({value for value, _ in cells}):
        lines.append(f"| {value} | {' | '.join(str(cells[value, split]) for split in splits)} |")
    return "\n".join(lines) + "\n"


def card(rows: Sequence[Row], info: dict[str, Any]) -> str:
    """The card of a dataset."""
    present = [split for split in SPLITS if any(row.split == split for row in rows)]
    head = _HEAD.format(globs="".join(_SPLIT.format(split=split) for split in present))
    return head + _BODY.format(
        version=info["version"],
        seed=info.get("seed", "unknown"),
        rows=len(rows),
        photos=len({row.source for row in rows}),
        groups=len({row.group for row in rows}),
        by_kind=table(rows, "kind", lambda row: row.kind),
        by_generator=table(rows, "generator", lambda row: row.generator),
        by_defect=table(rows, "painted defect", lambda row: row.defect),
        by_delivery=table(rows, "delivery", lambda row: str(row.delivery["name"])),
        by_licence=table(rows, "licence", lambda row: row.licence),
    )
