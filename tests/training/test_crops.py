"""Batches of delivered crops, a run on them that resumes, and the eight-bit twin of what it trained."""

import json
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import webdataset

from refundlens.datasets.crops.store import WATCH, Pair, Record, open_shards, write_shard
from refundlens.datasets.crops.tars import pair_of, to_tars
from refundlens.datasets.row import PatternError
from refundlens.model import bundle
from refundlens.model.names import DEFECTS, KINDS
from refundlens.model.network.network import NetworkConfig
from refundlens.model.network.tiles import TILE
from refundlens.training import loop
from refundlens.training.config import DataConfig, LossConfig, TrainConfig
from refundlens.training.crops import CropBatches
from refundlens.training.data import IGNORE
from refundlens.training.export import write_bundle
from refundlens.training.feeds import StreamFeed, open_feed
from refundlens.training.loop import FINAL, METRICS, train
from refundlens.training.losses import losses
from refundlens.training.quantization import compare, quantize

SIDE = 64


def _pair(
    rng: np.random.Generator, tag: str, share: float, generator: bool = True, defect: str | None = None
) -> Pair:
    """An authentic crop of noise, and the same crop smoothed where the map says."""
    crops = rng.integers(60, 200, (2, SIDE, SIDE, 3)).astype(np.uint8)
    crops[1] = crops[0]
    maps = np.zeros((2, SIDE // 8, SIDE // 8), np.uint8)
    rows = round(share * SIDE // 8)
    if rows:
        crops[1][: rows * 8] = 128
        maps[0, :rows] = 255
    if defect:
        maps[1, :2, :2] = 255
    return Pair(crops, maps, Record(tag, "x", generator, True, defect))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("crops")
    rng = np.random.default_rng(0)
    for number, where in ((0, out), (1, out), (0, out / WATCH)):
        pairs = [
            _pair(rng, "whole:a", 1.0), _pair(rng, "paired:b", 0.5), _pair(rng, "classical:c", 0.4, generator=False),
            _pair(rng, "painted:hole", 0.3, generator=False, defect="hole"), _pair(rng, "paired:none", 0.0),
        ]  # fmt: skip
        write_shard(where, number, pairs * 4)
    return out


@pytest.fixture(scope="module")
def settings() -> TrainConfig:
    network = NetworkConfig(backbone="test_efficientnet", pretrained=False, width=8, noise=4)
    return TrainConfig(
        network=network, data=DataConfig(small=64, grow=0.5), steps=6, pairs=4, warmup=2, validate_every=3,
        save_every=3,
        threads=1, trunk_rate=0.5,
    )  # fmt: skip


def test_twins_are_neighbours_with_the_same_turn_and_flip(folder: Path) -> None:
    batch = CropBatches(folder, pairs=8, seed=1, steps=10, small=SIDE, grow=0.5).batch(0)
    assert batch["tiles"].shape == (16, SIDE, SIDE, 3) and batch["tiles"].dtype == torch.uint8
    cells = batch["maps"].shape[-1]
    for index in range(0, 16, 2):
        same = (batch["tiles"][index] == batch["tiles"][index + 1]).all(dim=2).float()
        untouched = torch.nn.functional.interpolate(
            1 - batch["maps"][index + 1, :1][None], scale_factor=SIDE / cells
        )
        assert (same[untouched[0, 0] == 1] == 1).all()
        assert int(batch["kind"][index]) == KINDS.index("authentic") and not batch["maps"][index].any()


def test_kinds_follow_the_share_and_who_drew_it(folder: Path) -> None:
    source = CropBatches(folder, pairs=40, seed=2, steps=10, small=SIDE, grow=0.5)
    seen = {}
    for step in range(3):
        batch = source.batch(step)
        for kind, maps, weight in zip(
            batch["kind"][1::2].tolist(), batch["maps"][1::2], batch["map_weight"][1::2], strict=True
        ):
            share = float(maps[0].mean())
            seen[round(share, 2), kind] = bool(weight[1:].any())
            if maps[1:].any():
                assert maps[1 + DEFECTS.index("hole")].any() and weight[1:].all()
    assert (1.0, KINDS.index("ai_generated")) in seen and (0.0, IGNORE) in seen
    assert {kind for (_, kind) in seen} == {IGNORE, *range(1, len(KINDS))}
    assert not seen[1.0, KINDS.index("ai_generated")]  # real pictures may show damage that nobody marked


def test_a_batch_depends_on_seed_and_step_alone(folder: Path) -> None:
    first, again = (CropBatches(folder, 4, 5, 10, SIDE, 0.5) for _ in range(2))
    first.batch(0)
    for key, value in first.batch(3).items():
        assert torch.equal(value, again.batch(3)[key])


def test_unaligned_twins_are_not_ranked() -> None:
    logits = torch.tensor([[0.0, 3.0, 0.0, 0.0], [3.0, 0.0, 0.0, 0.0]])
    batch = {
        "kind": torch.tensor([0, 1]), "maps": torch.zeros(2, 5, 4, 4), "map_weight": torch.ones(2, 5),
        "aligned": torch.tensor([False]),
    }  # fmt: skip
    maps = torch.zeros(2, 5, 4, 4)
    assert float(losses(logits, maps, batch, LossConfig())["twin"]) == 0
    assert float(losses(logits, maps, batch | {"aligned": torch.tensor([True])}, LossConfig())["twin"]) > 2


@pytest.mark.slow
def test_a_generator_left_out_is_never_drawn(folder: Path) -> None:
    whole = CropBatches(folder, 20, 1, 10, SIDE, 0.5).batch(0)
    rest = CropBatches(folder, 20, 1, 10, SIDE, 0.5, ("generator:a",)).batch(0)
    generated = KINDS.index("ai_generated")
    assert (whole["kind"] == generated).any()
    assert not (rest["kind"] == generated).any()


@pytest.mark.parametrize("pattern", ["generator:none-such", "family:flux", "source:x"])
def test_leaving_out_nothing_is_refused(folder: Path, pattern: str) -> None:
    with pytest.raises(PatternError):
        CropBatches(folder, 4, 1, 10, SIDE, 0.5, (pattern,))


def test_leaving_out_is_refused_where_it_would_be_ignored(
    folder: Path, settings: TrainConfig, tmp_path: Path
) -> None:
    without = settings.model_copy(update={"data": DataConfig(small=64, leave_out=("generator:a",))})
    with pytest.raises(ValueError, match="leave_out"):
        open_feed(folder, without, replay=folder)
    to_tars(folder, tmp_path)
    with pytest.raises(ValueError, match="leave_out"):
        open_feed(tmp_path, without)


@pytest.mark.slow
def test_a_run_on_crops_is_watched_and_resumes_to_the_same_weights(
    folder: Path, settings: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from refundlens.training import loop

    whole = train(folder, tmp_path / "whole", settings)
    lines = [json.loads(line) for line in (tmp_path / "whole" / METRICS).read_text().splitlines()]
    watched = [line for line in lines if "whole_auc" in line]
    assert [line["step"] for line in watched] == [3, 6] and all("pixel_auc" in line for line in watched)
    step, calls = loop._step, 0

    def dies(*given: object) -> dict[str, float]:
        nonlocal calls
        calls += 1
        if calls == 5:
            raise KeyboardInterrupt
        return step(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "_step", dies)
    with pytest.raises(KeyboardInterrupt):
        train(folder, tmp_path / "killed", settings)
    monkeypatch.setattr(loop, "_step", step)
    resumed = train(folder, tmp_path / "killed", settings)
    one, other = (torch.load(path, weights_only=True)["state"] for path in (whole, resumed))
    for name, value in one.items():
        torch.testing.assert_close(other[name], value, rtol=1e-4, atol=1e-5)


def test_the_backbone_learns_at_its_own_rate(settings: TrainConfig) -> None:
    from refundlens.model.network.network import Network
    from refundlens.training.loop import _groups

    network = Network(settings.network)
    groups = _groups(network, settings)
    assert sum(len(group["params"]) for group in groups) == len(list(network.parameters()))
    trunk = {id(parameter) for parameter in network.backbone.parameters()}
    for group in groups:
        assert {id(one) in trunk for one in group["params"]} == {group["scale"] == settings.trunk_rate}


def test_a_folder_without_crops_is_read_as_a_dataset(tmp_path: Path, settings: TrainConfig) -> None:
    with pytest.raises(ValueError, match="dataset"):
        open_feed(tmp_path, settings)


@pytest.mark.slow
def test_eight_bits_keep_the_order_of_tiles(folder: Path, settings: TrainConfig, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(folder, run, settings)
    assert (run / FINAL).is_file()
    write_bundle(run, tmp_path / "float.onnx", "x", "1", {bundle.CARD: "card"})
    rng = np.random.default_rng(0)
    tiles = rng.integers(0, 256, (12, TILE, TILE, 3)).astype(np.uint8)
    tiles[::2] //= 4
    quantize(tmp_path / "float.onnx", tmp_path / "int8.onnx", tiles)
    loss = compare(tmp_path / "float.onnx", tmp_path / "int8.onnx", tiles, np.tile([0, 1], 6))
    assert loss.correlation > 0.9
    assert (tmp_path / "int8.onnx").stat().st_size < (tmp_path / "float.onnx").stat().st_size
    assert bundle.load(tmp_path / "int8.onnx").card == ""  # thresholds and card hold for the float graph


def test_tars_hold_the_same_pairs_and_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    assert to_tars(folder, tmp_path / "a") == to_tars(folder, tmp_path / "b") == 40
    tars = sorted((tmp_path / "a").glob("*.tar"))
    assert [path.read_bytes() for path in tars] == [
        path.read_bytes() for path in sorted((tmp_path / "b").glob("*.tar"))
    ]
    pairs = [pair_of(one) for one in webdataset.WebDataset([str(path) for path in tars], shardshuffle=False)]
    for shard, part in zip(open_shards(folder), (pairs[:20], pairs[20:]), strict=True):
        assert tuple(one.record for one in part) == shard.records
        np.testing.assert_array_equal(np.stack([one.crops for one in part]), shard.crops)
        np.testing.assert_array_equal(np.stack([one.maps for one in part]), shard.maps)


@pytest.mark.slow
@pytest.mark.parametrize("workers", [0, 1])
def test_training_streams_from_tars(
    folder: Path, settings: TrainConfig, tmp_path: Path, workers: int
) -> None:
    to_tars(folder, tmp_path / "tars")
    streamed = settings.model_copy(update={"data": settings.data.model_copy(update={"workers": workers})})
    assert isinstance(open_feed(tmp_path / "tars", streamed), StreamFeed)
    run = tmp_path / "run"
    train(tmp_path / "tars", run, streamed)
    lines = [json.loads(line) for line in (run / METRICS).read_text().splitlines()]
    assert (run / FINAL).is_file() and any("whole_auc" in line for line in lines)


@pytest.mark.slow
def test_the_log_says_how_long_the_network_waited(
    folder: Path, settings: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = CropBatches.batch

    def slow(self: CropBatches, step: int) -> dict[str, torch.Tensor]:
        time.sleep(0.2)
        return batch(self, step)

    monkeypatch.setattr(loop, "LOG_EVERY", 3)
    told = []
    for name, source in (("quick", batch), ("slow", slow)):
        monkeypatch.setattr(CropBatches, "batch", source)
        train(folder, tmp_path / name, settings)
        lines = [json.loads(line) for line in (tmp_path / name / METRICS).read_text().splitlines()]
        told.append([line for line in lines if "waited" in line][-1])
    quick, starved = told
    assert 0 <= quick["waited"] < starved["waited"] <= 1
    assert starved["waited"] * starved["seconds_per_step"] >= 0.19


def test_papers_that_are_written_while_a_run_learns_lie_in_its_folder_all_the_same(
    folder: Path, tmp_path: Path
) -> None:
    crops = tmp_path / "crops"
    crops.mkdir()
    for path in folder.glob("0000*"):
        (crops / path.name).symlink_to(path)

    class Late:
        def begin(self, config: TrainConfig) -> None:
            assert not (tmp_path / "run" / loop.DATASET).exists()
            (crops / loop.DATASET).write_text('{"version": "late"}')

        def write(self, line: dict[str, object]) -> None: ...

    network = NetworkConfig(backbone="test_efficientnet", pretrained=False, width=8)
    settings = TrainConfig(network=network, data=DataConfig(small=SIDE), steps=1, pairs=2, save_every=1)
    train(crops, tmp_path / "run", settings, tracker=Late())
    assert json.loads((tmp_path / "run" / loop.DATASET).read_text()) == {"version": "late"}
