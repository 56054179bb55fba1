"""What a training run is fed with and watched on: a built dataset, or a folder of delivered crops.

A feed yields batches from any step on, tells how the network does on pictures it is not fed, and leaves in the run's
folder what a card must tell of the data.
"""

import os
import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from refundlens.datasets import manifest
from refundlens.datasets.crops.store import WATCH, open_shards, shard_files
from refundlens.datasets.degradations.quantisation import TABLES, load_tables
from refundlens.datasets.row import used
from refundlens.model.network import pooling
from refundlens.model.network.network import Network
from refundlens.training.config import TrainConfig
from refundlens.training.crops import CropBatches
from refundlens.training.data import FromStep, TileDataset, collate
from refundlens.training.evaluation.metrics import roc_auc
from refundlens.training.stream import StreamedBatches
from refundlens.training.validate import validate

STRONGEST = 0.02
"""Share of a map's cells that tell whether it points anywhere: edits begin at that share of a tile."""
BATCH = 32
"""Crops at once while watching."""


class Feed(Protocol):
    """Batches as `training.losses` reads them."""

    def batches(self, step: int) -> Iterator[dict[str, Tensor]]:
        """Batches from this step to the last one."""

    def check(self, network: Network, device: torch.device) -> dict[str, float]:
        """How the network does on what it is not fed; empty where there is nothing to look at."""

    def keep_papers(self, run: Path) -> None:
        """Copy into the run's folder what a card must tell of the data."""


def open_feed(source: Path, config: TrainConfig, replay: Path | None = None) -> Feed:
    """The feed for a folder: crops where it holds shards, streamed where these are tars, else a dataset. replay: crops
    that the network was trained on before and must not forget. Raises DatasetError for neither, ValueError for a
    dataset, or tars, with replay, and where `data.leave_out` would leave nothing out."""
    if config.data.leave_out and (replay is not None or shard_files(source, "tar")):
        raise ValueError("data.leave_out works on a dataset, or on crops on disk without replay: unset it")
    if shard_files(source, "tar"):
        if replay is not None:
            raise ValueError(f"{source} streams: replay mixes crops on disk with crops on disk")
        return StreamFeed(source, config)
    if shard_files(source):
        if replay is not None:
            return ReplayFeed(source, replay, config)
        return CropFeed(source, config)
    if replay is not None:
        raise ValueError(f"{source} holds no crops: replay mixes crops with crops (`refundlens data crops`)")
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        raise ValueError(
            f"{source}: several processes train on crops (`refundlens data crops`), not on a dataset"
        )
    return DatasetFeed(source, config)


class DatasetFeed:
    """Masters of a dataset's train split, delivered on the fly; watched on its validation split."""

    def __init__(self, dataset: Path, config: TrainConfig) -> None:
        self.dataset, self.config = dataset, config
        rows = manifest.read(dataset)
        self.checked = [row for row in rows if row.split == "validation"][: config.validate_rows]
        tables = dataset / TABLES
        self.data = TileDataset(
            dataset,
            used([row for row in rows if row.split == "train"], config.data.leave_out),
            config.data,
            config.loss,
            config.seed,
            config.steps * config.pairs,
            list(load_tables(tables)) if tables.is_file() else None,
        )

    def batches(self, step: int) -> Iterator[dict[str, Tensor]]:
        yield from DataLoader(
            self.data,
            batch_size=self.config.pairs,
            sampler=FromStep(step * self.config.pairs, len(self.data)),
            collate_fn=collate,
            num_workers=self.config.data.workers,
            prefetch_factor=3 if self.config.data.workers else None,
            drop_last=True,
            # else the loader draws from the global generator, and dropout differs after a resume
            generator=torch.Generator(),
        )

    def check(self, network: Network, device: torch.device) -> dict[str, float]:
        return validate(network, self.dataset, self.checked, device) if self.checked else {}

    def keep_papers(self, run: Path) -> None:
        for name in (manifest.INFO, manifest.SOURCES):
            shutil.copyfile(self.dataset / name, run / name)


