"""Every master of both classes through the same fixed chains.

In: a dataset's rows. Out: one `Scored` row for each master and delivery, and for each upload on top of a delivery.
Nothing is drawn at random, so no chain can differ between the classes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from refundlens.datasets.degradations.apply import Delivered, deliver
from refundlens.datasets.degradations.chains import NAMED, Step
from refundlens.datasets.row import Row, read_mask, read_rgb
from refundlens.training.calibration.scoring import run_all
from refundlens.training.evaluation.controls import REENCODE
from refundlens.training.evaluation.evaluate import MASTER
from refundlens.training.evaluation.slices import Scored
from refundlens.training.evaluation.suite.reading import MaskName, Reader, Reading

DELIVERIES = ("png", "q90", "jpeg80", "q75_720", "q60_768", "double_jpeg", "webp", "screenshot")
"""The named chains that every master goes through."""
FIRST_SENT = ("png", "q90")
"""Deliveries whose verdict is compared with that of one and two more uploads."""
UPLOADS = (1, 2)


def upload_name(first: str, uploads: int) -> str:
    """Name of a delivery followed by so many JPEGs of quality 85."""
    return first + "+q85" * uploads


CHAINS: dict[str, list[Step]] = {name: NAMED[name] for name in DELIVERIES} | {
    upload_name(first, uploads): [*NAMED[first], *REENCODE * uploads]
    for first in FIRST_SENT
    for uploads in UPLOADS
}
"""All chains of the sweep: the deliveries, then the further uploads."""


@dataclass(frozen=True)
class Master:
    """An undelivered picture, uint8 [H,W,3], with the masks that lie on it."""

    row: Row
    pixels: NDArray[np.uint8]
    masks: dict[MaskName, NDArray[np.float32]]


@dataclass(frozen=True)
class Sent:
    """A delivered picture and what was said of it. resized: whether its chain changed its scale."""

    scored: Scored
    resized: bool


def master_rows(rows: Iterable[Row], split: str, photos: int | None = None) -> list[Row]:
    """Rows of a split as they were made, of the first `photos` source photos by hash: a choice nobody made."""
    clean = [row for row in rows if row.split == split and row.delivery["name"] in MASTER]
    chosen = set(sorted({row.source for row in clean})[:photos])
    return [row for row in clean if row.source in chosen]


def open_master(dataset: Path, row: Row) -> Master:
    """Raises OSError where a file of the row is missing."""
    names: dict[MaskName, str | None] = {"edit": row.mask_file_name, "defect": row.defect_mask_file_name}
    masks = {name: read_mask(dataset / file) for name, file in names.items() if file is not None}
    return Master(row, read_rgb(dataset / row.file_name), masks)


def send(master: Master, name: str) -> tuple[Row, Delivered]:
    """The master through a chain of `CHAINS`: the delivered picture's row, and the picture."""
    sent = deliver(master.pixels, CHAINS[name], list(master.masks.values()))
    height, width = sent.pixels.shape[:2]
    delivery = {"name": name, "steps": CHAINS[name]}
    return master.row.model_copy(update={"delivery": delivery, "width": width, "height": height}), sent


def sweep(
    reader: Reader, dataset: Path, rows: Sequence[Row], names: Sequence[str] = tuple(CHAINS)
) -> list[Sent]:
    """All masters through all named chains, master by master; each is decoded once. On all cores."""

    def one(row: Row) -> list[Sent]:
        master = open_master(dataset, row)
        return [_read(reader, master, name) for name in names]

    return [sent for group in run_all(one, rows, "suite") for sent in group]


def _read(reader: Reader, master: Master, name: str) -> Sent:
    row, sent = send(master, name)
    reading = reader.read(sent.data, dict(zip(master.masks, sent.masks, strict=True)))
    return Sent(as_scored(row, reading), rescales(CHAINS[name], *master.pixels.shape[:2]))


def as_scored(row: Row, reading: Reading) -> Scored:
    """A reading as the row of an evaluation."""
    edit, defect = reading.maps.get("edit"), reading.maps.get("defect")
    return Scored(
        row=row,
        probability=reading.probability,
        verdict=reading.verdict,
        kind=reading.kind,
        pixel=edit.pixels if edit else None,
        defect_pixel=defect.pixels if defect else None,
        conditions=reading.conditions,
        bound=reading.bound,
        best_f1=edit.best_f1 if edit and edit.best_f1 is not None else float("nan"),
    )


def rescales(chain: Sequence[Step], height: int, width: int) -> bool:
    """Whether the chain changes the scale of a picture of this size. Steps that only shrink leave small ones alone."""
    for step in chain:
        if step["step"] == "resize":
            long_side, wanted = max(height, width), step["long_side"]
            if wanted < long_side or (wanted > long_side and not step.get("only_shrink")):
                return True
        if step["step"] == "screenshot" and (step["width"] < width or not step.get("only_shrink")):
            return True
    return False
