"""How the pictures of a family are sent, written and recorded: the same deliveries for a photo and its edits.

In: aligned pictures of one photo. Out: picture and mask files below the dataset's folder, and their rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from refundlens.datasets.degradations.apply import NAMED, Step, deliver, draw_chain
from refundlens.datasets.degradations.benign import benign
from refundlens.datasets.editors.base import Mask, Pixels
from refundlens.datasets.editors.pool import Workshop
from refundlens.datasets.row import Row
from refundlens.datasets.task import Context, Task, stream
from refundlens.datasets.variants import LEAST_REGION, Picture, families

MASTER = "master"
"""Name of a training row's delivery: stored losslessly, sent anew each time it is loaded."""
MASKS = "masks"
"""Folder of the masks inside a split's folder: Hugging Face reads nothing outside the metadata's own
folder."""
NOT_JPEG_QUALITY = (70, 96)
"""Range of libwebp's quality in calibration's cells of files that are not JPEG: what shops and browsers write."""
_PNG_LEVEL = 2
"""zlib level: beyond 2 a photo's PNG shrinks by a few per cent and takes several times as long."""


@dataclass(frozen=True)
class Delivery:
    """A named chain; `tag` tells a photo's deliveries apart in file names."""

    name: str
    chain: list[Step]
    tag: str


def make(task: Task, context: Context, workshop: Workshop) -> list[Row]:
    """Write everything made of one photo below `context.out`, and return the rows.

    Raises UnreadablePhotoError when the photo cannot be read (any more).
    """
    rows: list[Row] = []
    for view, pictures in enumerate(families(task, context, workshop)):
        finished, record = _benign(task, context, pictures, view)
        plan = _plan(task, context, finished[0], view)
        for index, picture in enumerate(finished):
            for delivery in _chosen(task, context, plan, index, view):
                row = _write(task, context, picture, delivery, record)
                if row is not None:
                    rows.append(row)
    return rows


def _benign(
    task: Task, context: Context, pictures: list[Picture], view: int
) -> tuple[list[Picture], list[dict[str, Any]]]:
    """One harmless operation for a share of evaluation photos, drawn alike for the photo and its edits."""
    if (
        task.split == "train"
        or stream(context, task, "benign?", view).random() >= context.recipe.benign_share
    ):
        return pictures, []
    finished: list[Picture] = []
    record: dict[str, Any] = {}
    for picture in pictures:
        result = benign(picture.pixels, picture.masks, stream(context, task, "benign", view))
        finished.append(_with(picture, result.pixels, result.masks))
        record = result.record
    return finished, [record]


def _with(picture: Picture, pixels: Pixels, masks: Sequence[Mask]) -> Picture:
    """The picture with new pixels and its masks, in the order of `Picture.masks`."""
    moved = iter(masks)
    return replace(
        picture,
        pixels=pixels,
        changed=None if picture.changed is None else next(moved),
        region=None if picture.region is None else next(moved),
    )


def _plan(task: Task, context: Context, photo: Picture, view: int) -> list[Delivery]:
    """The deliveries of a photo, which its edits share."""
    recipe, rng = context.recipe, stream(context, task, "delivery", view)
    if task.split == "train":
        return [Delivery(MASTER, [], "m")]
    long_side = max(photo.pixels.shape[:2])
    if task.split == "validation":
        chains = [draw_chain(rng, long_side, tables=context.tables) for _ in range(recipe.validation_chains)]
        return [Delivery("drawn", chain, f"d{index}") for index, chain in enumerate(chains)]
    if task.split == "calibration":
        return _grid(context, long_side, rng)
    rotating = rng.choice(recipe.test_rotating, recipe.test_rotating_count, replace=False).tolist()
    return [Delivery(name, NAMED[name], name) for name in (*recipe.test_always, *rotating)]


