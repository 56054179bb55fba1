"""The training loop: one function a person can read, everything it needs saved so that a killed run goes on.

In: a dataset folder or a folder of crops and a `TrainConfig`. Out: a run folder with config.yaml,
metrics.jsonl, checkpoint.pt, model.pt.
"""

import hashlib
import json
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import torch
from timm.utils.model_ema import ModelEmaV3
from torch import Tensor, nn

from refundlens.datasets import manifest
from refundlens.datasets.allocator import keep_freed_memory
from refundlens.model.network.network import Network
from refundlens.model.progress import track
from refundlens.training.config import TrainConfig, save
from refundlens.training.crops import twins_of
from refundlens.training.distributed import Team, team_of
from refundlens.training.feeds import open_feed
from refundlens.training.losses import losses
from refundlens.training.teachers import Committee, Weights, open_committee, open_weights, taught

CHECKPOINT, FINAL, METRICS, CONFIG = "checkpoint.pt", "model.pt", "metrics.jsonl", "config.yaml"
START = "start.json"
"""The file and SHA-256 of the weights that a run started from."""
DATASET, SOURCES = manifest.INFO, manifest.SOURCES
"""What the dataset was and whose photos it holds: copied into the run, because a card must tell."""
LOG_EVERY = 20
"""Steps between lines of metrics.jsonl: short enough to see a curve, long enough to average the noise."""


Batch = dict[str, Tensor]


class Resumed(ValueError):
    """The run folder holds another run; the message says what to do."""


