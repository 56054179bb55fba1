"""What Prometheus can ask of the service at /metrics. Each app has its own registry, so that tests do not share.

How the service logs: one JSON object a line for machines, plain lines for people on a terminal.

In: records of the standard library's logging. Out: standard error. Every line written while a request is answered
carries its `request_id`, and its `trace_id` where the caller sent a `traceparent`. No photo, key or body is logged.
"""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary, generate_latest

from refundlens.serving.kit.clock import rfc3339
from refundlens.serving.settings import Settings

if TYPE_CHECKING:
    pass


SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8)
"""Histogram edges: doubling around the 0.4 s that a photo of 1.2 megapixels may take."""

TILES = (1, 2, 4, 8, 16, 32)
"""Histogram edges of batch sizes, in tiles: the buckets a GPU runs."""


class EngineMetrics:
    """Counters of one engine (`serving.engine`)."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.batch_tiles = Histogram(
            "refundlens_batch_tiles", "Tiles in a batch.", buckets=TILES, registry=registry
        )
        self.batch_cap = Gauge(
            "refundlens_batch_cap_tiles", "Largest batch worth running, as measured.", registry=registry
        )
        self.run_seconds = Histogram(
            "refundlens_run_seconds", "Time of a batch in the network.", buckets=SECONDS, registry=registry
        )
        self.waiting_tiles = Gauge("refundlens_waiting_tiles", "Tiles not scored yet.", registry=registry)
        self.shed = Counter(
            "refundlens_shed", "Work given up: deadline (refused at once), abandoned (the caller hung up), "
            "shadow_busy, shadow_memory.", ["reason"], registry=registry,
        )  # fmt: skip
        self.expired = Counter(
            "refundlens_expired", "Photos whose deadline passed while they waited for a stage.", ["stage"],
            registry=registry,
        )  # fmt: skip
        self.swaps = Counter(
            "refundlens_swaps", "Models swapped: done, failed.", ["result"], registry=registry
        )
        self.shadow_verdicts = Counter(
            "refundlens_shadow_verdicts", "The challenger's verdict was: same, different, error.", ["agreement"],
            registry=registry,
        )  # fmt: skip
        self.shadow_difference = Summary(
            "refundlens_shadow_difference", "Absolute difference of the challenger's probability.",
            registry=registry,
        )  # fmt: skip


class WorkflowMetrics:
    """What the worker does, and what waits for it (gauges ask the database when Prometheus asks)."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.jobs = Counter(
            "refundlens_jobs", "Jobs tried: done, cancelled, put_off (no time for the photo yet), failed.",
            ["kind", "result"], registry=registry,
        )  # fmt: skip
        self.jobs_due = Gauge("refundlens_jobs_due", "Jobs that should be done by now.", registry=registry)
        self.webhooks_due = Gauge(
            "refundlens_webhooks_due", "Webhooks that should be sent by now.", registry=registry
        )
        self.reports_undecided = Gauge(
            "refundlens_reports_undecided", "Reports that wait for a verdict.", ["state"], registry=registry
        )
        self.drift = Gauge(
            "refundlens_drift", "The last day against four weeks, of the tenant where it is largest: stability index "
            "of scores, conditions, sources; share of fake, inconclusive, unsupported, overturned.", ["figure"],
            registry=registry,
        )  # fmt: skip
        self.drift_alerts = Gauge(
            "refundlens_drift_alerts", "Tenants whose figure is further off than chance explains.", ["figure"],
            registry=registry,
        )  # fmt: skip


class Metrics:
    """Counters of one service."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.engine = EngineMetrics(self.registry)
        self.workflow = WorkflowMetrics(self.registry)
        self.detections = Counter(
            "refundlens_detections", "Photos judged.", ["verdict"], registry=self.registry
        )
        self.image_errors = Counter(
            "refundlens_image_errors", "Photos that could not be judged.", ["code"], registry=self.registry
        )
        self.refused = Counter(
            "refundlens_refused",
            "Requests refused before work: too_large, rate_limited, share_taken, overloaded, deadline.",
            ["reason"],
            registry=self.registry,
        )
        self.waiting = Gauge(
            "refundlens_waiting_images", "Photos admitted and unanswered.", registry=self.registry
        )
        self.stage_seconds = Histogram(
            "refundlens_stage_seconds", "Time of a photo in each stage.", ["stage"], buckets=SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self.cache = Counter(
            "refundlens_cache", "Photos asked about: memory and store (answered from there), miss.", ["result"],
            registry=self.registry,
        )  # fmt: skip
        self.request_seconds = Histogram(
            "refundlens_request_seconds", "From a request's headers to its answer's end.", ["route"],
            buckets=(0.001, 0.0025, *SECONDS, 25.6, 60), registry=self.registry,
        )  # fmt: skip
        self.requests = Counter(
            "refundlens_requests", "Answers sent.", ["method", "route", "status"], registry=self.registry
        )

    def text(self) -> bytes:
        return generate_latest(self.registry)


request_facts: ContextVar[dict[str, Any] | None] = ContextVar("request_facts", default=None)
"""What is known of the request being answered: set by `serving.http.middleware`."""


class JsonLines(logging.Formatter):
    """time, level, logger, message; then what is known of the request; then the record's own `facts`."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": rfc3339(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **(request_facts.get() or {}),
            **getattr(record, "facts", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure(settings: Settings) -> None:
    """Send what RefundLens logs, and warnings of everybody else, to standard error."""
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if as_json else logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("refundlens").setLevel(settings.log_level.upper())
