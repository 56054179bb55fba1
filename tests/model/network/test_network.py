import numpy as np
import pytest
import timm
import torch

from refundlens.model.names import DEFECTS, KINDS
from refundlens.model.network import network as module
from refundlens.model.network.network import MAP_CHANNELS, PACKAGED, RARE, Network, NetworkConfig
from refundlens.model.network.residual import CHANNELS, HighPass


def small(backbone: str = "test_efficientnet", **more: object) -> Network:
    torch.manual_seed(0)
    config = NetworkConfig.model_validate({"backbone": backbone, "pretrained": False, "width": 8, **more})
    return Network(config).eval()


def tiles(count: int, side: int = 64, seed: int = 0) -> torch.Tensor:
    drawn = np.random.default_rng(seed).integers(0, 256, (count, side, side, 3)).astype(np.uint8)
    return torch.from_numpy(drawn)


@pytest.mark.parametrize(
    "backbone", ["test_efficientnet", "test_resnet", "test_convnext", "test_nfnet", "mobilenetv4_conv_small"]
)
def test_timm_backbones_of_different_families_give_both_answers(backbone: str) -> None:
    with torch.no_grad():
        kinds, maps = small(backbone)(tiles(2))
    assert kinds.shape == (2, len(KINDS)) and maps.shape == (2, 1 + len(DEFECTS), 8, 8)
    assert torch.isfinite(kinds).all() and torch.isfinite(maps).all()


@pytest.mark.parametrize("backbone", ["test_efficientnet", "test_resnet", "test_convnext"])
def test_a_backbone_that_is_cut_off_early_keeps_no_weights_behind_and_gives_both_answers(
    backbone: str,
) -> None:
    whole, cut = small(backbone), small(backbone, reach=16)
    assert sum(p.numel() for p in cut.parameters()) < sum(p.numel() for p in whole.parameters())
    with torch.no_grad():
        kinds, maps = cut(tiles(2))
    assert kinds.shape == (2, len(KINDS)) and maps.shape == (2, 1 + len(DEFECTS), 8, 8)


@pytest.mark.parametrize(
    ("backbone", "said"),
    [
        ("no_such_model", "timm model"),
        ("test_vit", "no features at strides 8, 16 and 32"),
        ("test_mambaout", "channels last"),
    ],
)
def test_a_backbone_that_cannot_serve_says_so(backbone: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        small(backbone)


def test_a_tile_does_not_depend_on_its_batch() -> None:
    network, batch = small(), tiles(5)
    with torch.no_grad():
        together = network(batch)
        for index in range(len(batch)):
            alone = network(batch[index : index + 1])
            for one, many in zip(alone, together, strict=True):
                torch.testing.assert_close(one[0], many[index], rtol=0, atol=1e-4)


def test_the_map_starts_quiet_and_everything_learns() -> None:
    network = small().train()
    kinds, maps = network(tiles(2))
    assert float(torch.sigmoid(maps.detach()).mean()) < 0.35 and maps.shape[1] == MAP_CHANNELS and RARE < 0
    (kinds.square().mean() + maps.square().mean()).backward()
    still = [name for name, value in network.named_parameters() if value.requires_grad and value.grad is None]
    assert still == []


def test_the_residual_sees_single_grey_levels_and_no_flat_colour() -> None:
    """Two tiles whose mean colours agree and whose finest detail differs must not look alike to the noise branch."""
    flat = torch.full((1, 64, 64, 3), 128, dtype=torch.uint8)
    fine = flat.clone()
    fine[:, ::2, ::2] += 2
    residual = HighPass()
    seen = [residual(one.permute(0, 3, 1, 2).float()) for one in (flat, fine)]
    assert seen[0].shape == (1, CHANNELS, 64, 64) and float(seen[0].abs().max()) < 1e-5
    assert float(seen[1].abs().max()) > 0.05
    network = small()
    with torch.no_grad():
        assert not torch.allclose(network(flat)[1], network(fine)[1])


def test_the_residuals_wide_range_still_tells_edges_apart_where_the_fine_one_is_full() -> None:
    step = torch.zeros(2, 3, 16, 16)
    step[0, :, :, 8:], step[1, :, :, 8:] = 60.0, 200.0
    found = HighPass()(step).abs().amax(dim=(2, 3))
    half = CHANNELS // 2
    assert torch.allclose(found[0, :3], found[1, :3], atol=1e-3)  # both saturated
    assert (found[1, half : half + 3] > 1.3 * found[0, half : half + 3]).all()


def test_a_defect_that_is_named_teaches_the_noise_branch_nothing() -> None:
    """What damage looks like is content: its gradient must not reach the branch that looks for traces."""
    network = small().train()
    _, maps = network(tiles(2))
    maps[:, 1:].square().mean().backward()
    assert all(value.grad is None or not value.grad.any() for value in network.noise.parameters())


def test_the_packaged_weights_are_imagenets() -> None:
    """Every tensor of the backbone that is kept lies in the package's file, in timm's shape, under timm's name."""
    name = "tf_efficientnet_lite0"
    full = timm.create_model(name, features_only=True, out_indices=module.LEVELS[0], pretrained=False)
    before = {key: value.clone() for key, value in full.state_dict().items()}
    module._load_packaged(full, name)
    after = full.state_dict()
    weights = [key for key in after if key.endswith("weight") and after[key].ndim == 4]
    assert weights and all(not torch.equal(before[key], after[key]) for key in weights)
    # a trained first layer holds colour and edge filters: far from the noise that it was drawn from
    stem = after["conv_stem.weight"]
    assert float(stem.std()) > 3 * float(before["conv_stem.weight"].std())
    assert float(after["bn1.running_var"].std()) > 0.01


def test_the_default_network_starts_from_the_package_without_a_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    create = timm.create_model

    def watched(*given: object, **named: object) -> object:
        asked.append(bool(named.get("pretrained")))
        return create(*given, **named)

    monkeypatch.setattr(module.timm, "create_model", watched)
    network = Network(NetworkConfig(width=8))
    assert NetworkConfig().backbone in PACKAGED and not any(asked)
    stem = next(part for part in network.backbone.modules() if isinstance(part, torch.nn.Conv2d))
    assert stem.weight.shape[1] == 3  # ImageNet's first layer is left as it was trained


def test_a_missing_weights_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PACKAGED, "test_efficientnet", ("no_such_package", "X"))
    with pytest.raises(ValueError, match=r'no-such-package.*extra "train"'):
        Network(NetworkConfig(backbone="test_efficientnet", width=8))
