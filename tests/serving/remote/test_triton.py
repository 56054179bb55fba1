"""The engine on a real Triton server: the same answers, a model changed and a server killed while photos come."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from refundlens.model.bundle import BundleError, load
from refundlens.serving.cli.main import app as command
from refundlens.serving.engine.engine import Engine
from refundlens.serving.remote.batches import EngineAway, model_there, patiently
from refundlens.serving.remote.triton import Triton
from refundlens.serving.remote.triton_repository import TritonOptions, model_config, write_repository
from refundlens.serving.settings import Settings, SettingsError
from tests.support.tiny import save_bundle
from tests.support.triton import TritonServer

ON_CPU = TritonOptions(backend="python", device="cpu")
EXPLICIT = ("--model-control-mode=explicit", "--load-model=*")


@pytest.fixture
def repository(bundle: Path, tmp_path: Path) -> Path:
    write_repository(tmp_path / "repository", bundle, ON_CPU)
    return tmp_path / "repository"


@pytest.fixture
def server(repository: Path, tmp_path: Path) -> Iterator[TritonServer]:
    pytest.importorskip("tritonclient.grpc", reason="pip install 'tritonclient[grpc,http]'")
    found = TritonServer(tmp_path, repository, *EXPLICIT)
    found.start()
    yield found
    found.kill()


@pytest.fixture
def remote(settings: Settings, server: TritonServer) -> Settings:
    return settings.model_copy(update={"engine": "triton", "engine_url": server.grpc})


@pytest.mark.slow
@pytest.mark.parametrize("way", ["grpc", "http"])
def test_the_answers_are_those_of_this_machine(
    way: str, settings: Settings, server: TritonServer, answers_as_here: Callable[[Engine], None]
) -> None:
    at = {"engine": "triton", "engine_url": getattr(server, way)}
    engine = Engine(None, settings.model_copy(update=at))
    try:
        engine.warm_up()
        answers_as_here(engine)
    finally:
        engine.close()


@pytest.mark.slow
def test_a_server_killed_under_load_loses_no_photo(
    remote: Settings, server: TritonServer, photo: Callable[..., bytes]
) -> None:
    engine = Engine(None, remote)
    data = photo(size=(900, 700), red=True)
    try:
        engine.warm_up()
        found: list[Any] = []

        def ask() -> None:
            for _ in range(10):
                found.append(engine.detect_now(data, patience=60).detection.verdict)

        callers = [threading.Thread(target=ask) for _ in range(4)]
        for caller in callers:
            caller.start()
        while len(found) < 8:
            time.sleep(0.01)
        server.kill()
        with pytest.raises(EngineAway):
            engine.check_remote()
        server.start()
        for caller in callers:
            caller.join(60)
        assert found == ["fake"] * 40
    finally:
        engine.close()


@pytest.mark.slow
def test_a_model_is_changed_while_photos_come_and_one_that_is_not_there_changes_nothing(
    remote: Settings, repository: Path, photo: Callable[..., bytes], tmp_path: Path
) -> None:
    engine = Engine(None, remote)
    successor = save_bundle(tmp_path / "next.onnx", version="0.0.2")
    try:
        before = engine.detector.name
        with pytest.raises(BundleError, match="deploy triton"):
            engine.swap(successor)
        assert engine.detector.name == before and engine.detect_now(photo()).detection.model == before
        write_repository(repository, successor, ON_CPU)
        stop, models = threading.Event(), []

        def ask() -> None:
            while not stop.is_set():
                models.append(engine.detect_now(photo(red=True)).detection.model.version)

        caller = threading.Thread(target=ask)
        caller.start()
        engine.swap(successor)
        done = len(models)
        while len(models) < done + 5:
            time.sleep(0.01)
        stop.set()
        caller.join(30)
        assert models == sorted(models) and set(models) == {"0.0.1", "0.0.2"}
    finally:
        engine.close()


@pytest.mark.slow
def test_another_model_by_that_name_is_not_used(
    remote: Settings, repository: Path, bundle: Path, tmp_path: Path, server: TritonServer
) -> None:
    """Somebody exchanged the file: its numbers are no longer those that calibration knows."""
    other = save_bundle(tmp_path / "other.onnx", gain=0.5)
    at = Triton(server.grpc, 1)
    name = model_there(load(bundle))
    client = at.client()
    client.unload_model(name)
    shutil.copyfile(other, repository / name / "1" / "model.onnx")
    with pytest.raises(BundleError, match="other numbers"):
        Engine(None, remote)


@pytest.mark.slow
def test_a_service_whose_server_is_away_is_not_ready(
    remote: Settings, live_settings: Settings, server: TritonServer, serve: Any, photo: Callable[..., bytes]
) -> None:
    import httpx

    at = {"engine": "triton", "engine_url": server.grpc, "deadline_ms": 3_000}
    live = serve(live_settings.model_copy(update=at))
    assert httpx.get(f"{live.base}/readyz").json()["checks"]["engine"] == "ok"
    key = {"Authorization": f"Bearer {live.key('ann')}"}
    answer = httpx.post(f"{live.base}/v1/detect", files={"image": photo(red=True)}, headers=key, timeout=30)
    assert answer.json()["detections"][0]["verdict"] == "fake"
    server.kill()
    refused = httpx.post(f"{live.base}/v1/detect", files={"image": photo()}, headers=key, timeout=30)
    assert refused.status_code == 503 and refused.json()["code"] == "deadline"
    ends = time.monotonic() + 20
    while (ready := httpx.get(f"{live.base}/readyz", timeout=10)).status_code == 200:
        assert time.monotonic() < ends
    assert "engine: " in ready.json()["detail"]
    server.start()
    again = httpx.post(f"{live.base}/v1/detect", files={"image": photo()}, headers=key, timeout=30)
    assert again.status_code == 200, again.text


@pytest.mark.parametrize("options", [TritonOptions(), TritonOptions(tensorrt=True), ON_CPU])
def test_the_configuration_is_what_triton_reads(options: TritonOptions, bundle: Path) -> None:
    """Parsed by Triton's own protocol buffer: a field that it does not know is an error."""
    model_config_pb2 = pytest.importorskip("tritonclient.grpc.model_config_pb2")
    from google.protobuf import text_format

    opened = load(bundle)
    found = text_format.Parse(model_config(opened, options), model_config_pb2.ModelConfig())
    assert found.name == model_there(opened) and found.backend == options.backend
    assert [list(output.dims) for output in found.output] == [[4], [5, 28, 28]]
    assert found.max_batch_size == 32 and found.dynamic_batching.max_queue_delay_microseconds == 500
    assert [warm.batch_size for warm in found.model_warmup] == [1, 2, 4, 8, 16, 32]
    assert found.parameters["refundlens_sha256"].string_value == opened.name.sha256
    accelerators = found.optimization.execution_accelerators.gpu_execution_accelerator
    assert [one.parameters["precision_mode"] for one in accelerators] == ["FP32"] * options.tensorrt


