"""Request ids, the log, spans, and a dashboard that asks only for metrics that exist."""

import json
import logging
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from refundlens.model.detect import Detector
from refundlens.serving.app import create_app
from refundlens.serving.http import tracing
from refundlens.serving.observability import JsonLines, Metrics, configure
from refundlens.serving.settings import Settings, SettingsError, read_settings

Photo = Callable[..., bytes]
ROOT = Path(__file__).parent.parent.parent
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


class _Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonLines())
        self.lines: list[dict[str, object]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(json.loads(self.format(record)))


@pytest.fixture
def lines() -> Iterator[list[dict[str, object]]]:
    """What the service logs, as JSON."""
    handler, logger = _Lines(), logging.getLogger("refundlens")
    logger.addHandler(handler)
    before = logger.level
    logger.setLevel(logging.INFO)
    yield handler.lines
    logger.removeHandler(handler)
    logger.setLevel(before)


def test_every_answer_has_the_callers_id_or_a_new_one(client: TestClient) -> None:
    assert client.get("/healthz", headers={"X-Request-Id": "mine-1"}).headers["x-request-id"] == "mine-1"
    for bad in ("", "a b", "x" * 129, 'a"b'):
        made = client.get("/nowhere", headers={"X-Request-Id": bad}).headers["x-request-id"]
        assert re.fullmatch(r"req_[0-9A-Z]{26}", made)


def test_each_request_is_a_line_that_can_be_found(
    client: TestClient, photo: Photo, lines: list[dict[str, object]]
) -> None:
    headers = {"X-Request-Id": "abc", "traceparent": PARENT}
    client.post("/v1/detect", files=[("image", ("a.jpg", photo()))], headers=headers)
    client.post("/v1/detect", content=b"x", headers={"Content-Type": "text/plain"})
    client.get("/healthz")
    [judged, refused] = [line for line in lines if line["logger"] == "refundlens.serving.access"]
    assert judged["request_id"] == "abc" and judged["trace_id"] == TRACE and judged["status"] == 200
    assert judged["route"] == "/v1/detect" and judged["method"] == "POST" and judged["level"] == "info"
    assert isinstance(judged["ms"], float) and judged["sent_bytes"]
    assert str(judged["time"]).endswith("Z")
    assert refused["code"] == "unsupported_media_type" and refused["status"] == 415
    assert "trace_id" not in refused


def test_a_crash_can_be_found_by_its_id(app: FastAPI, lines: list[dict[str, object]]) -> None:
    @app.get("/crash")
    def crash() -> None:
        raise RuntimeError("secret")

    with TestClient(app, raise_server_exceptions=False) as client:
        answer = client.get("/crash", headers={"X-Request-Id": "abc"})
    assert answer.status_code == 500 and answer.headers["x-request-id"] == "abc"
    [told] = [line for line in lines if line["logger"] == "refundlens.serving.http.problems"]
    assert told["request_id"] == "abc" and "RuntimeError: secret" in str(told["exception"])


@pytest.mark.parametrize(("form", "is_json"), [("json", True), ("text", False), ("auto", True)])
def test_the_log_is_json_unless_people_read_it(
    form: str, is_json: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    root, own = logging.getLogger(), logging.getLogger("refundlens")
    before, level, own_level = root.handlers[:], root.level, own.level
    try:
        configure(read_settings(log_format=form, log_level="info"))
        logging.getLogger("refundlens.serving.access").info("hello %d", 1)
        logging.getLogger("elsewhere").info("chatter")
    finally:
        root.handlers[:] = before
        root.setLevel(level)
        own.setLevel(own_level)
    written = capfd.readouterr().err.strip()
    assert (json.loads(written)["message"] if is_json else written.partition(": ")[2]) == "hello 1"


@pytest.fixture
def without_endpoint(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_TRACES_EXPORTER"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def test_spans_are_off_unless_configured(without_endpoint: pytest.MonkeyPatch) -> None:
    assert tracing.tracing(read_settings()) is None
    without_endpoint.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
    assert read_settings().traces_wanted
    without_endpoint.setenv("OTEL_TRACES_EXPORTER", "none")
    assert tracing.tracing(read_settings()) is None
    without_endpoint.delenv("OTEL_TRACES_EXPORTER")
    without_endpoint.setitem(sys.modules, "opentelemetry.sdk.trace", None)  # type: ignore[arg-type]
    with pytest.raises(SettingsError, match=r"pip install -e .\.\[otel\]"):
        tracing.tracing(read_settings())


def test_a_request_is_a_span_of_its_callers_trace(
    settings: Settings, detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    sdk = pytest.importorskip("opentelemetry.sdk.trace")
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

    kept, provider = InMemorySpanExporter(), sdk.TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    monkeypatch.setattr("refundlens.serving.app.tracing", lambda _: tracing.Tracing(provider))
    with TestClient(create_app(settings, detector)) as client:
        client.post("/v1/detect", headers={"traceparent": PARENT})
    [span] = kept.get_finished_spans()
    assert span.name == "POST /v1/detect" and f"{span.context.trace_id:032x}" == TRACE
    assert span.attributes["http.response.status_code"] == 401
    assert span.attributes["error.type"] == "unauthorized" and span.status.is_unset


def _dashboard() -> tuple[list[str], str]:
    text = (ROOT / "docs" / "grafana" / "refundlens.json").read_text(encoding="utf-8")
    queries = [target["expr"] for panel in json.loads(text)["panels"] for target in panel["targets"]]
    return queries, text


def test_the_dashboard_asks_only_for_metrics_and_labels_that_exist() -> None:
    collected = list(Metrics().registry.collect())
    suffixes = {
        "counter": ("_total",),
        "histogram": ("_bucket", "_sum", "_count"),
        "summary": ("_sum", "_count"),
        "gauge": ("",),
    }
    exist = {f"{metric.name}{suffix}" for metric in collected for suffix in suffixes[metric.type]}
    queries, text = _dashboard()
    asked = set(re.findall(r"refundlens_[a-z_]+", text))
    assert asked and asked <= exist, asked - exist
    unseen = {metric.name for metric in collected} - {
        re.sub(r"_(total|bucket|sum|count)$", "", n) for n in asked
    }
    assert not unseen, f"no panel shows {unseen}"
    labels = {
        collector._name: set(collector._labelnames)  # type: ignore[attr-defined]
        for collector in Metrics().registry._collector_to_names
    }
    for query in queries:
        names = {
            re.sub(r"_(total|bucket|sum|count)$", "", n) for n in re.findall(r"refundlens_[a-z_]+", query)
        }
        allowed = set().union(*(labels[name] for name in names)) | {"job", "le"}
        used = {label for group in re.findall(r"by \(([^)]*)\)", query) for label in group.split(", ")}
        used |= set(re.findall(r"([a-z_]+)(?:=~|!=|=)\"", query))
        assert used <= allowed, f"{used - allowed} in {query}"
        assert query.count("(") == query.count(")") and query.count("{") == query.count("}")
