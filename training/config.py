"""Everything a training run depends on, saved as `config.yaml` in the run's folder."""

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from refundlens.model.network.network import NetworkConfig
from refundlens.model.network.tiles import TILE


class ConfigError(ValueError):
    """A configuration that cannot be used; the message says what to change."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DataConfig(_Part):
    """How tiles are drawn.

    window: long side in pixels of the part of a picture that is delivered (the rest is cut off first: it saves time).
    tile: side in pixels of the tiles trained on, a multiple of 16 up to serving's own: smaller ones make more of a
    CPU's hour, and the network does not care. tiles: tiles taken from each delivered picture. on_edit: share of tiles
    placed over the edit (or, in the authentic twin, over the same place). benign: share of pairs that get one harmless
    operation. curriculum: share of the run after which deliveries are as harsh as they get; clean files come first, or
    fine traces are never found. start_harshness: share of harsh deliveries at the first step. workers: processes that
    prepare tiles. small, grow: of a folder of crops (`datasets.crops`), side in pixels of the pieces that are trained
    on until this share of the run; whole crops come after. leave_out: what is trained without, of a dataset as
    "generator:PATTERN" or "source:PATTERN" (the collection a photo came from), of crops as "generator:PATTERN" or
    "family:NAME": how `training.evaluation.leave_one_out` and `training.evaluation.folds` ask what a generator never
    seen would do. replay: share of each step's pairs that are of the crops of before, where
    there are some (`training.feeds.ReplayFeed`).
    """

    window: int = 560
    tile: int = Field(default=TILE, ge=64, le=TILE, multiple_of=16)
    tiles: int = 2
    on_edit: float = 0.7
    benign: float = 0.35
    curriculum: float = 0.4
    start_harshness: float = 0.15
    workers: int = 1
    small: int = Field(default=160, ge=64, multiple_of=32)
    grow: float = 0.7
    leave_out: tuple[str, ...] = ()
    replay: float = Field(default=0.6, ge=0, le=1)


class LossConfig(_Part):
    """Weights of the other losses against the kind loss, which has weight 1. twin: ranking an edited tile above its
    authentic twin. look: authentic pictures of galleries scoring like other authentic ones, of a folder of crops.
    teachers: saying what finished networks say (`training.teachers`), where a run has any. labels: of the kind loss and
    all others but look and teachers; 0 learns from teachers alone.

    least_share: share of a tile's pixels from which an edit decides the tile's kind; below it the kind is not asked.
    """

    map: float = 1.0
    defect: float = 0.5
    dice: float = 0.5
    twin: float = 0.5
    look: float = 0.0
    teachers: float = 1.0
    labels: float = 1.0
    label_smoothing: float = 0.02
    least_share: float = 0.004


class TrainConfig(_Part):
    """steps: optimiser steps. pairs: source photos a step (each gives an authentic and an edited picture).
    accumulate: micro-batches a step is split into. amp: autocast type. trunk_rate: the
    backbone's learning rate as a share of the others': ImageNet's weights are to be kept, the heads start from nothing.
    ema: decay of the averaged weights. frozen_norms: whether batch norms keep the statistics that they come with, as
    for a short run on another mix of pictures than before. compile: whether torch compiles the network, on GPUs only.
    threads: CPU threads of torch, 0 = all."""

    network: NetworkConfig = NetworkConfig()
    data: DataConfig = DataConfig()
    loss: LossConfig = LossConfig()
    steps: int = Field(default=4000, ge=1)
    pairs: int = Field(default=8, ge=1)
    accumulate: int = Field(default=1, ge=1)
    learning_rate: float = 1e-3
    trunk_rate: float = 1.0
    weight_decay: float = 0.02
    warmup: int = 100
    ema: float = 0.998
    clip: float = 2.0
    frozen_norms: bool = False
    amp: Literal["none", "bfloat16", "float16"] = "none"
    compile: bool = False
    seed: int = 0
    threads: int = 0
    validate_every: int = 500
    validate_rows: int = 120
    save_every: int = 200


def load(path: Path | None, changes: list[str] | None = None) -> TrainConfig:
    """The config of a YAML file (or the defaults), with `changes` such as "network.width=32" applied.

    Raises ConfigError that names the field at fault.
    """
    values: dict[str, object] = {}
    if path is not None:
        read = _parse(path.read_text(encoding="utf-8"), str(path)) or {}
        if not isinstance(read, dict):
            raise ConfigError(f"{path} must be a mapping of fields, not a {type(read).__name__}")
        values = read
    for change in changes or []:
        key, separator, value = change.partition("=")
        if not separator:
            raise ConfigError(f"--set takes name=value, got {change!r}")
        _place(values, key.split("."), _parse(value, f"--set {key}"))
    try:
        return TrainConfig.model_validate(values)
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, e['loc'])) or 'config'}: {e['msg']}" for e in error.errors())
        raise ConfigError(told) from error


def _parse(text: str, where: str) -> object:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{where} is not YAML: {error}") from error


def _place(values: dict[str, object], path: list[str], value: object) -> None:
    for name in path[:-1]:
        inner = values.setdefault(name, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"{'.'.join(path)} goes through {name}, which is not a group of settings")
        values = inner
    values[path[-1]] = value


def save(config: TrainConfig, path: Path) -> None:
    path.write_text(yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False), encoding="utf-8")


RETRAIN = Path(__file__).parent / "configs" / "retrain.yaml"
"""The settings of `refundlens retrain` where nobody names others."""
