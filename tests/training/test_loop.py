import hashlib
import json
from pathlib import Path

import pytest
import torch

from refundlens.training import loop
from refundlens.training.config import ConfigError, TrainConfig, load
from refundlens.training.loop import CHECKPOINT, CONFIG, FINAL, METRICS, START, Resumed, train

pytestmark = pytest.mark.slow


def _losses(run: Path) -> list[dict[str, float]]:
    lines = [json.loads(line) for line in (run / METRICS).read_text().splitlines()]
    return [line for line in lines if "loss" in line]


def test_a_killed_run_resumes_to_the_same_weights(
    dataset: Path, run: Path, config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = tmp_path / "killed"
    step, calls = loop._step, 0

    def dies(*given: object) -> dict[str, float]:
        nonlocal calls
        calls += 1
        if calls == 5:  # after the checkpoint of step 3
            raise KeyboardInterrupt
        return step(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "_step", dies)
    with pytest.raises(KeyboardInterrupt):
        train(dataset, killed, config)
    monkeypatch.setattr(loop, "_step", step)
    train(dataset, killed, config)
    whole = torch.load(run / FINAL, weights_only=True)["state"]
    resumed = torch.load(killed / FINAL, weights_only=True)["state"]
    for name, value in whole.items():
        torch.testing.assert_close(resumed[name], value, rtol=1e-4, atol=1e-5)


def test_a_run_folder_tells_how_it_was_made(run: Path, config: TrainConfig) -> None:
    assert load(run / "config.yaml") == config
    lines = [json.loads(line) for line in (run / METRICS).read_text().splitlines()]
    assert any("roc_auc" in line for line in lines)
    assert (run / "dataset.json").is_file()


def test_another_run_is_not_overwritten(dataset: Path, run: Path, config: TrainConfig) -> None:
    before = (run / CHECKPOINT).read_bytes()
    with pytest.raises(Resumed, match="other settings"):
        train(dataset, run, config.model_copy(update={"seed": 9}))
    assert (run / CHECKPOINT).read_bytes() == before


def test_training_lowers_the_loss(dataset: Path, config: TrainConfig, tmp_path: Path) -> None:
    longer = config.model_copy(update={"steps": 40, "learning_rate": 3e-3, "validate_every": 1000})
    train(dataset, tmp_path / "run", longer)
    losses = _losses(tmp_path / "run")
    assert losses[-1]["loss"]["total"] < losses[0]["loss"]["total"]  # type: ignore[index]


def test_a_line_that_a_kill_cut_short_does_not_stop_the_next_start(tmp_path: Path) -> None:
    lines = ['{"step": 20, "loss": {}}', '{"step": 40, "loss": {}}', '{"step": 60, "lo']
    (tmp_path / METRICS).write_text("\n".join(lines))
    loop._Log(tmp_path / METRICS, step=30)
    assert (tmp_path / METRICS).read_text() == lines[0] + "\n"


@pytest.mark.parametrize("amp", ["bfloat16", "float16"])
def test_mixed_precision_learns_in_finite_steps(
    dataset: Path, config: TrainConfig, tmp_path: Path, amp: str
) -> None:
    mixed = config.model_copy(update={"amp": amp, "steps": 2, "validate_every": 1000, "save_every": 2})
    train(dataset, tmp_path / amp, mixed)
    state = torch.load(tmp_path / amp / FINAL, weights_only=True)["state"]
    assert all(torch.isfinite(value).all() for value in state.values())
    saved = torch.load(tmp_path / amp / CHECKPOINT, weights_only=True)
    assert bool(saved["scaler"]) == (amp == "float16")


def test_a_loss_that_is_not_finite_stops_before_it_spoils_the_weights(
    dataset: Path, config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = loop.losses

    def nan(*given: object) -> dict[str, torch.Tensor]:
        return {name: value * float("nan") for name, value in broken(*given).items()}  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "losses", nan)
    with pytest.raises(FloatingPointError, match="learning_rate"):
        train(dataset, tmp_path / "run", config)
    assert not (tmp_path / "run" / FINAL).exists()


def test_init_starts_from_another_run_and_refuses_another_network(
    dataset: Path, run: Path, config: TrainConfig, tmp_path: Path
) -> None:
    short = config.model_copy(update={"steps": 1, "validate_every": 1000, "learning_rate": 0.0})
    train(dataset, tmp_path / "next", short, init=run)
    before = torch.load(run / FINAL, weights_only=True)["state"]
    after = torch.load(tmp_path / "next" / FINAL, weights_only=True)["state"]
    torch.testing.assert_close(after["map_head.weight"], before["map_head.weight"])
    begun = json.loads((tmp_path / "next" / START).read_text())
    assert begun == {"weights": FINAL, "sha256": hashlib.sha256((run / FINAL).read_bytes()).hexdigest()}
    wider = short.model_copy(update={"network": config.network.model_copy(update={"width": 16})})
    with pytest.raises(ValueError, match=r"network\.\*"):
        train(dataset, tmp_path / "wide", wider, init=run)
    (tmp_path / "notes.pt").write_text("no network")
    with pytest.raises(ValueError, match=r"notes\.pt holds no network: give the model\.pt"):
        train(dataset, tmp_path / "none", short, init=tmp_path / "notes.pt")


def test_a_run_that_names_no_network_goes_on_with_that_of_its_first_weights(
    dataset: Path, run: Path, config: TrainConfig, tmp_path: Path
) -> None:
    settings = config.model_dump(exclude={"network"}) | {"steps": 1, "validate_every": 1000}
    train(dataset, tmp_path / "next", TrainConfig.model_validate(settings), init=run)
    assert load(tmp_path / "next" / CONFIG).network == config.network
    train(dataset, tmp_path / "next", load(tmp_path / "next" / CONFIG), init=run)


def test_frozen_norms_keep_their_statistics_and_learn_all_the_same(
    dataset: Path, run: Path, config: TrainConfig, tmp_path: Path
) -> None:
    before = torch.load(run / FINAL, weights_only=True)["state"]
    statistics = [key for key in before if key.endswith(("running_mean", "running_var"))]
    assert statistics
    for frozen in (True, False):
        short = config.model_copy(update={"steps": 2, "validate_every": 1000, "frozen_norms": frozen})
        train(dataset, tmp_path / f"{frozen}", short, init=run)
        after = torch.load(tmp_path / f"{frozen}" / FINAL, weights_only=True)["state"]
        assert all(torch.equal(after[key], before[key]) for key in statistics) == frozen
        assert not torch.equal(after["map_head.weight"], before["map_head.weight"])


def test_init_takes_a_deeper_networks_weights_as_far_as_it_reaches(
    dataset: Path, run: Path, config: TrainConfig, tmp_path: Path
) -> None:
    shallow = config.network.model_copy(update={"reach": 16})
    short = config.model_copy(update={"steps": 1, "learning_rate": 0.0, "network": shallow})
    train(dataset, tmp_path / "shallow", short, init=run)
    before = torch.load(run / FINAL, weights_only=True)["state"]
    after = torch.load(tmp_path / "shallow" / FINAL, weights_only=True)["state"]
    assert len(after) < len(before)
    for name in ("map_head.weight", "noise.0.0.weight"):
        torch.testing.assert_close(after[name], before[name])
    seen = after["kind_head.weight"].shape[1]
    torch.testing.assert_close(after["kind_head.weight"], before["kind_head.weight"][:, -seen:])


def test_settings_are_checked(tmp_path: Path) -> None:
    assert load(None, ["network.width=32", "steps=7"]).network.width == 32
    with pytest.raises(ConfigError, match="name=value"):
        load(None, ["steps"])
    with pytest.raises(ConfigError, match=r"network\.widht"):
        load(None, ["network.widht=3"])
    (tmp_path / "bad.yaml").write_text("- 1\n")
    with pytest.raises(ConfigError, match="mapping"):
        load(tmp_path / "bad.yaml")