@dataclass
class _Learner:
    """What changes from step to step: all that a checkpoint must hold to go on alike."""

    network: Network
    average: ModelEmaV3
    optimiser: torch.optim.Optimizer
    scaler: torch.amp.GradScaler
    called: nn.Module
    """The network as it is called: itself, compiled, or joined with those of other processes."""

    def state(self) -> dict[str, Any]:
        return {
            "network": self.network.state_dict(),
            "average": self.average.module.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "scaler": self.scaler.state_dict(),
            "random": torch.get_rng_state(),
            "random_cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        }

    def restore(self, saved: dict[str, Any]) -> None:
        self.network.load_state_dict(saved["network"])
        self.average.module.load_state_dict(saved["average"])
        self.optimiser.load_state_dict(saved["optimiser"])
        if saved.get("scaler"):
            self.scaler.load_state_dict(saved["scaler"])
        torch.set_rng_state(saved["random"])
        if saved.get("random_cuda") and torch.cuda.is_available():
            torch.cuda.set_rng_state_all(saved["random_cuda"])


class Tracker(Protocol):
    """Who else is told of a run; metrics.jsonl is written all the same."""

    def begin(self, config: TrainConfig) -> None:
        """Before the first step; the run's papers lie in its folder."""

    def write(self, line: dict[str, Any]) -> None:
        """A line of metrics.jsonl."""


def train(
    dataset: Path,
    run: Path,
    config: TrainConfig,
    init: Path | None = None,
    replay: Path | None = None,
    tracker: Tracker | None = None,
    teachers: Sequence[Path] = (),
) -> Path:
    """Fine-tune on the train split and return the path of the averaged weights.

    init: a finished run (or its model.pt) to start from instead of ImageNet; its network is taken where the config
    names none. replay: crops of before, a share of every step. tracker: is told what metrics.jsonl is. teachers:
    model.pt of finished runs, which are asked about every batch; a run that is resumed needs them again.

    Resumes from `run`/checkpoint.pt when it is there; raises `Resumed` if it was made with other settings or another
    number of teachers, ValueError for a file that holds no network and where there is nothing to learn from: no weight
    of the labels and no teachers.
    """
    if config.loss.labels == 0 and not teachers:
        raise ValueError("loss.labels=0 learns from teachers alone: name some with --teacher")
    with team_of() as team:
        return _train(dataset, run, config, init, replay, tracker, teachers, team)


def _train(
    dataset: Path,
    run: Path,
    config: TrainConfig,
    init: Path | None,
    replay: Path | None,
    tracker: Tracker | None,
    teachers: Sequence[Path],
    team: Team,
) -> Path:
    run.mkdir(parents=True, exist_ok=True)
    saved = None
    if init is not None:
        path = init / FINAL if init.is_dir() else init
        saved = open_weights(path)
        if "network" not in config.model_fields_set:
            config = config.model_copy(update={"network": saved.config})
        if team.leads:
            start = {"weights": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
            (run / START).write_text(json.dumps(start), encoding="utf-8")
    keep_freed_memory()
    if config.threads:
        torch.set_num_threads(config.threads)
    torch.manual_seed(config.seed)
    device = team.device
    feed = open_feed(dataset, config, replay)
    begun = config.network if saved is None else config.network.model_copy(update={"pretrained": False})
    network = Network(begun).to(device)
    if device.type == "cuda":  # on a CPU this backbone is a quarter faster with channels first
        network = network.to(memory_format=torch.channels_last)
    if saved is not None:
        _start_from(saved, network)
    committee = open_committee(teachers)
    if committee is not None:
        committee = committee.to(device)
    called = team.joined(network)
    if config.compile and device.type == "cuda":
        called = torch.compile(called)  # type: ignore[assignment]
    learner = _Learner(
        network,
        ModelEmaV3(network, decay=config.ema, use_warmup=True),
        torch.optim.AdamW(_groups(network, config), lr=config.learning_rate),
        # float16 alone needs its gradients scaled, or the small ones vanish; disabled, it passes everything on
        torch.amp.GradScaler(device.type, enabled=config.amp == "float16"),
        called,
    )
    step = _resume(run, config, len(teachers), learner)
    if team.leads:
        save(config, run / CONFIG)
        feed.keep_papers(run)
        if tracker:
            tracker.begin(config)
    log = _Log(run / METRICS, step, tracker) if team.leads else None
    batches = Waited(feed.batches(step))
    for batch in track(batches, config.steps, "train", done=step):
        rate = _rate(config, step)
        for group in learner.optimiser.param_groups:
            group["lr"] = rate * group["scale"]
        told = team.mean(_step(learner, team.part(batch), config, device, committee))
        learner.average.update(network, step)
        step += 1
        if log is None:
            continue
        log.add(step, told, rate, batches.take())
        if step % config.validate_every == 0 or step == config.steps:
            told = feed.check(learner.average.module, device)
            if told:
                log.write({"step": step, **told})
        if step % config.save_every == 0 or step == config.steps:
            _write(
                {
                    "config": config.model_dump(mode="json"), "teachers": len(teachers), "step": step,
                    **learner.state(),
                },
                run / CHECKPOINT,
            )  # fmt: skip
    if team.leads:
        feed.keep_papers(run)  # crops that were still being made had none at first
        _write(
            {"config": config.network.model_dump(), "state": learner.average.module.state_dict()}, run / FINAL
        )
    return run / FINAL


def _start_from(saved: Weights, network: Network) -> None:
    try:
        network.load_state_dict(_as_far_as(network.config.reach, saved))
    except (RuntimeError, KeyError) as error:
        raise ValueError(
            "--init holds another network than the config's; set network.* alike, or nothing of it"
        ) from error


def _as_far_as(reach: int, saved: Weights) -> dict[str, Tensor]:
    """The weights of a network for one whose backbone is cut off earlier: what lies deeper is left out."""
    if reach >= saved.config.reach:
        return saved.state
    state = dict(saved.state)
    wanted = Network(saved.config.model_copy(update={"reach": reach, "pretrained": False})).state_dict()
    state["kind_head.weight"] = state["kind_head.weight"][:, -wanted["kind_head.weight"].shape[1] :]
    return {key: state[key] for key in wanted}


def _step(
    learner: _Learner,
    batch: dict[str, Tensor],
    config: TrainConfig,
    device: torch.device,
    committee: Committee | None,
) -> dict[str, float]:
    learner.called.train()
    if config.frozen_norms:
        for module in learner.network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
    learner.optimiser.zero_grad(set_to_none=True)
    told: dict[str, float] = {}
    kind = {"none": None, "bfloat16": torch.bfloat16, "float16": torch.float16}[config.amp]
    for part in _split(batch, config.accumulate):
        part = {key: value.to(device, non_blocking=True) for key, value in part.items()}
        if committee is not None:
            part |= taught(committee, part["tiles"])
        with torch.autocast(device.type, dtype=kind, enabled=kind is not None):
            kinds, maps = learner.called(part["tiles"])
        named = losses(kinds, maps, part, config.loss)
        learner.scaler.scale(named["total"] / config.accumulate).backward()  # type: ignore[no-untyped-call]
        for key, value in named.items():
            told[key] = told.get(key, 0.0) + float(value.detach()) / config.accumulate
    if not math.isfinite(told["total"]):
        raise FloatingPointError("the loss is not finite; lower learning_rate or set amp: none")
    learner.scaler.unscale_(learner.optimiser)
    torch.nn.utils.clip_grad_norm_(learner.network.parameters(), config.clip)
    learner.scaler.step(learner.optimiser)
    learner.scaler.update()
    return told


def _split(batch: dict[str, Tensor], parts: int) -> Iterator[dict[str, Tensor]]:
    pairs = len(batch["kind"]) // 2
    edges = [pairs * index // parts for index in range(parts + 1)]
    for first, last in pairwise(edges):
        yield twins_of(batch, first, last)


def _groups(network: Network, config: TrainConfig) -> list[dict[str, Any]]:
    """Weight decay for matrices and filters only, as timm's own optimisers do; the backbone at its own rate.

    "scale" is each group's share of the learning rate.
    """
    trunk = {id(parameter) for parameter in network.backbone.parameters()}
    groups = []
    for inside, scale in ((True, config.trunk_rate), (False, 1.0)):
        for matrices in (True, False):
            chosen = [
                parameter
                for parameter in network.parameters()
                if parameter.requires_grad
                and (id(parameter) in trunk) == inside
                and (parameter.ndim > 1) == matrices
            ]
            groups.append(
                {"params": chosen, "weight_decay": config.weight_decay if matrices else 0.0, "scale": scale}
            )
    return groups


def _rate(config: TrainConfig, step: int) -> float:
    """Linear warm-up, then a cosine to 1 % of the peak."""
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    done = (step - config.warmup) / max(1, config.steps - config.warmup)
    return config.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


def _resume(run: Path, config: TrainConfig, teachers: int, learner: _Learner) -> int:
    """Take up the run's checkpoint, if there is one; return the steps it has behind it."""
    path = run / CHECKPOINT
    if not path.exists():
        return 0
    saved = torch.load(path, map_location="cpu", weights_only=True)
    if TrainConfig.model_validate(saved["config"]) != config:  # settings that came later have their default
        raise Resumed(f"{run} holds a run with other settings; name a new folder, or use its own config.yaml")
    if (before := saved.get("teachers", teachers)) != teachers:  # checkpoints of before do not say
        raise Resumed(f"{run} was begun with {before} teachers, not {teachers}; give --teacher as before")
    learner.restore(saved)
    return int(saved["step"])


def _write(state: dict[str, Any], path: Path) -> None:
    """Written beside and moved into place: a kill in the middle leaves the older file whole."""
    beside = path.with_name(path.name + ".new")
    torch.save(state, beside)
    beside.replace(path)


def _step_of(line: str) -> float:
    """The step a line of metrics.jsonl speaks of; never reached for a line that a kill cut short."""
    try:
        return int(json.loads(line)["step"])
    except ValueError:
        return math.inf


class Waited(Iterator[Batch]):
    """The same batches; knows how long the network waited for them."""

    def __init__(self, batches: Iterator[Batch]) -> None:
        self._batches, self._seconds = batches, 0.0

    def __next__(self) -> Batch:
        began = time.monotonic()
        try:
            return next(self._batches)
        finally:
            self._seconds += time.monotonic() - began

    def take(self) -> float:
        """Seconds since it was last asked."""
        seconds, self._seconds = self._seconds, 0.0
        return seconds


class _Log:
    """metrics.jsonl: mean losses of every LOG_EVERY steps with the seconds that a step took and the share of them that
    the network waited for data, and validation results."""

    def __init__(self, path: Path, step: int, tracker: Tracker | None = None) -> None:
        self.tracker = tracker
        self.path, self.began, self.count = path, time.monotonic(), 0
        self.sums: dict[str, float] = {}
        self.waited = 0.0
        if path.exists():
            # lines after the checkpoint belong to steps that will be run again
            lines = [line for line in path.read_text().splitlines() if _step_of(line) <= step]
            path.write_text("".join(line + "\n" for line in lines))

    def add(self, step: int, told: dict[str, float], rate: float, waited: float) -> None:
        for key, value in told.items():
            self.sums[key] = self.sums.get(key, 0.0) + value
        self.count += 1
        self.waited += waited
        if step % LOG_EVERY == 0:
            means = {key: round(value / self.count, 5) for key, value in self.sums.items()}
            span = time.monotonic() - self.began
            self.write(
                {
                    "step": step,
                    "loss": means,
                    "learning_rate": rate,
                    "seconds_per_step": round(span / self.count, 3),
                    "waited": round(self.waited / span, 4),
                }
            )
            self.sums, self.count, self.waited, self.began = {}, 0, 0.0, time.monotonic()

    def write(self, line: dict[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
        if self.tracker:
            self.tracker.write(line)
