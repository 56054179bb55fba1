"""How the service logs: one JSON object a line for machines, plain lines for people on a terminal.

In: records of the standard library's logging. Out: standard error. Every line written while a request is answered
carries its `request_id`, and its `trace_id` where the caller sent a `traceparent`. No photo, key or body is logged.
"""

import json
import logging
import sys
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from serving.clock import rfc3339
from serving.settings import Settings

request_facts: ContextVar[dict[str, Any] | None] = ContextVar("request_facts", default=None)
"""What is known of the request being answered: set by `serving.observing`."""


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
    """Send what `serving` logs, and warnings of everybody else, to standard error."""
    as_json = settings.log_format == "json" or (settings.log_format == "auto" and not sys.stderr.isatty())
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if as_json else logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    logging.getLogger("serving").setLevel(settings.log_level.upper())
