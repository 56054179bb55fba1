"""Masters of a dataset -> tiles with their targets, delivered on the fly.

Each sample is one source photo: its authentic master and one of its edits take the same window, the same harmless
operation and the same delivery chain, so that nothing but the edit tells them apart (the aligned pairs of B-Free,
Guillaro et al., CVPR 2025, and DDA, Chen et al., NeurIPS 2025). Sample `i` depends on the seed and `i` alone, which is
what lets a killed run resume to the same curve.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset, Sampler

from refundlens.datasets.degradations.apply import Step, deliver, draw_chain
from refundlens.datasets.degradations.benign import benign
from refundlens.datasets.degradations.quantisation import MeasuredTables
from refundlens.datasets.row import Row, read_mask, read_rgb
from refundlens.model.names import DEFECTS, KINDS
from refundlens.model.network.tiles import STRIDE
from refundlens.training.config import DataConfig, LossConfig

IGNORE = -100
"""torch's cross_entropy skips this label: the tile shows too little of the edit to tell."""
MANIPULATED = -200
"""Kind of a tile that is manipulated while nobody knows how."""
MAPS = 1 + len(DEFECTS)

Pixels = NDArray[np.uint8]
Mask = NDArray[np.float32]


@dataclass(frozen=True)
class Pair:
    """An authentic master and the edits made of it."""

    authentic: Row
    edits: tuple[Row, ...]


@dataclass(frozen=True)
class Picture:
    pixels: Pixels
    changed: Mask
    defect: Mask


def pairs_of(rows: Sequence[Row]) -> list[Pair]:
    """Masters grouped by base picture, in a stable order. Photos without edits (real defects) pair with nothing."""
    authentic = {_base(row): row for row in rows if row.label == 0}
    edits: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.label == 1:
            edits[_base(row)].append(row)
    return [Pair(row, tuple(edits.get(key, ()))) for key, row in sorted(authentic.items())]


def _base(row: Row) -> str:
    """The base picture that a photo and its edits share. Masters are named SOURCE-VIEWvariant-m, variant one letter."""
    source, variant, _ = Path(row.file_name).stem.split("-", 2)
    return f"{source}-{variant[:-1]}"


class TileDataset(Dataset[dict[str, Tensor]]):
    """Sample i of a run: 2 x `tiles` tiles of one source photo, each authentic one followed by its edited twin.

    Yields tiles uint8 [2T,S,S,3] with S = `config.tile`, kind int64 [2T], maps float32 [2T,5,S/8,S/8], map_weight
    float32 [2T,5].
    """

    def __init__(
        self,
        root: Path,
        rows: Sequence[Row],
        config: DataConfig,
        loss: LossConfig,
        seed: int,
        samples: int,
        tables: Sequence[MeasuredTables] | None = None,
    ) -> None:
        self.root, self.config, self.loss, self.seed, self.samples = root, config, loss, seed, samples
        self.pairs = pairs_of(rows)
        self.tables = tables
        if not any(pair.edits for pair in self.pairs):
            raise ValueError(
                f"{root} has no edited pictures to train on; run `refundlens data stats` to look"
            )

    def __len__(self) -> int:
        return self.samples

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        cv2.setNumThreads(0)  # workers share the cores with the network
        rng = np.random.default_rng([self.seed, index])
        pair = self._pair(index)
        rows = [pair.authentic]
        rows.append(pair.edits[int(rng.integers(len(pair.edits)))] if pair.edits else pair.authentic)
        pictures = [self._load(row) for row in rows]
        window = _window(rng, pictures[1], self.config.window)
        chain = self._chain(rng, index, window)
        operation = int(rng.integers(2**31)) if rng.random() < self.config.benign else None
        flip = rng.random() < 0.5
        side = self.config.tile
        sent = [_padded(_send(picture, window, operation, chain, flip), side) for picture in pictures]
        # one guide for both twins: what differs between their tiles is the edit alone
        guide = sent[1].defect if sent[1].defect.any() else sent[1].changed
        corners = [_place(rng, guide, (side, side), self.config.on_edit) for _ in range(self.config.tiles)]
        samples = [
            self._target(row, picture, corner)
            for corner in corners
            for row, picture in zip(rows, sent, strict=True)
        ]
        return {key: torch.stack([sample[key] for sample in samples]) for key in samples[0]}

    def _pair(self, index: int) -> Pair:
        """Every photo once per pass, in an order drawn for that pass."""
        turn, place = divmod(index, len(self.pairs))
        order = np.random.default_rng([self.seed, 1, turn]).permutation(len(self.pairs))
        return self.pairs[int(order[place])]

    def _chain(self, rng: np.random.Generator, index: int, window: tuple[int, int, int, int]) -> list[Step]:
        done = index / max(1, self.samples * self.config.curriculum)
        start = self.config.start_harshness
        return draw_chain(rng, max(window[2:]), min(1.0, start + (1 - start) * done), self.tables)

    def _load(self, row: Row) -> Picture:
        pixels = read_rgb(self.root / row.file_name)
        changed = self._mask(row.mask_file_name, pixels)
        return Picture(pixels, changed, self._mask(row.defect_mask_file_name, pixels))

    def _mask(self, name: str | None, pixels: Pixels) -> Mask:
        if name is None:
            return np.zeros(pixels.shape[:2], np.float32)
        return read_mask(self.root / name)

    def _target(self, row: Row, picture: Picture, corner: tuple[int, int]) -> dict[str, Tensor]:
        side, cells = self.config.tile, self.config.tile // STRIDE
        part = np.s_[corner[0] : corner[0] + side, corner[1] : corner[1] + side]
        tile, changed, defect = picture.pixels[part], picture.changed[part], picture.defect[part]
        share = float((changed > 0.5).mean())
        if row.label == 0 or share == 0:
            kind = KINDS.index("authentic")
        else:
            kind = KINDS.index(row.kind) if share >= self.loss.least_share else IGNORE
        maps = np.zeros((MAPS, cells, cells), np.float32)
        weight = np.ones(MAPS, np.float32)
        maps[0] = cv2.resize(changed, (cells, cells), interpolation=cv2.INTER_AREA)
        if row.real_defect:
            weight[1:] = 0.0  # there is a defect somewhere, and nobody marked where
        elif row.defect:
            maps[1 + DEFECTS.index(row.defect)] = cv2.resize(
                defect, (cells, cells), interpolation=cv2.INTER_AREA
            )
        return {
            "tiles": torch.from_numpy(np.ascontiguousarray(tile)),
            "kind": torch.tensor(kind),
            "maps": torch.from_numpy(maps),
            "map_weight": torch.from_numpy(weight),
        }


