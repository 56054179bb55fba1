"""The engine on a Ray cluster of several node processes: the same answers; a replica, then a node killed under load; a
model changed while photos come."""

import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from refundlens.serving.cli.main import app as command
from refundlens.serving.engine.engine import Engine
from refundlens.serving.remote.ray_config import APP, DEPLOYMENT, RayOptions, serve_config
from refundlens.serving.remote.ray_serve import reach
from refundlens.serving.settings import Settings, SettingsError
from tests.support.ports import free_port
from tests.support.ray_cluster import RayCluster
from tests.support.tiny import save_bundle

PATIENCE = 120.0
"""Seconds that nothing here takes."""


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayCluster]:
    """Two nodes with a replica each, deployed by the file that `refundlens deploy ray` writes."""
    found = RayCluster(nodes=2)
    import ray

    try:
        config = tmp_path_factory.mktemp("ray") / "serve.yaml"
        done = CliRunner().invoke(command, ["deploy", "ray", str(config), "--min", "2", "--max", "2"])
        assert done.exit_code == 0, done.output
        found.deploy(config)
        ray.init(found.address, log_to_driver=False)
        _wait_running()
        yield found
    finally:
        ray.shutdown()
        found.close()


def _wait_running() -> None:
    from ray import serve

    ends = time.monotonic() + PATIENCE
    while (found := serve.status().applications["refundlens"]).status != "RUNNING":
        assert time.monotonic() < ends, found
        time.sleep(0.2)


@pytest.fixture
def engine(cluster: RayCluster, settings: Settings) -> Iterator[Engine]:
    found = Engine(None, settings.model_copy(update={"engine": "ray", "engine_url": cluster.address}))
    found.warm_up()
    yield found
    found.close()


class _Load:
    """Four callers who ask until they are told to stop."""

    def __init__(self, engine: Engine, data: bytes) -> None:
        self.answers: list[Any] = []
        self.errors: list[Exception] = []
        self._engine, self._data, self._stop = engine, data, threading.Event()
        self._callers = [threading.Thread(target=self._ask) for _ in range(4)]
        for caller in self._callers:
            caller.start()

    def wait_for(self, more: int) -> None:
        wanted, ends = len(self.answers) + more, time.monotonic() + PATIENCE
        while len(self.answers) < wanted and not self.errors:
            assert time.monotonic() < ends
            time.sleep(0.01)

    def end(self) -> None:
        self._stop.set()
        for caller in self._callers:
            caller.join(PATIENCE)
        assert not self.errors, self.errors[0]

    def _ask(self) -> None:
        while not self._stop.is_set():
            try:
                self.answers.append(self._engine.detect_now(self._data, patience=PATIENCE).detection)
            except Exception as error:
                self.errors.append(error)
                return


@pytest.mark.slow
def test_the_answers_are_those_of_this_machine(
    engine: Engine, answers_as_here: Callable[[Engine], None]
) -> None:
    engine.check_remote()
    answers_as_here(engine)


@pytest.mark.slow
def test_a_model_is_changed_while_photos_come_without_a_deployment(
    engine: Engine, photo: Callable[..., bytes], tmp_path: Path
) -> None:
    load = _Load(engine, photo(red=True))
    try:
        load.wait_for(10)
        assert engine.swap(save_bundle(tmp_path / "next.onnx", version="0.0.2")).version == "0.0.2"
        swapped = len(load.answers)
        load.wait_for(20)
    finally:
        load.end()
    versions = [answer.model.version for answer in load.answers]
    assert versions[0] == "0.0.1" and set(versions[swapped + 4 :]) == {"0.0.2"}
    assert {answer.verdict for answer in load.answers} == {"fake"}


@pytest.mark.slow
@pytest.mark.parametrize("what", ["replica", "node"])
def test_nothing_is_lost_when_one_is_killed_under_load(
    what: str, cluster: RayCluster, engine: Engine, photo: Callable[..., bytes]
) -> None:
    load = _Load(engine, photo(size=(900, 700), red=True))
    try:
        load.wait_for(20)
        before = {process.pid for process in cluster.replicas()}
        assert len(before) == 2
        if what == "replica":
            cluster.kill_replica()
        else:
            cluster.kill_node()
        killed = time.monotonic()
        load.wait_for(20)
        print(f"a {what} killed: 20 photos on after {time.monotonic() - killed:.1f} s")
        if what == "node":
            cluster.nodes.append(cluster.add_node())
        while len(now := {process.pid for process in cluster.replicas()}) < 2 or now == before:
            assert time.monotonic() < killed + PATIENCE
            time.sleep(0.1)
        print(f"and two replicas again after {time.monotonic() - killed:.1f} s")
        load.wait_for(20)
    finally:
        load.end()
    assert {answer.verdict for answer in load.answers} == {"fake"}


def test_the_configuration_is_what_ray_reads() -> None:
    schema = pytest.importorskip("ray.serve.schema", reason="pip install 'refundlens[ray]'")
    found = schema.ServeDeploySchema.model_validate(serve_config(RayOptions(2, 9, gpus=0.25)))
    (application,) = found.applications
    (scorer,) = application.deployments
    assert scorer.ray_actor_options.num_gpus == 0.25
    assert scorer.autoscaling_config["min_replicas"] == 2 and scorer.autoscaling_config["max_replicas"] == 9

    from refundlens.serving.remote import ray_app

    assert f"{ray_app.__name__}:app" == application.import_path
    assert (application.name, scorer.name) == (APP, DEPLOYMENT) and ray_app.Scorer.name == DEPLOYMENT  # type: ignore[attr-defined]


def test_deploy_writes_the_configuration(tmp_path: Path) -> None:
    out = tmp_path / "serve.yaml"
    done = CliRunner().invoke(
        command, ["deploy", "ray", str(out), "--min", "2", "--max", "4", "--gpus", "0.5"]
    )
    assert done.exit_code == 0, done.output
    assert yaml.safe_load(out.read_text()) == serve_config(RayOptions(2, 4, gpus=0.5))
    assert CliRunner().invoke(command, ["deploy", "ray", str(out), "--min", "3", "--max", "2"]).exit_code == 2


def test_without_ray_the_service_says_what_to_install(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SettingsError, match=re.escape('pip install -e ".[ray]"')):
        Engine(None, settings.model_copy(update={"engine": "ray", "engine_url": "auto"}))


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_an_address_where_nobody_answers_is_told_at_once(scheme: str) -> None:
    port = free_port()
    address = f"127.0.0.1:{port}"
    with socket.create_server(("127.0.0.1", port)):
        reach(scheme + address)
    with pytest.raises(SettingsError, match=f"nobody answers at {scheme}{address}.*ray start --head"):
        reach(scheme + address)


@pytest.mark.parametrize("address", ["cluster", "cluster:x", "ray://", ":6379"])
def test_an_address_without_host_or_port_is_told_so(address: str) -> None:
    with pytest.raises(SettingsError, match="HOST:6379"):
        reach(address)