def test_deploy_adds_a_model_once(bundle: Path, tmp_path: Path) -> None:
    given = ["deploy", "triton", str(tmp_path), "--model", str(bundle), "--instances", "2", "--delay", "100"]
    done = CliRunner().invoke(command, given)
    assert done.exit_code == 0, done.output
    name = model_there(load(bundle))
    assert done.stdout.strip() == name
    written = (tmp_path / name / "config.pbtxt").read_text()
    assert "count: 2" in written and "KIND_GPU" in written
    assert (tmp_path / name / "1" / "model.onnx").read_bytes() == bundle.read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert CliRunner().invoke(command, given).exit_code == 1
    wrong = CliRunner().invoke(command, ["deploy", "triton", str(tmp_path), "--device", "cpu", "--tensorrt"])
    assert wrong.exit_code == 2


def test_a_batch_is_sent_again_until_patience_ends() -> None:
    tried: list[float] = []

    def call(tiles: Any) -> Any:
        tried.append(time.monotonic())
        if len(tried) < 3:
            raise EngineAway("no")
        return "logits"

    assert patiently(call, np.zeros(0, np.uint8)) == "logits" and len(tried) == 3
    with pytest.raises(EngineAway):
        patiently(lambda tiles: _away(), np.zeros(0, np.uint8), patience=0.2)


def _away() -> Any:
    raise EngineAway("no")


@pytest.mark.parametrize("url", ["", "127.0.0.1:8001", "ftp://127.0.0.1"])
def test_an_address_that_cannot_be_one_is_told(url: str) -> None:
    with pytest.raises(SettingsError, match="REFUNDLENS_ENGINE_URL"):
        Triton(url, 1)
