"""Ray Serve: one call of a handle for each batch, by a process that has joined the cluster.

In: auto (the cluster of this machine), or its address. Out: logits. Ray chooses the replica, starts more of them while
batches wait, and replaces those that died; their batches are sent again.
"""

import logging
import socket
from pathlib import Path
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
)
from refundlens.serving.remote.ray_config import APP, DEPLOYMENT
from refundlens.serving.settings import SettingsError

NEAREST = "auto"
"""Of Ray's addresses: the cluster that this machine belongs to."""
REACH_SECONDS = 5.0
"""How long a connection to the cluster's address may take. Ray itself goes on trying for two minutes."""


class RayServe:
    """`serving.remote.batches.RemoteEngine`. Joins the cluster."""

    def __init__(self, address: str, calls: int) -> None:
        """Raises SettingsError where Ray is not installed, nobody answers, or there is no such application."""
        try:
            import ray
            from ray import serve
            from ray.serve.exceptions import RayServeException
        except ImportError as error:
            raise SettingsError(f"REFUNDLENS_ENGINE: Ray is not there; {how_to_install('ray')}") from error
        self.calls = calls
        self._joined = not ray.is_initialized()
        if self._joined:
            reach(address or NEAREST)
        try:
            if self._joined:
                ray.init(address or NEAREST, log_to_driver=False, logging_level=logging.ERROR, namespace=APP)
            self.handle: Any = serve.get_app_handle(APP)
        except (ConnectionError, RayServeException, ValueError) as error:
            self.close()
            raise SettingsError(
                f"REFUNDLENS_ENGINE_URL: {address or NEAREST} has no application {APP} ({error}); write its "
                "configuration with `refundlens deploy ray`, and run `serve deploy` with it"
            ) from error

    def open(self, path: Path, bundle: Bundle) -> RemoteModel:
        model = RayModel(self, bundle.name.sha256, path.read_bytes())
        try:
            check_same(bundle, model.connect())
        except EngineAway as error:
            raise BundleError(f"no replica on the Ray cluster runs batches: {error}") from error
        return model

    def check(self) -> None:
        from ray import serve

        lost: tuple[type[Exception], ...] = (KeyError, *_again())
        try:
            found = serve.status().applications[APP].deployments[DEPLOYMENT]
        except lost as error:
            raise EngineAway(f"Ray Serve does not answer: {error!r}") from error
        states: dict[Any, int] = dict(found.replica_states)
        if not states.get("RUNNING"):
            raise EngineAway(f"no replica runs: {found.message or found.status}")

    def close(self) -> None:
        import ray

        if self._joined:
            ray.shutdown()


class RayModel:
    """`serving.remote.batches.RemoteModel`: the bundle's bytes, in Ray's object store as long as this lives."""

    def __init__(self, cluster: RayServe, sha256: str, content: bytes) -> None:
        import ray

        self._handle, self._sha256 = cluster.handle, sha256
        self._bundle = [ray.put(np.frombuffer(content, np.uint8))]

    def connect(self) -> BatchCall:
        again = _again()

        def call(tiles: NDArray[np.uint8]) -> Logits:
            try:
                found = self._handle.score.remote(self._sha256, self._bundle, tiles)
                kinds, maps = found.result(timeout_s=CALL_SECONDS)
            except again as error:
                raise EngineAway(" ".join(str(error).split())[:300]) from error
            return kinds, maps

        return call

    def close(self) -> None:
        """Replicas forget a model when others have taken its place."""
        self._bundle = []


def reach(address: str) -> None:
    """That somebody listens there. Raises SettingsError."""
    if address == NEAREST:
        return  # Ray knows at once whether this machine belongs to a cluster
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        port = parts.port
    except ValueError:
        port = None
    if port is None or not parts.hostname:
        raise SettingsError(
            f"REFUNDLENS_ENGINE_URL: {address} is no address of a Ray cluster; write HOST:6379, or auto on a "
            "machine of the cluster"
        )
    try:
        socket.create_connection((parts.hostname, port), REACH_SECONDS).close()
    except OSError as error:
        raise SettingsError(
            f"REFUNDLENS_ENGINE_URL: nobody answers at {address} ({error}); start the cluster "
            "(`ray start --head`), or correct the address"
        ) from error


def _again() -> tuple[type[Exception], ...]:
    """Ray's errors that another replica, or a moment, may mend."""
    from ray import exceptions
    from ray.serve import exceptions as serving

    return (
        exceptions.RayActorError, exceptions.NodeDiedError, exceptions.WorkerCrashedError,
        exceptions.ObjectLostError, exceptions.GetTimeoutError, exceptions.TaskCancelledError,
        exceptions.RpcError, serving.BackPressureError, serving.DeploymentUnavailableError,
        serving.ReplicaUnavailableError, serving.RequestCancelledError, TimeoutError, ConnectionError,
    )  # fmt: skip
