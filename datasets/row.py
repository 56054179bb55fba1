"""One row of a dataset's `metadata.jsonl`: the contract between `datasets` and `training`.

The file names follow Hugging Face's ImageFolder: `file_name` is the picture, each `*_file_name` another image.

Which rows of a dataset a pattern names: by generator, by kind, or by the collection a photo came from.

In: rows and patterns such as "generator:ae-*", "source:beans" or, where both must hold,
"generator:inpaint-*+kind:ai_generated". Out: the rows named, or all but those.

Reading the files of a dataset: pictures as RGB, masks as shares.

In: a path below a dataset's folder. Out: arrays. For files that we wrote ourselves; strangers' files go through
`model.photo.image`.
"""

from collections.abc import Callable, Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from pydantic import BaseModel, ConfigDict

from refundlens.model.names import Defect, Kind

Split = Literal["train", "validation", "calibration", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "calibration", "test")


class Row(BaseModel):
    """One picture of a dataset.

    label: 0 authentic, 1 manipulated. mask_file_name: grey PNG of the picture's size, 255 = manipulated pixel; none
    for authentic pictures. defect_mask_file_name: the same for the defect that was painted, none where there is none
    or where nobody knows. source: SHA-256 of the source photo's file. group: same sender, camera or series; a group
    never crosses splits. delivery: {"name": ..., "steps": [...]}; a row with name "master" is stored losslessly before
    delivery, and whoever loads it draws a chain (training does).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file_name: str
    label: Literal[0, 1]
    kind: Kind
    split: Split
    source: str
    group: str
    licence: str
    content: str = ""
    defect: Defect | None = None
    real_defect: str | None = None
    mask_file_name: str | None = None
    defect_mask_file_name: str | None = None
    editor: str | None = None
    generator: str | None = None
    painter: dict[str, Any] | None = None
    edit: dict[str, Any] | None = None
    benign: list[dict[str, Any]] = []
    delivery: dict[str, Any]
    width: int
    height: int
    phash: str


class PatternError(ValueError):
    """A pattern that names nothing; the message says what would."""


def source_of(row: Row) -> str:
    """The collection of a row's photo: groups are named COLLECTION:SENDER."""
    return row.group.split(":", 1)[0]


_KEYS: dict[str, Callable[[Row], str | None]] = {
    "generator": lambda row: row.generator,
    "kind": lambda row: row.kind,
    "source": source_of,
}


def named(row: Row, pattern: str) -> bool:
    """Whether the pattern names this row. An authentic row has no generator. Raises PatternError for no pattern."""
    return all(_holds(row, part, pattern) for part in pattern.split("+"))


def _holds(row: Row, part: str, pattern: str) -> bool:
    key, separator, value = part.partition(":")
    if not separator or key not in _KEYS:
        raise PatternError(
            f"{pattern!r} is no pattern: write generator:NAME, kind:KIND or source:COLLECTION, "
            "* allowed, several joined by +"
        )
    found = _KEYS[key](row)
    return found is not None and fnmatch(found, value)


def used(rows: Sequence[Row], leave_out: Sequence[str]) -> list[Row]:
    """Rows that no pattern names. Raises PatternError for a pattern that names no row: a test that tests nothing."""
    for pattern in leave_out:
        if not any(named(row, pattern) for row in rows):
            raise PatternError(f"{pattern} names no row here; nothing would be left out")
    return [row for row in rows if not any(named(row, pattern) for pattern in leave_out)]


def read_rgb(path: Path) -> NDArray[np.uint8]:
    """The picture, RGB uint8 [H,W,3]. Raises OSError where the file is missing or no picture."""
    with Image.open(path) as image:
        return np.array(image.convert("RGB"))


def read_mask(path: Path) -> NDArray[np.float32]:
    """The mask, float32 [H,W], 0 untouched to 1 changed. Raises OSError where the file is missing or no picture."""
    with Image.open(path) as image:
        return np.asarray(image.convert("L"), np.float32) / np.float32(255.0)
