"""Triton, or another server that speaks KServe v2 (the Open Inference Protocol), by `tritonclient`.

In: grpc://HOST:PORT or http://HOST:PORT (grpcs://, https:// with TLS). Out: logits. The model there is one that
`refundlens deploy triton` wrote; a server whose models are loaded one by one is asked to load it.
"""

import threading
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from numpy.typing import NDArray

from refundlens.model.bundle import Bundle, BundleError
from refundlens.serving.kit.extras import how_to_install
from refundlens.serving.remote.batches import (
    CALL_SECONDS,
    BatchCall,
    EngineAway,
    Logits,
    RemoteModel,
    check_same,
    model_there,
)
from refundlens.serving.settings import SettingsError

AGAIN = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "RESOURCE_EXHAUSTED", "ABORTED", "NOT_FOUND")
"""gRPC's names of what another try may mend; NOT_FOUND, since a server that was started anew may be loading still."""
AGAIN_HTTP = ("404", "408", "429", "502", "503", "504", "499")
UNHEALTHY = "not healthy"
"""What Triton says while it starts the process of a Python model anew."""
GRPC = [
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
]
"""Of a connection: a server that is there again is found within a second; gRPC by itself waits up to two minutes."""
LOOK_SECONDS = 5.0
"""How long a question about the server's state may take."""
LOAD_SECONDS = 120.0
"""How long loading a model may take: TensorRT builds its engines then."""


class Triton:
    """`serving.remote.batches.RemoteEngine`."""

    def __init__(self, url: str, calls: int) -> None:
        """Raises SettingsError."""
        if not url:
            raise SettingsError("REFUNDLENS_ENGINE_URL: say where it is, such as grpc://127.0.0.1:8001")
        parts = urlsplit(url)
        if parts.scheme not in ("grpc", "grpcs", "http", "https") or not parts.netloc:
            raise SettingsError(
                f"REFUNDLENS_ENGINE_URL: {url!r} is none of grpc://HOST:PORT, http://HOST:PORT"
            )
        self.calls = calls
        self._server, self._secure = parts.netloc + parts.path.rstrip("/"), parts.scheme in ("grpcs", "https")
        self.grpc = parts.scheme.startswith("grpc")
        try:
            self.protocol: ModuleType = _protocol(self.grpc)
        except ImportError as error:
            how = how_to_install("triton") if self.grpc else "pip install 'tritonclient[http]'"
            raise SettingsError(f"REFUNDLENS_ENGINE: {error.name} is not there; {how}") from error

    def open(self, path: Path, bundle: Bundle) -> RemoteModel:
        model = TritonModel(self, model_there(bundle))
        client = self.client()
        try:
            if not client.is_model_ready(model.name):
                client.load_model(model.name)
        except (self.protocol.InferenceServerException, OSError) as error:
            again = _again(error)
            raise BundleError(
                f"{model.name} is not to be had from {self._server} ({error}); "
                + ("is it there?" if again else "write it with `refundlens deploy triton`")
            ) from error
        finally:
            client.close()
        call = model.connect()
        try:
            check_same(bundle, call)
        except EngineAway as error:
            raise BundleError(f"{model.name} does not answer at {self._server}: {error}") from error
        return model

    def check(self) -> None:
        client = self.client()
        try:
            if not client.is_server_ready():
                raise EngineAway(f"{self._server} is not ready")
        except (self.protocol.InferenceServerException, OSError) as error:
            raise EngineAway(f"{self._server} does not answer: {error}") from error
        finally:
            client.close()

    def close(self) -> None:
        return

    def client(self) -> Any:
        """A connection; for one thread."""
        if self.grpc:
            return self.protocol.InferenceServerClient(self._server, ssl=self._secure, channel_args=GRPC)
        return self.protocol.InferenceServerClient(
            self._server, ssl=self._secure, connection_timeout=LOOK_SECONDS, network_timeout=CALL_SECONDS
        )


class TritonModel:
    """`serving.remote.batches.RemoteModel`. name: of the model there."""

    def __init__(self, server: Triton, name: str) -> None:
        self._server, self.name = server, name

    def connect(self) -> BatchCall:
        protocol, own = self._server.protocol, threading.local()
        wanted = [protocol.InferRequestedOutput(name) for name in ("kind", "map")]
        patience = {"client_timeout": CALL_SECONDS} if self._server.grpc else {}

        def call(tiles: NDArray[np.uint8]) -> Logits:
            if not hasattr(own, "client"):  # one belongs to the thread that made it
                own.client = self._server.client()
            given = protocol.InferInput("tiles", list(tiles.shape), "UINT8")
            given.set_data_from_numpy(np.ascontiguousarray(tiles))
            try:
                answer = own.client.infer(self.name, [given], outputs=wanted, **patience)
            except (protocol.InferenceServerException, OSError) as error:
                if _again(error):
                    raise EngineAway(str(error)) from error
                raise
            return answer.as_numpy("kind"), answer.as_numpy("map")

        return call

    def close(self) -> None:
        """It stays there: other processes may use it, and who deployed it takes it away."""


def _protocol(grpc: bool) -> ModuleType:
    if grpc:
        import tritonclient.grpc as protocol
    else:
        import tritonclient.http as protocol
    found: ModuleType = protocol
    return found


def _again(error: Exception) -> bool:
    """Whether the same batch may be answered when it is sent again."""
    if isinstance(error, OSError):  # refused, reset, timed out
        return True
    status = str(getattr(error, "status", lambda: "")() or "")
    return status.rpartition(".")[2] in AGAIN or status in AGAIN_HTTP or UNHEALTHY in str(error)
