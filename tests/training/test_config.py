from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from refundlens.model.names import KINDS
from refundlens.model.network.network import Network
from refundlens.model.network.tiles import CELLS, TILE
from refundlens.training.config import ConfigError, DataConfig, TrainConfig, load, save
from refundlens.training.data import MAPS


def test_a_saved_config_reads_as_it_was(tmp_path: Path) -> None:
    config = load(None, ["network.width=32", "data.tile=176", "learning_rate=1e-3", "amp=bfloat16"])
    save(config, tmp_path / "config.yaml")
    assert load(tmp_path / "config.yaml") == config
    assert (config.learning_rate, config.data.tile, config.amp) == (1e-3, 176, "bfloat16")


def test_changes_go_over_the_file_and_leave_the_rest(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("steps: 9\ndata:\n  tiles: 3\n")
    config = load(tmp_path / "c.yaml", ["data.workers=0", "steps=7"])
    assert (config.steps, config.data.tiles, config.data.workers) == (7, 3, 0)
    assert load(tmp_path / "c.yaml").steps == 9


def test_an_empty_file_means_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text("\n")
    assert load(tmp_path / "c.yaml") == TrainConfig()


@pytest.mark.parametrize(
    ("text", "changes", "said"),
    [
        ("steps: 0", [], "steps"),
        ("steps: [1", [], "c.yaml is not YAML"),
        ("", ["steps=[1"], "--set steps is not YAML"),
        ("", ["amp=float8"], "amp"),
        ("steps: 3", ["steps.more=3"], "goes through steps"),
        ("data: {tile: 100}", [], r"data\.tile"),
        ("netwrok: {}", [], "netwrok"),
    ],
)
def test_mistakes_name_the_field(tmp_path: Path, text: str, changes: list[str], said: str) -> None:
    (tmp_path / "c.yaml").write_text(text)
    with pytest.raises(ConfigError, match=said):
        load(tmp_path / "c.yaml", changes)


def test_tiles_of_training_never_exceed_servings() -> None:
    assert DataConfig(tile=TILE).tile == TILE
    with pytest.raises(ValidationError):
        DataConfig(tile=TILE + 16)


CONFIGS = sorted((Path(__file__).parents[2] / "training" / "configs").glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_shipped_config_is_valid(path: Path) -> None:
    config = load(path)
    assert config.steps > config.warmup and config.pairs % config.accumulate == 0


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cpu-small", "gpu-small", "gpu-large"])
def test_the_settings_of_each_size_build_a_network_that_serves(name: str) -> None:
    """Shapes as the bundle has them, whatever the trunk; the backbone is one setting."""
    config = load(
        Path(__file__).parents[2] / "training" / "configs" / f"{name}.yaml", ["network.pretrained=false"]
    )
    network = Network(config.network).eval()
    with torch.no_grad():
        kinds, maps = network(torch.zeros((1, TILE, TILE, 3), dtype=torch.uint8))
    assert kinds.shape == (1, len(KINDS)) and maps.shape == (1, MAPS, CELLS, CELLS)
    assert (config.amp, config.compile) == (("none", False) if name == "cpu-small" else ("bfloat16", True))