class CropFeed:
    """Delivered crops from disk; watched on the pairs in their folder `watch`, if there are any."""

    def __init__(self, folder: Path, config: TrainConfig) -> None:
        self.folder, self.config = folder, config
        self.source = CropBatches(
            folder, config.pairs, config.seed, config.steps, config.data.small, config.data.grow,
            config.data.leave_out,
        )  # fmt: skip

    def batches(self, step: int) -> Iterator[dict[str, Tensor]]:
        for index in range(step, self.config.steps):
            yield self.source.batch(index)

    def check(self, network: Network, device: torch.device) -> dict[str, float]:
        """Per kind of pair: ROC AUC of manipulated against authentic crops, and how often a crop scores above its own
        twin, by the kinds' logits and by the map's strongest cells; pixel AUC of local edits."""
        if not any((self.folder / WATCH).glob("*.json")):
            return {}
        network.eval()
        odds: dict[str, list[np.ndarray]] = defaultdict(list)
        aligned: dict[str, list[bool]] = defaultdict(list)
        cells: list[np.ndarray] = []
        for shard in open_shards(self.folder / WATCH):
            for first in range(0, len(shard.records), BATCH // 2):
                part = np.s_[first : first + BATCH // 2]
                crops = torch.from_numpy(np.array(shard.crops[part]))
                with torch.no_grad():
                    kinds, maps = network(crops.flatten(0, 1).to(device))
                found = pooling.margins(kinds.float().cpu().numpy()).reshape(-1, 2)
                peaks = _strongest_cells(maps[:, 0].float().cpu().numpy()).reshape(-1, 2)
                heat = maps[1::2, 0].float().cpu().numpy()
                for pair, peak, record, changed, logits in zip(
                    found, peaks, shard.records[part], shard.maps[part][:, 0], heat, strict=True
                ):
                    name = record.tag.split(":")[0]
                    for key, two in ((name, pair), (f"{name}_map", peak)):
                        odds[key].append(two)
                        aligned[key].append(record.aligned)
                    wanted = changed.ravel() > 127
                    if 0 < wanted.sum() < wanted.size:
                        cells.append(np.array(roc_auc(wanted, logits.ravel())))
        told: dict[str, float] = {}
        for name, pairs in odds.items():
            scores = np.array(pairs)
            labels = np.repeat([0, 1], len(scores))
            told[f"{name}_auc"] = round(roc_auc(labels, scores.T.ravel()), 4)
            twins = scores[np.array(aligned[name])]
            if len(twins):
                told[f"{name}_above"] = round(float((twins[:, 1] > twins[:, 0]).mean()), 4)
        if cells:
            told["pixel_auc"] = round(float(np.mean(cells)), 4)
        return told

    def keep_papers(self, run: Path) -> None:
        for path in (self.folder / manifest.INFO, self.folder / manifest.SOURCES):
            if path.is_file():
                shutil.copyfile(path, run / path.name)


def _strongest_cells(logits: np.ndarray) -> np.ndarray:
    """Map logits [N,h,w] -> mean of each map's strongest cells [N]: how surely it points anywhere."""
    cells = np.sort(logits.reshape(len(logits), -1), axis=1)
    return np.asarray(cells[:, -max(1, round(cells.shape[1] * STRONGEST)) :].mean(axis=1))


class StreamFeed(CropFeed):
    """Crops that stream from WebDataset tars; watched likewise."""

    def __init__(self, folder: Path, config: TrainConfig) -> None:
        self.folder, self.config = folder, config
        self.streamed = StreamedBatches(folder, config)

    def batches(self, step: int) -> Iterator[dict[str, Tensor]]:
        return self.streamed.batches(step)


class ReplayFeed:
    """New crops and crops of before in every batch, `data.replay` of the pairs old ones, so that what is learned of a
    few hundred pictures costs nothing that was known (experience replay: Rolnick et al., NeurIPS 2019). Watched on the
    old crops' pairs, where forgetting shows."""

    def __init__(self, folder: Path, replay: Path, config: TrainConfig) -> None:
        old = round(config.pairs * config.data.replay)
        if not 0 < old < config.pairs:
            raise ValueError(
                f"data.replay={config.data.replay} of {config.pairs} pairs leaves no pair of one sort: change either"
            )
        self.config, self.old = config, CropFeed(replay, config)
        self.sources = [
            CropBatches(path, pairs, config.seed + index, config.steps, config.data.small, config.data.grow)
            for index, (path, pairs) in enumerate(((folder, config.pairs - old), (replay, old)))
        ]
        if len({source.shards[0].crops.shape[2] for source in self.sources}) > 1:
            raise ValueError("new and old crops have different sizes: make them by one version")

    def batches(self, step: int) -> Iterator[dict[str, Tensor]]:
        for index in range(step, self.config.steps):
            parts = [source.batch(index) for source in self.sources]
            yield {key: torch.cat([part[key] for part in parts]) for key in parts[0]}

    def check(self, network: Network, device: torch.device) -> dict[str, float]:
        return self.old.check(network, device)

    def keep_papers(self, run: Path) -> None:
        self.old.keep_papers(run)
