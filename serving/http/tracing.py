"""Spans for OpenTelemetry, where it is installed (extra `otel`) and configured by its own standard variables.

In: requests. Out: one server span each, part of the caller's trace (`traceparent`), with the facts of its log line,
sent to OTEL_EXPORTER_OTLP_ENDPOINT. Sampling, service name, headers and batching are the SDK's: OTEL_TRACES_SAMPLER,
OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_EXPORTER_OTLP_HEADERS, OTEL_BSP_*.
"""

from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers
from starlette.types import Scope

from refundlens.serving.kit.extras import how_to_install
from refundlens.serving.settings import Settings, SettingsError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

ATTRIBUTES = {
    "method": "http.request.method",
    "route": "http.route",
    "status": "http.response.status_code",
    "sent_bytes": "http.response.body.size",
    "code": "error.type",
}
"""Names of OpenTelemetry's semantic conventions; other facts get `refundlens.` before theirs."""


_FAULT = 500
"""From this status on a server span is an error: what callers do wrong is not."""


class Tracing:
    """A tracer and its exporter. provider: an SDK provider with its processors."""

    def __init__(self, provider: "TracerProvider") -> None:
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = provider
        self._tracer = provider.get_tracer("refundlens")
        self._propagator = TraceContextTextMapPropagator()

    def start(self, scope: Scope) -> "Span":
        """A server span that belongs to the caller's trace."""
        from opentelemetry.trace import SpanKind

        headers = Headers(scope=scope)
        carrier = {name: headers[name] for name in ("traceparent", "tracestate") if name in headers}
        context = self._propagator.extract(carrier)
        return self._tracer.start_span(scope["method"], context, SpanKind.SERVER)

    def end(self, span: "Span", facts: dict[str, Any]) -> None:
        """Finish the span with what its request's log line says."""
        from opentelemetry.trace import StatusCode

        span.update_name(f"{facts['method']} {facts['route']}")
        for name, value in facts.items():
            span.set_attribute(ATTRIBUTES.get(name, f"refundlens.{name}"), value)
        if facts["status"] >= _FAULT:
            span.set_status(StatusCode.ERROR)
        span.end()

    def close(self) -> None:
        """Send what has not been sent."""
        self._provider.shutdown()


def tracing(settings: Settings) -> Tracing | None:
    """None unless an OTLP endpoint is named. Raises SettingsError where the extra is missing."""
    if not settings.traces_wanted:
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError as error:
        message = f"OTEL_EXPORTER_OTLP_ENDPOINT is set: unset it, or {how_to_install('otel')}"
        raise SettingsError(message) from error
    resource = Resource.create({SERVICE_NAME: "refundlens"}).merge(OTELResourceDetector().detect())
    provider = TracerProvider(resource=resource)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    return Tracing(provider)
