"""Saved networks in each format, tiny and with a known answer, and the editor around them."""

import json
import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from refundlens.datasets.editors import available
from refundlens.datasets.editors.base import EditRequest
from refundlens.datasets.editors.image_networks import (
    ImageNetwork,
    SrganGenerator,
    load_onnx,
    load_srgan,
    load_torchscript,
)
from refundlens.datasets.editors.ncnn_networks import load_ncnn
from refundlens.datasets.editors.network import NetworkEditor
from refundlens.datasets.editors.tfjs import load_tfjs

GENERATORS = os.environ.get("REFUNDLENS_GENERATORS")


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (13, 21, 3), dtype=np.uint8)


def _doubled(picture: np.ndarray) -> np.ndarray:
    return picture.repeat(2, axis=0).repeat(2, axis=1)


def test_srgan_from_its_state_dict(tmp_path: Path, picture: np.ndarray) -> None:
    torch.manual_seed(0)
    for scale in (2, 4):
        generator = SrganGenerator(scale, width=4).eval()
        torch.save(generator.state_dict(), tmp_path / "g.pth")
        network = load_srgan(tmp_path / "g.pth")
        assert network.scale == scale
        with torch.inference_mode():
            wanted = generator(torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255)[0]
        np.testing.assert_allclose(network.run(picture), wanted.permute(1, 2, 0).numpy() * 255, atol=0.51)


def test_srgan_has_the_published_keys() -> None:
    keys = SrganGenerator(2).state_dict()
    assert len(keys) - sum(key.endswith("num_batches_tracked") for key in keys) == 76
    assert keys["block8.0.conv.weight"].shape == (256, 64, 3, 3)
    assert keys["block1.0.weight"].shape == (64, 3, 9, 9) and "block6.bn2.running_var" in keys


def test_onnx_by_path(tmp_path: Path, picture: np.ndarray) -> None:
    resize = helper.make_node(
        "Resize", ["x", "", "scales"], ["y"], mode="nearest", coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )  # fmt: skip
    graph = helper.make_graph(
        [resize],
        "double",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, "h", "w"])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, "H", "W"])],
        [helper.make_tensor("scales", TensorProto.FLOAT, [4], [1, 1, 2, 2])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, tmp_path / "double.onnx")
    network = load_onnx(tmp_path / "double.onnx")
    assert network.scale == 2
    np.testing.assert_array_equal(network.run(picture), _doubled(picture))


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
def test_torchscript_by_path(tmp_path: Path, picture: np.ndarray) -> None:
    double = torch.jit.trace(torch.nn.Upsample(scale_factor=2), torch.zeros(1, 3, 8, 8))
    torch.jit.save(double, tmp_path / "double.pt")
    network = load_torchscript(tmp_path / "double.pt", multiple=8)
    assert network.scale == 2
    np.testing.assert_array_equal(network.run(picture), _doubled(picture))


@pytest.mark.filterwarnings("ignore:.*torch.jit:FutureWarning")
def test_a_network_that_gives_no_picture_is_refused(tmp_path: Path) -> None:
    pooled = torch.jit.trace(torch.nn.AdaptiveAvgPool2d(1), torch.zeros(1, 3, 8, 8))
    torch.jit.save(pooled, tmp_path / "pool.pt")
    with pytest.raises(ValueError, match="3x1x1"):
        load_torchscript(tmp_path / "pool.pt")


def test_ncnn_by_path(tmp_path: Path, picture: np.ndarray) -> None:
    (tmp_path / "n.param").write_text(
        "7767517\n3 3\n"
        "Input input 0 1 data\n"
        "Convolution conv 1 1 data a 0=12 1=1 5=1 6=36\n"
        "PixelShuffle shuffle 1 1 a output 0=2\n"
    )
    kernel = np.kron(np.eye(3), np.ones((4, 1))).astype("<f4")
    (tmp_path / "n.bin").write_bytes(struct.pack("<I", 0) + kernel.tobytes() + np.zeros(12, "<f4").tobytes())
    network = load_ncnn(tmp_path / "n", 2)
    np.testing.assert_allclose(network.run(picture), _doubled(picture), atol=1)
    with pytest.raises(FileNotFoundError, match=r"none\.param"):
        load_ncnn(tmp_path / "none", 2)


def test_ncnn_border_is_reflected(tmp_path: Path, picture: np.ndarray) -> None:
    (tmp_path / "n.param").write_text(
        "7767517\n2 2\nInput input 0 1 data\nConvolution conv 1 1 data output 0=3 1=3 5=1 6=81\n"
    )
    kernel = np.zeros((3, 3, 3, 3), "<f4")
    kernel[range(3), range(3), 1, 1] = 1
    (tmp_path / "n.bin").write_bytes(struct.pack("<I", 0) + kernel.tobytes() + np.zeros(3, "<f4").tobytes())
    network = load_ncnn(tmp_path / "n", 1, border=1)
    np.testing.assert_allclose(network.run(picture), picture, atol=1)


def _node(kind: str, name: str, sources: list[str], **config: Any) -> dict[str, Any]:
    inbound = [[[source, 0, 0, {}] for source in sources]] if sources else []
    return {
        "class_name": kind, "name": name, "config": {"name": name, **config}, "inbound_nodes": inbound,
    }  # fmt: skip


def _convolution(name: str, source: str, **changes: Any) -> dict[str, Any]:
    config = {"strides": [1, 1], "padding": "same", "activation": "linear", "use_bias": True}
    return _node("Conv2D", name, [source], **{**config, **changes})


