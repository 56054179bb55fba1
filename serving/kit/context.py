"""What work is done with: the parts that a process has once, and what one piece of work has of them.

In: nothing but what `serving.app` builds. Out: `Services` for whoever stands at a door (an endpoint, the worker), and
the `Context` that services, repositories and the workflow are given. Nothing of higher layers is imported to run.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from refundlens.serving.kit.clock import Clock
from refundlens.serving.kit.language import Language
from refundlens.serving.kit.notifier import Notifier
from refundlens.serving.kit.principal import OURSELVES, Principal

if TYPE_CHECKING:
    from sqlalchemy.orm import Session
    from starlette.requests import HTTPConnection

    from refundlens.serving.demo.samples import SampleFolder
    from refundlens.serving.detection.admission import Rates
    from refundlens.serving.detection.oracle import Variants
    from refundlens.serving.detection.service import DetectionService
    from refundlens.serving.http.budgets import Budgets
    from refundlens.serving.http.idempotency import Running
    from refundlens.serving.http.tracing import Tracing
    from refundlens.serving.http.turns import Turns
    from refundlens.serving.identity.callers import Callers
    from refundlens.serving.identity.openid import Provider
    from refundlens.serving.observability import Metrics
    from refundlens.serving.readiness import Readiness
    from refundlens.serving.registry.follower import Follower
    from refundlens.serving.reuse.finder import Finder
    from refundlens.serving.settings import Settings
    from refundlens.serving.storage.database import Database
    from refundlens.serving.storage.files import FileStore
    from refundlens.serving.storage.secret import Secret
    from refundlens.serving.webhooks.ssrf import UrlPolicy


@dataclass
class Services:
    """The parts of a running process, as `app.state` and as what endpoints depend on (`serving.http.context`).
    turns: of long work. parsing: of bodies. hashing: places where passwords are hashed. openid: where logins may come
    from, none where nobody was named. working: the worker beside the API. openapi: the document as it is sent.
    problem_page: what browsers get of an error (`serving.http.problems`). ready: the detector is warm; warm_up_failed:
    why it never will be. closing: streams end. streams: of events, open now."""

    settings: "Settings"
    clock: Clock
    database: "Database"
    files: "FileStore"
    bundles: "FileStore"
    secret: "Secret"
    notifier: Notifier
    metrics: "Metrics"
    callers: "Callers"
    budgets: "Budgets"
    turns: "Turns"
    parsing: "Turns"
    hashing: asyncio.Semaphore
    openid: "Provider | None"
    service: "DetectionService"
    variants: "Variants"
    rates: "Rates"
    running: "Running"
    follower: "Follower"
    finder: "Finder"
    webhook_guard: "UrlPolicy"
    samples: "SampleFolder"
    tracing: "Tracing | None"
    readiness: "Readiness" = field(init=False)
    warm_up_failed: str | None = field(default=None, init=False)
    working: "asyncio.Task[None] | None" = field(default=None, init=False)
    openapi: bytes | None = field(default=None, init=False)
    problem_page: "Callable[..., Any] | None" = field(default=None, init=False)
    ready: bool = field(default=False, init=False)
    closing: bool = field(default=False, init=False)
    streams: int = field(default=0, init=False)

    @staticmethod
    def of(request: "HTTPConnection") -> "Services":
        """Those of the process that answers."""
        found: Services = request.app.state
        return found


@dataclass(frozen=True)
class Context:
    """One piece of work inside a transaction: where it works, by which rules, when, for whom, and in which language
    people are answered. The worker acts for the service itself."""

    session: "Session"
    settings: "Settings"
    now: datetime
    principal: Principal = OURSELVES
    language: Language = "en"