class FromStep(Sampler[int]):
    """Indices in order from `first` on: a resumed run asks for exactly the samples that the killed one did not."""

    def __init__(self, first: int, total: int) -> None:
        self.first, self.total = first, total

    def __iter__(self) -> Iterator[int]:
        return iter(range(self.first, self.total))

    def __len__(self) -> int:
        return self.total - self.first


def collate(samples: list[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Samples of several tiles each -> one batch of tiles."""
    return {key: torch.cat([sample[key] for sample in samples]) for key in samples[0]}


def _window(rng: np.random.Generator, picture: Picture, side: int) -> tuple[int, int, int, int]:
    """(y, x, height, width) of a part that holds some of the edit, at most `side` pixels long."""
    height, width = picture.pixels.shape[:2]
    tall, wide = min(height, side), min(width, side)
    y, x = _place(rng, picture.changed, (tall, wide), 0.8)
    return y, x, tall, wide


def _place(rng: np.random.Generator, mask: Mask, size: tuple[int, int], on_mask: float) -> tuple[int, int]:
    """Corner of a window: with probability `on_mask` around a random pixel of the mask, else anywhere."""
    height, width = mask.shape
    room_y, room_x = max(0, height - size[0]), max(0, width - size[1])
    draw = rng.random(4)
    y, x = int(draw[0] * (room_y + 1)), int(draw[1] * (room_x + 1))
    marked = np.flatnonzero(mask > 0.5) if draw[2] < on_mask else np.empty(0, np.int64)
    if len(marked):
        row, column = divmod(int(marked[int(draw[3] * len(marked))]), width)
        # anywhere in the window, not only its centre
        y = int(np.clip(row - draw[0] * size[0], 0, room_y))
        x = int(np.clip(column - draw[1] * size[1], 0, room_x))
    return y, x


def _send(
    picture: Picture,
    window: tuple[int, int, int, int],
    operation: int | None,
    chain: Sequence[Step],
    flip: bool,
) -> Picture:
    y, x, tall, wide = window
    part = np.s_[y : y + tall, x : x + wide]
    pixels, masks = picture.pixels[part], (picture.changed[part], picture.defect[part])
    if flip:
        pixels, masks = pixels[:, ::-1], (masks[0][:, ::-1], masks[1][:, ::-1])
    pixels, masks = (
        np.ascontiguousarray(pixels),
        (np.ascontiguousarray(masks[0]), np.ascontiguousarray(masks[1])),
    )
    if operation is not None:
        treated = benign(pixels, masks, np.random.default_rng(operation))
        pixels, masks = treated.pixels, (treated.masks[0], treated.masks[1])
    sent = deliver(pixels, chain, masks)
    return Picture(sent.pixels, sent.masks[0], sent.masks[1])


def _padded(sent: Picture, least: int) -> Picture:
    """A picture smaller than a tile is continued by reflection, as in `model.network.tiles.cut`."""
    bottom, right = (max(0, least - side) for side in sent.pixels.shape[:2])
    if not bottom and not right:
        return sent
    grow = ((0, bottom), (0, right))
    return Picture(
        np.pad(sent.pixels, (*grow, (0, 0)), mode="symmetric"),
        np.pad(sent.changed, grow, mode="symmetric"),
        np.pad(sent.defect, grow, mode="symmetric"),
    )