def _write_tfjs(folder: Path, layers: list[dict[str, Any]], weights: dict[str, np.ndarray]) -> Path:
    entries = [
        {"name": name, "shape": list(values.shape), "dtype": "float32"} for name, values in weights.items()
    ]
    graph = {
        "layers": [_node("InputLayer", "in", []), *layers],
        "input_layers": [["in", 0, 0]],
        "output_layers": [[layers[-1]["name"], 0, 0]],
    }
    manifest = [{"paths": ["a.bin", "b.bin"], "weights": entries}]
    saved = {"modelTopology": {"model_config": {"config": graph}}, "weightsManifest": manifest}
    (folder / "model.json").write_text(json.dumps(saved))
    data = b"".join(values.astype("<f4").tobytes() for values in weights.values())
    (folder / "a.bin").write_bytes(data[:10])
    (folder / "b.bin").write_bytes(data[10:])
    return folder


def test_tfjs_runs_its_layers_in_order(tmp_path: Path, picture: np.ndarray) -> None:
    """(x + relu(x - 0.5)), joined with itself, projected back to x's half and enlarged: an answer known by hand."""
    shift = {"k1/kernel": np.eye(3)[None, None], "k1/bias": np.full(3, -0.5)}
    project = {
        "k2/kernel": np.vstack([np.eye(3), np.zeros((3, 3))])[None, None] * 0.5,
        "k2/bias": np.zeros(3),
    }
    layers = [
        _convolution("k1", "in"),
        _node("Activation", "r", ["k1"], activation="relu"),
        _node("Add", "s", ["in", "r"]),
        _node("Concatenate", "c", ["s", "r"], axis=3),
        _convolution("k2", "c", padding="valid"),
        _node("UpSampling2D", "u", ["k2"], size=[2, 2], interpolation="nearest"),
    ]
    network = load_tfjs(_write_tfjs(tmp_path, layers, shift | project))
    assert network.scale == 2
    values = picture / 255
    wanted = _doubled((values + np.maximum(values - 0.5, 0)) * 0.5 * 255)
    np.testing.assert_allclose(network.run(picture), wanted, atol=0.51)


def test_tfjs_kernels_are_height_width_in_out(tmp_path: Path, picture: np.ndarray) -> None:
    kernel = np.zeros((3, 3, 3, 3))
    kernel[1, 2, 0, 2] = 1  # the blue of a pixel is the red of its right-hand neighbour
    network = load_tfjs(
        _write_tfjs(tmp_path, [_convolution("k", "in")], {"k/kernel": kernel, "k/bias": np.zeros(3)})
    )
    np.testing.assert_array_equal(network.run(picture)[:, :-1, 2], picture[:, 1:, 0])


def test_tfjs_pixel_shuffle_is_depth_to_space(tmp_path: Path, picture: np.ndarray) -> None:
    kernel = np.tile(np.eye(3), (1, 4))[None, None]
    weights = {"k/kernel": kernel, "k/bias": np.zeros(12)}
    layers = [_convolution("k", "in"), _node("PixelShuffle", "p", ["k"], scale=2)]
    np.testing.assert_array_equal(
        load_tfjs(_write_tfjs(tmp_path, layers, weights)).run(picture), _doubled(picture)
    )


def test_tfjs_says_what_it_cannot_run(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="LSTM"):
        load_tfjs(_write_tfjs(tmp_path, [_node("LSTM", "l", ["in"])], {}))
    strided = _convolution("k", "in", strides=[2, 2])
    with pytest.raises(ValueError, match="stride 1"):
        load_tfjs(_write_tfjs(tmp_path, [strided], {}))


@pytest.fixture
def flat_request() -> EditRequest:
    photo = np.full((90, 110, 3), 100, np.uint8)
    region = np.zeros((90, 110), np.float32)
    region[30:50, 40:70] = 1
    painted = photo.copy()
    painted[region > 0] = 20
    return EditRequest(photo, painted, region, "stain")


def test_editor_shrinks_enlarges_and_fits(flat_request: EditRequest) -> None:
    shapes: list[tuple[int, ...]] = []

    def brighter(planes: np.ndarray) -> np.ndarray:
        shapes.append(planes.shape)
        return planes.repeat(4, axis=1).repeat(4, axis=2) + np.float32(0.1)

    editor = NetworkEditor("x4", ImageNetwork(brighter, 4), "whole")
    for seed in range(8):
        edit = editor.edit(flat_request, np.random.default_rng(seed))
        assert edit.pixels.shape == flat_request.photo.shape
        assert edit.kind == "ai_generated" and edit.pixels[5, 5, 0] == 126
    assert set(shapes) == {(3, 45, 55), (3, 22, 28)}


def test_editor_splices(flat_request: EditRequest) -> None:
    network = ImageNetwork(lambda planes: planes * 0 + np.float32(1), 1)
    edit = NetworkEditor("white", network, "spliced").edit(flat_request, np.random.default_rng(1))
    assert (edit.kind, edit.generator) == ("ai_edited", "white")
    assert (edit.pixels[edit.changed == 1] == 255).all() and (edit.pixels[edit.changed == 0] == 100).all()


@pytest.mark.skipif(GENERATORS is None, reason="REFUNDLENS_GENERATORS is not set")
def test_the_real_networks_enlarge_faithfully() -> None:
    """Each published network, on a smooth picture: nothing but the shape of the file decides whether it works."""
    assert GENERATORS is not None
    ramp = np.linspace(60, 200, 96)
    photo = np.stack([np.add.outer(ramp, ramp[::-1]) / 2] * 3, axis=2).astype(np.uint8)
    for name, make in available(Path(GENERATORS)).items():
        editor = make()
        if isinstance(editor, NetworkEditor):
            drawn, _ = editor.regenerate(photo, np.random.default_rng(0), whole=True)
            assert np.abs(drawn.astype(int) - photo).mean() < 6, name
