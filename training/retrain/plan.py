"""What one retraining is made of, and its folder: which step is done, with which inputs."""

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

STATE = "steps.json"
DELIVERIES = 7
"""Of each picture that calibration counts: as many as the bundled model's, so that their bounds can be compared."""


class RetrainError(ValueError):
    """A retraining that cannot go on; the message says what to do."""


@dataclass(frozen=True)
class RetrainPlan:
    """snapshot: what is new. work: folder of this retraining. weights: the champion's, to go on from; bundle: the
    champion itself. collection: the pictures that calibration counts on. replay: crops the champion was trained on.
    masters: decoded pictures, kept between retrainings. suite: frozen pictures; none freezes the collection's held-out
    split anew. config: YAML of TrainConfig. accepted: problems of the snapshot that somebody has looked into, by code.
    shards: of 250 new pairs. photos, deliveries: for calibration, at most. with_test: calibrate on the test split, too.
    rounds: of the gate's bootstrap."""

    snapshot: Path
    work: Path
    weights: Path
    bundle: Path
    collection: Path
    replay: Path
    name: str
    version: str
    masters: Path | None = None
    suite: Path | None = None
    config: Path | None = None
    changes: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()
    shards: int = 4
    photos: int | None = None
    deliveries: int | None = DELIVERIES
    with_test: bool = False
    limit: float = 0.01
    confidence: float = 0.95
    trusted: int = 120
    suite_photos: int = 300
    rounds: int = 1000
    workers: int = 1

    @property
    def joined(self) -> Path:
        return self.work / "joined"

    @property
    def crops(self) -> Path:
        return self.work / "crops"

    @property
    def run(self) -> Path:
        return self.work / "run"

    @property
    def before(self) -> Path:
        """Where the champion's figures on real editors are; the candidate's are in `after`."""
        return self.work / "champion"

    @property
    def after(self) -> Path:
        return self.run / "report"

    @property
    def frozen(self) -> Path:
        return self.suite or self.work / "suite.json"

    @property
    def raw(self) -> Path:
        """The candidate before the gate's word stands in it."""
        return self.work / "ungated.onnx"

    @property
    def gate(self) -> Path:
        return self.work / "gate"

    @property
    def out(self) -> Path:
        return self.work / f"{self.name}-{self.version}.onnx"


@dataclass
class StepLog:
    """Which steps are done, kept in the folder's steps.json. A step whose inputs changed is done again, and all after
    it."""

    path: Path
    done: dict[str, dict[str, Any]] = field(default_factory=dict)
    inputs: str = ""

    @classmethod
    def open(cls, work: Path) -> "StepLog":
        path = work / STATE
        return cls(path, json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {})

    @contextmanager
    def step(self, name: str, *inputs: object, tell: Callable[[str], None]) -> Iterator[bool]:
        """Whether the step has to be done; it is noted when the block ends well."""
        self.inputs = hashlib.sha256(f"{self.inputs} {name} {inputs}".encode()).hexdigest()
        known = self.done.get(name)
        if known is not None and known["inputs"] == self.inputs:
            tell(f"{name}: done before, in {known['seconds']:.0f} s")
            yield False
            return
        tell(f"{name} …")
        began = time.monotonic()
        yield True
        seconds = round(time.monotonic() - began, 1)
        self.done[name] = {"inputs": self.inputs, "seconds": seconds}
        beside = self.path.with_name(self.path.name + ".new")
        beside.write_text(json.dumps(self.done, indent=1), encoding="utf-8")
        beside.replace(self.path)
        tell(f"{name}: {seconds:.0f} s")
