"""A training run in MLflow, beside its plain files: for who compares many runs.

In: the lines of metrics.jsonl as they are written. Out: a run in a tracking store, an SQLite file in the folder of runs
unless another is named, that `mlflow ui --backend-store-uri sqlite:///FILE` shows. Needs the extra `mlflow`. A run that
is resumed goes on in the same one.
"""

import json
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from refundlens.datasets import manifest
from refundlens.training.config import TrainConfig

STORE, MINE = "mlflow.db", "mlflow.json"
EXPERIMENT = "refundlens"
LONGEST = 500
"""Characters of a parameter that MLflow takes."""


class MlflowRun:
    """The run of a folder. store: where it is tracked, as MLflow's URI. Raises ValueError where MLflow is missing."""

    def __init__(self, run: Path, store: str | None = None) -> None:
        try:
            from mlflow.tracking import MlflowClient
        except ImportError as error:
            raise ValueError("MLflow is not installed: pip install 'refundlens[mlflow]'") from error
        run.mkdir(parents=True, exist_ok=True)
        self._run = run
        self._client: Any = MlflowClient(store or f"sqlite:///{run.resolve().parent / STORE}")
        self._id = self._known() or self._new()

    def __enter__(self) -> Self:
        self._client.set_terminated(self._id, "RUNNING")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.set_terminated(self._id, "FAILED" if kind else "FINISHED")

    def begin(self, config: TrainConfig) -> None:
        """Every setting as a parameter; which dataset it was as a tag."""
        from mlflow.entities import Param

        known = self._client.get_run(self._id).data.params
        params = [
            Param(name, value) for name, value in _flat(config.model_dump(mode="json")) if name not in known
        ]
        self._client.log_batch(self._id, params=params)
        papers = self._run / manifest.INFO
        if papers.is_file():
            version = json.loads(papers.read_text(encoding="utf-8")).get("version", "")
            self._client.set_tag(self._id, "dataset", version)

    def write(self, line: dict[str, Any]) -> None:
        """A line of metrics.jsonl."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        found = [(name, float(value)) for name, value in _numbers(line) if name != "step"]
        metrics = [Metric(name, value, now, int(line["step"])) for name, value in found]
        self._client.log_batch(self._id, metrics=metrics)

    def _known(self) -> str | None:
        path = self._run / MINE
        return str(json.loads(path.read_text(encoding="utf-8"))["run_id"]) if path.is_file() else None

    def _new(self) -> str:
        experiment = self._client.get_experiment_by_name(EXPERIMENT)
        number = experiment.experiment_id if experiment else self._client.create_experiment(EXPERIMENT)
        made = self._client.create_run(
            number, run_name=self._run.name, tags={"folder": str(self._run.resolve())}
        )
        (self._run / MINE).write_text(json.dumps({"run_id": made.info.run_id}), encoding="utf-8")
        return str(made.info.run_id)


def _flat(values: dict[str, Any], before: str = "") -> list[tuple[str, str]]:
    """Groups of settings as dotted names."""
    found = []
    for name, value in values.items():
        if isinstance(value, dict):
            found += _flat(value, f"{before}{name}.")
        else:
            found.append((before + name, str(value)[:LONGEST]))
    return found


def _numbers(values: dict[str, Any], before: str = "") -> list[tuple[str, float]]:
    found: list[tuple[str, float]] = []
    for name, value in values.items():
        if isinstance(value, dict):
            found += _numbers(value, f"{before}{name}.")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.append((before + name, float(value)))
    return found
