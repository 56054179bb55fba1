import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from refundlens.model import bundle
from refundlens.model.bundle import BundleError
from refundlens.model.verdict.calibration import Calibration

Make = Callable[..., Path]


def test_a_bundle_describes_itself(make_bundle: Make) -> None:
    loaded = bundle.load(make_bundle(facts={"card": "# Red", "training": '{"dataset": "abc"}'}), threads=1)
    assert (loaded.name.name, loaded.name.version, len(loaded.name.sha256)) == ("red", "0", 64)
    assert loaded.calibration is not None and loaded.calibration.limit == 0.01
    assert (loaded.card, loaded.training) == ("# Red", {"dataset": "abc"})


def test_it_takes_any_number_of_tiles(make_bundle: Make) -> None:
    loaded = bundle.load(make_bundle(), threads=1)
    tiles = np.random.default_rng(0).integers(0, 256, (5, 224, 224, 3)).astype(np.uint8)
    kinds, maps = loaded.run(tiles)
    assert (kinds.shape, maps.shape) == ((5, 4), (5, 5, 28, 28))
    assert kinds.dtype == maps.dtype == np.float32
    for index, tile in enumerate(tiles):
        alone = loaded.run(tile[None])
        np.testing.assert_allclose(alone[0][0], kinds[index], atol=1e-4)
        np.testing.assert_allclose(alone[1][0], maps[index], atol=1e-4)


def test_a_network_without_calibration_loads(make_bundle: Make) -> None:
    assert bundle.load(make_bundle(facts={"calibration": None})).calibration is None


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"format": None}, "not a RefundLens bundle; make one with `refundlens export`"),
        ({"format": "99"}, "not a RefundLens bundle"),
        ({"name": None}, "damaged.*refundlens export"),
        ({"training": "{"}, "damaged.*refundlens export"),
        ({"calibration": '{"limit": 1}'}, "damaged.*refundlens calibrate"),
    ],
)
def test_a_damaged_bundle_says_what_to_do(make_bundle: Make, facts: dict[str, str | None], said: str) -> None:
    with pytest.raises(BundleError, match=f"(?s){said}"):
        bundle.load(make_bundle(facts=facts))


def test_a_calibration_for_other_features_is_refused(
    make_bundle: Make, calibration: Callable[..., Calibration]
) -> None:
    other = calibration().model_copy(update={"features": ("mood",) * len(calibration().features)})
    with pytest.raises(BundleError, match="refundlens calibrate"):
        bundle.load(make_bundle(other))


def test_what_is_no_model_is_told_apart_from_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="no model file"):
        bundle.load(tmp_path / "none.onnx")
    (tmp_path / "text.onnx").write_text("hello")
    with pytest.raises(BundleError, match="ONNX Runtime"):
        bundle.load(tmp_path / "text.onnx")


def test_a_missing_bundled_model_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bundle, "__file__", str(tmp_path / "bundle.py"))
    with pytest.raises(BundleError, match="--model"):
        bundle.load()


def test_a_bundle_that_is_not_the_one_that_was_shipped_is_refused(make_bundle: Make) -> None:
    path = make_bundle()
    beside = path.with_name(f"{path.name}.sha256")
    beside.write_text(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  m.onnx\n")
    bundle.load(path, threads=1)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(BundleError, match="damaged or was exchanged"):
        bundle.load(path, threads=1)