def _grid(context: Context, long_side: int, rng: np.random.Generator) -> list[Delivery]:
    """One delivery per cell of size x quality; what is smaller than the smallest size keeps its own."""
    grid = context.recipe.grid
    cells: list[Delivery] = []
    for size_index, target in enumerate(grid.long_sides):
        for low, high in grid.qualities:
            kernel = str(rng.choice(("bilinear", "bicubic", "lanczos", "area")))
            resize: Step = {"step": "resize", "long_side": target, "kernel": kernel}
            if size_index == 0:
                resize["only_shrink"] = True
            subsampling = str(rng.choice(("4:2:0", "4:4:4"), p=(0.75, 0.25)))
            quality = int(rng.integers(low, high + 1))
            jpeg: Step = {"step": "jpeg", "quality": quality, "subsampling": subsampling}
            cells.append(Delivery(f"grid_{target}_q{low}-{high}", [resize, jpeg], f"g{target}q{low}"))
        if grid.lossless:
            webp: Step = {"step": "webp", "quality": int(rng.integers(*NOT_JPEG_QUALITY))}
            last: Step = {"step": "png"} if rng.random() < 0.5 else webp
            cells.append(Delivery(f"grid_{target}_not_jpeg", [resize, last], f"g{target}n"))
    return cells


def _chosen(task: Task, context: Context, plan: list[Delivery], index: int, view: int) -> Sequence[Delivery]:
    """All deliveries, but only some cells of the grid for an edit: the cells serve bounds on authentic
    photos.
    """
    if task.split != "calibration" or index == 0:
        return plan
    rng = stream(context, task, "cells", view, index)
    count = min(context.recipe.grid.chains_per_edit, len(plan))
    return [plan[cell] for cell in sorted(rng.choice(len(plan), count, replace=False).tolist())]


def _write(
    task: Task, context: Context, picture: Picture, delivery: Delivery, record: list[dict[str, Any]]
) -> Row | None:
    """Deliver, write picture and masks, and return the row; None when the delivery cut the edit off."""
    if delivery.name == MASTER:
        data, suffix, pixels, masks = _png(picture.pixels), ".png", picture.pixels, tuple(picture.masks)
    else:
        sent = deliver(picture.pixels, delivery.chain, picture.masks)
        data, suffix, pixels, masks = sent.data, sent.suffix, sent.pixels, sent.masks
    moved = _with(picture, pixels, masks)
    if moved.changed is not None and int((moved.changed > 0.5).sum()) < LEAST_REGION:
        return None
    stem = f"{task.photo.sha256[:16]}-{picture.variant}-{delivery.tag}"
    file_name = f"{task.split}/{stem}{suffix}"
    _save(context.out / file_name, data)
    return Row(
        file_name=file_name,
        label=0 if picture.kind == "authentic" else 1,
        kind=picture.kind,
        split=task.split,
        source=task.photo.sha256,
        group=task.group,
        licence=task.photo.licence,
        content=task.photo.content,
        defect=picture.defect,
        real_defect=task.photo.real_defect,
        mask_file_name=_mask(task, context, moved.changed, f"{stem}-changed"),
        defect_mask_file_name=_mask(task, context, moved.region, f"{stem}-defect"),
        benign=record,
        delivery={"name": delivery.name, "steps": delivery.chain},
        width=int(pixels.shape[1]),
        height=int(pixels.shape[0]),
        phash=task.photo.phash,
        **picture.facts,
    )


def _mask(task: Task, context: Context, mask: Mask | None, stem: str) -> str | None:
    if mask is None:
        return None
    name = f"{task.split}/{MASKS}/{stem}.png"
    _save(context.out / name, _png((np.clip(mask, 0, 1) * 255).round().astype(np.uint8)))
    return name


def _png(pixels: np.ndarray[Any, np.dtype[np.uint8]]) -> bytes:
    ordered = pixels if pixels.ndim == 2 else cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    return bytes(cv2.imencode(".png", ordered, [cv2.IMWRITE_PNG_COMPRESSION, _PNG_LEVEL])[1])


def _save(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)  # it may be a hard link into the dataset that this one continues
    path.write_bytes(data)
