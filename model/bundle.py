"""One .onnx file that describes itself: the graph, its calibration, where it came from, its card.

The graph takes `tiles` uint8 [N,224,224,3] and gives `kind` float32 [N,4] and `map` float32 [N,5,28,28], logits. The
rest lies in ONNX metadata under the keys below.
"""

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from refundlens.model.detection import ModelName
from refundlens.model.names import Device
from refundlens.model.network.pooling import FEATURES
from refundlens.model.providers import missing, providers
from refundlens.model.verdict.calibration import Calibration

NAME, VERSION, CALIBRATION, CARD, TRAINING = (
    "refundlens.name", "refundlens.version", "refundlens.calibration", "refundlens.card", "refundlens.training",
)  # fmt: skip
FORMAT_KEY, FORMAT = "refundlens.format", "1"
BUNDLED = "refundlens-s.onnx"


class BundleError(RuntimeError):
    """A model file that cannot be used; the message says what to do."""


def bundled_path() -> Path:
    """Where the model that ships with the package lies. Raises BundleError if it is not there."""
    path = Path(__file__).parent / "bundled" / BUNDLED
    if not path.is_file():
        raise BundleError(
            f"the bundled model {BUNDLED} is missing; reinstall refundlens, or train one and name it with --model"
        )
    return path


@dataclass(frozen=True)
class Bundle:
    """A loaded model file. `calibration` is none for a network that was not calibrated yet."""

    session: onnxruntime.InferenceSession
    name: ModelName
    calibration: Calibration | None
    card: str
    training: dict[str, Any]

    def run(self, tiles: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """uint8 [N,224,224,3] -> kind logits [N,4], map logits [N,5,28,28], float32. Safe to call from many threads."""
        kinds, maps = self.session.run(["kind", "map"], {"tiles": tiles})
        return kinds, maps


def load(
    path: Path | None = None,
    threads: int | None = None,
    device: Device = "auto",
    cache: Path | None = None,
) -> Bundle:
    """Open a bundle (the bundled one by default). threads: of one inference on the CPU; none = one a core.

    cache: folder for what TensorRT builds. Raises BundleError that says what to do: also where the file is not the one
    whose SHA-256 lies beside it (`<bundle>.sha256`, as sha256sum writes it).
    """
    path = path or bundled_path()
    if not path.is_file():
        raise BundleError(f"there is no model file {path}")
    data = path.read_bytes()
    _check_sum(path, data)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = threads or 0
    # idle inference threads must not burn the cores that decoding needs
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # a bundle is one file: weights that it says lie in others would be read from wherever the service stands
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", os.devnull)
    try:
        chosen = providers(device, cache)
    except RuntimeError as error:
        raise BundleError(str(error)) from error
    try:
        session = onnxruntime.InferenceSession(data, options, providers=chosen)
    except Exception as error:
        raise BundleError(f"{path} is not a model that ONNX Runtime can load: {error}") from error
    if missing(device, session.get_providers()):
        raise BundleError(f"{device} could not be loaded; its libraries are missing: choose auto or cpu")
    facts = session.get_modelmeta().custom_metadata_map
    if facts.get(FORMAT_KEY) != FORMAT:
        raise BundleError(f"{path} is not a RefundLens bundle; make one with `refundlens export`")
    try:
        name = ModelName(name=facts[NAME], version=facts[VERSION], sha256=hashlib.sha256(data).hexdigest())
        calibration = Calibration.from_json(facts[CALIBRATION]) if CALIBRATION in facts else None
        training = json.loads(facts.get(TRAINING, "{}"))
    except (KeyError, ValueError) as error:
        raise BundleError(f"{path} is damaged ({error}); make it anew with `refundlens export`") from error
    if calibration is not None and not set(calibration.features) <= set(FEATURES):
        raise BundleError(
            f"{path} was calibrated for other pooled features than this version's; "
            "calibrate its run anew with `refundlens calibrate` and export it again"
        )
    return Bundle(session, name, calibration, facts.get(CARD, ""), training)


@contextmanager
def as_file(content: bytes) -> Iterator[Path]:
    """A bundle that is no file yet as one, as long as the block lasts. Raises OSError."""
    with tempfile.TemporaryDirectory(prefix="refundlens-") as folder:
        path = Path(folder) / "bundle.onnx"
        path.write_bytes(content)
        yield path


def stated_sum(path: Path) -> str | None:
    """The SHA-256 that lies beside a bundle, in hexadecimal; none where none does."""
    beside = path.with_name(f"{path.name}.sha256")
    words = beside.read_text(encoding="ascii", errors="replace").split() if beside.is_file() else []
    return words[0].lower() if words else None


def _check_sum(path: Path, data: bytes) -> None:
    stated = stated_sum(path)
    if stated is None:
        return
    found = hashlib.sha256(data).hexdigest()
    if stated != found:
        raise BundleError(
            f"{path} is damaged or was exchanged: its SHA-256 begins with {found[:12]}, and {path.name}.sha256 says "
            f"{stated[:12]}; get it again (the bundled one: reinstall refundlens), or write the sum of your own anew"
        )
