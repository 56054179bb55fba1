"""What Prometheus can ask of the service at /metrics. Each app has its own registry, so that tests do not share."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 12.8)
"""Histogram edges: doubling around the 0.4 s that a photo of 1.2 megapixels may take."""


class Metrics:
    """Counters of one service."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.detections = Counter(
            "refundlens_detections", "Photos judged.", ["verdict"], registry=self.registry
        )
        self.image_errors = Counter(
            "refundlens_image_errors", "Photos that could not be judged.", ["code"], registry=self.registry
        )
        self.refused = Counter(
            "refundlens_refused", "Requests refused before work.", ["reason"], registry=self.registry
        )
        self.waiting = Gauge(
            "refundlens_waiting_images", "Photos admitted and unanswered.", registry=self.registry
        )
        self.stage_seconds = Histogram(
            "refundlens_stage_seconds", "Time of a photo in each stage.", ["stage"], buckets=SECONDS,
            registry=self.registry,
        )  # fmt: skip
        self.requests = Counter(
            "refundlens_requests", "Answers sent.", ["method", "route", "status"], registry=self.registry
        )

    def text(self) -> bytes:
        return generate_latest(self.registry)
