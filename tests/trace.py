"""Which of our files a photo crosses on POST /v1/detect, and how often it turns back: `python -m tests.trace`.

In: nothing; it makes a tiny bundle and a photo, starts the service in this process and warms it up. Out: the files of
model/ and serving/ in the order in which the request first enters them, and the turns back: where a file calls one that
was entered before itself, each pair once, until the network is run.
"""

import io
import tempfile
import threading
from pathlib import Path
from types import FrameType

import numpy as np
from PIL import Image
from starlette.testclient import TestClient

from refundlens.model.detect import Detector
from refundlens.serving.app import create_app
from refundlens.serving.settings import Settings
from tests.support.tiny import save_bundle

ROOT = Path(__file__).parent.parent
OURS = tuple(str(ROOT / name) + "/" for name in ("model", "serving"))
KEY = "trace"
NETWORK = "serving/engine/runner.py"
"""Where ONNX Runtime is called: the way in ends there."""
DOOR = "serving/http/middleware.py"
"""The first file of ours that a request enters."""


class Trail:
    """Calls from one file of ours to another, in the order in which they are made, of all threads."""

    def __init__(self) -> None:
        self._calls: list[tuple[str, str]] = []
        self._lock = threading.Lock()

    def follow(self, frame: FrameType, event: str, _: object) -> None:
        """For `sys.setprofile`."""
        if event != "call" or (path := _ours(frame)) is None:
            return
        caller: FrameType | None = frame.f_back
        while caller is not None and _ours(caller) is None:
            caller = caller.f_back
        source = path if caller is None else str(_ours(caller))
        with self._lock:
            self._calls.append((source, path))

    def forget(self) -> None:
        """What came before."""
        with self._lock:
            self._calls.clear()

    def files(self) -> list[str]:
        """Each once, in the order of its first call since the request came."""
        entered = [path for _, path in self._calls]
        return list(dict.fromkeys(entered[entered.index(DOOR) :]))

    def turns_back(self) -> list[tuple[str, str]]:
        """(from, to) where a file calls one that was entered before itself, each once, until the network runs."""
        order = {path: number for number, path in enumerate(self.files())}
        entered = [path for _, path in self._calls]
        way_in = self._calls[: entered.index(NETWORK)]
        found = [(a, b) for a, b in way_in if a != b and order.get(b, len(order)) < order.get(a, -1)]
        return list(dict.fromkeys(found))


def _ours(frame: FrameType) -> str | None:
    """The file below the checkout, of model/ and serving/ only."""
    name = frame.f_code.co_filename
    return name[len(str(ROOT)) + 1 :] if name.startswith(OURS) else None


def picture() -> bytes:
    """A JPEG of grey noise, 640 by 480."""
    pixels = np.random.default_rng(7).integers(90, 160, (480, 640, 3)).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    return file.getvalue()


def trace(folder: Path) -> Trail:
    """One photo through a warm service."""
    bundle = save_bundle(folder / "tiny.onnx")
    settings = Settings(
        bundle=bundle, data_dir=folder / "var", workers=1, api_keys=KEY, demo=False, worker=False
    )
    trail = Trail()
    threading.setprofile(trail.follow)  # the engine's threads begin with the service
    try:
        app = create_app(settings, Detector(bundle, threads=1))
        with TestClient(app, headers={"Authorization": f"Bearer {KEY}"}) as client:
            while client.get("/readyz").status_code != 200:
                pass
            trail.forget()
            answer = client.post("/v1/detect", content=picture(), headers={"Content-Type": "image/jpeg"})
    finally:
        threading.setprofile(None)  # type: ignore[arg-type]
    if answer.status_code != 200:
        raise RuntimeError(f"{answer.status_code}: {answer.text}")
    return trail


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        trail = trace(Path(folder))
    files, back = trail.files(), trail.turns_back()
    print(*files, "", *(f"back: {source} -> {path}" for source, path in back), sep="\n")
    serving = sum(name.startswith("serving/") for name in files)
    print(f"{len(files)} files ({serving} in serving/), {len(back)} turns back on the way in")


if __name__ == "__main__":
    main()
