"""A run in MLflow beside its plain files, with the real MLflow on SQLite."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from refundlens.training.cli import app
from refundlens.training.config import TrainConfig, save
from refundlens.training.loop import METRICS
from refundlens.training.retrain.plan import RetrainError, RetrainPlan
from refundlens.training.tracking import MlflowRun

pytestmark = pytest.mark.slow


def test_a_run_is_tracked_and_a_resumed_one_goes_on_in_it(
    dataset: Path, config: TrainConfig, tmp_path: Path
) -> None:
    tracking = pytest.importorskip("mlflow.tracking", reason="pip install 'refundlens[mlflow]'")
    run, settings = tmp_path / "runs" / "one", tmp_path / "config.yaml"
    save(config, settings)
    for _ in range(2):  # the second finds everything done
        told = CliRunner().invoke(
            app, ["train", str(dataset), str(run), "--config", str(settings), "--mlflow"]
        )
        assert told.exit_code == 0, told.output
    client = tracking.MlflowClient(f"sqlite:///{tmp_path / 'runs' / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("refundlens")
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.info.status == "FINISHED" and found.info.run_name == "one"
    assert found.data.params["network.backbone"] == "test_efficientnet" and found.data.params["steps"] == "6"
    assert found.data.tags["dataset"] == json.loads((run / "dataset.json").read_text())["version"]
    lines = [json.loads(line) for line in (run / METRICS).read_text().splitlines()]
    watched = next(line for line in lines if "roc_auc" in line)
    history = client.get_metric_history(found.info.run_id, "roc_auc")
    assert [(one.step, one.value) for one in history] == [(watched["step"], watched["roc_auc"])]


def test_without_the_flag_nothing_is_tracked(run: Path) -> None:
    assert not (run.parent / "mlflow.db").exists() and not (run / "mlflow.json").exists()


def test_a_retraining_is_tracked_too(
    dataset: Path, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tracking = pytest.importorskip("mlflow.tracking", reason="pip install 'refundlens[mlflow]'")
    seen: list[MlflowRun | None] = []

    def retrained(plan: RetrainPlan, tell: object, tracker: MlflowRun | None) -> None:
        seen.append(tracker)
        raise RetrainError("far enough")

    monkeypatch.setattr("refundlens.training.retrain.retrain.retrain", retrained)
    given = [
        "retrain", str(dataset), str(tmp_path / "work"), "--collection", str(dataset), "--replay", str(dataset),
        "--weights", str(run), "--version", "2", "--champion", str(run / "model.pt"),
    ]  # fmt: skip
    for more in ([], ["--mlflow"]):
        assert CliRunner().invoke(app, given + more).exit_code == 1
    assert seen[0] is None and isinstance(seen[1], MlflowRun)
    with seen[1] as tracker:
        tracker.write({"step": 1, "loss": 0.5})
    client = tracking.MlflowClient(f"sqlite:///{tmp_path / 'work' / 'mlflow.db'}")
    (found,) = client.search_runs([client.get_experiment_by_name("refundlens").experiment_id])
    assert found.data.metrics == {"loss": 0.5} and found.info.status == "FINISHED"
