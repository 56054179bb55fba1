"""A Ray cluster of several node processes on this machine, for tests: a head without processors, nodes of one each."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

HERE = "127.0.0.1"
STORE = 80_000_000
"""Bytes of each node's object store; Ray takes no less than 75 MB."""


class RayCluster:
    """address: what a driver joins."""

    def __init__(self, nodes: int) -> None:
        # Ray reads these when it is imported; the second keeps all of it on the loopback address
        os.environ["RAY_raylet_start_wait_time_s"] = "60"  # noqa: SIM112
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
        pytest.importorskip("ray.serve", reason="pip install 'refundlens[ray]'")
        from ray.cluster_utils import Cluster

        try:
            head = {
                "num_cpus": 0,
                "node_ip_address": HERE,
                "object_store_memory": STORE,
                "include_dashboard": False,
            }
            self._cluster = Cluster(initialize_head=True, head_node_args=head)
            self.nodes = [self.add_node() for _ in range(nodes)]
        except Exception as error:
            pytest.skip(f"Ray is installed, but does not start here: {error}")
        self.address = str(self._cluster.address)

    def add_node(self) -> Any:
        return self._cluster.add_node(num_cpus=1, node_ip_address=HERE, object_store_memory=STORE)

    def deploy(self, config: Path) -> None:
        """As an operator does."""
        command = [
            sys.executable,
            "-m",
            "ray.serve.scripts",
            "run",
            "--non-blocking",
            "--address",
            self.address,
        ]
        done = subprocess.run(
            [*command, str(config)], capture_output=True, text=True, timeout=300, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]

    def replicas(self) -> list[psutil.Process]:
        """Processes of replicas, of this cluster's nodes only."""
        found = []
        for node in self._cluster.list_all_nodes():
            for raylet in node.all_processes.get("raylet", ()):
                children = psutil.Process(raylet.process.pid).children(recursive=True)
                found += [child for child in children if "ServeReplica" in " ".join(_words(child))]
        return found

    def kill_replica(self) -> None:
        self.replicas()[0].send_signal(signal.SIGKILL)

    def kill_node(self) -> None:
        """A node with all that runs on it, in the middle of whatever it does."""
        self._cluster.remove_node(self.nodes.pop(), allow_graceful=False)

    def close(self) -> None:
        self._cluster.shutdown()


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
