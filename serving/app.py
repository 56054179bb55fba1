"""Puts the service together: detector, store, API, page, health and metrics.

>>> app = create_app(Settings())  # doctest: +SKIP

All routers of the workflow, in one place. A new subject: its package, and a line here.
"""

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.middleware.gzip import GZipMiddleware
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from fastapi.staticfiles import StaticFiles
from fastapi.utils import generate_unique_id
from pydantic import BaseModel

from refundlens.model.detect import Detector
from refundlens.serving.buyers import endpoints as buyers
from refundlens.serving.buyers import integrity
from refundlens.serving.complaints import endpoints as complaints
from refundlens.serving.console import (
    account,
    admin,
    badge,
    developers,
    glossary,
    merchant,
    notifications,
    review,
)
from refundlens.serving.console import page as frame
from refundlens.serving.demo import fake
from refundlens.serving.demo.refunds import keep_renewed, mirror_samples
from refundlens.serving.demo.samples import SampleFolder
from refundlens.serving.detection import endpoints, kserve, page
from refundlens.serving.detection.admission import Admission, Rates
from refundlens.serving.detection.old_folder import take_over
from refundlens.serving.detection.oracle import variants_of
from refundlens.serving.detection.schemas import Health
from refundlens.serving.detection.service import DetectionService
from refundlens.serving.detection.store import DetectionStore
from refundlens.serving.evidence import detections
from refundlens.serving.evidence import endpoints as evidence
from refundlens.serving.http import problems, tarpit
from refundlens.serving.http.budgets import Budgets
from refundlens.serving.http.context import Parts
from refundlens.serving.http.idempotency import Running
from refundlens.serving.http.middleware import HeadAsGet, Observing, SecurityHeaders, SmallBodies
from refundlens.serving.http.pages import WEB
from refundlens.serving.http.problems import Problem, ProblemDetails
from refundlens.serving.http.tracing import tracing
from refundlens.serving.http.turns import Turns
from refundlens.serving.identity import login, passwords
from refundlens.serving.identity.callers import Callers
from refundlens.serving.identity.openid import Provider
from refundlens.serving.identity.tenants import ensure_demo, open_database
from refundlens.serving.jobs import gauges
from refundlens.serving.jobs.example import keep_example
from refundlens.serving.jobs.front import keep_front
from refundlens.serving.jobs.rescorer import Rescorer
from refundlens.serving.jobs.screener import Screener
from refundlens.serving.jobs.worker import Worker
from refundlens.serving.kit.clock import Clock, utc_now
from refundlens.serving.kit.context import Services
from refundlens.serving.kit.notifier import Notifier
from refundlens.serving.labels import endpoints as labels
from refundlens.serving.labels import service as labelling
from refundlens.serving.observability import Metrics
from refundlens.serving.readiness import Readiness, database_answers, disk_takes, said
from refundlens.serving.refunds import endpoints as refunds
from refundlens.serving.refunds.schemas import PlatformMessage, RefundIn
from refundlens.serving.registry import endpoints as models
from refundlens.serving.registry import loader
from refundlens.serving.registry.bundles import open_bundles
from refundlens.serving.registry.follower import Follower
from refundlens.serving.registry.loader import start_engine
from refundlens.serving.reports import appeal_endpoints as appeals
from refundlens.serving.reports import endpoints as reports
from refundlens.serving.reports import tracking as track
from refundlens.serving.reuse.finder import Finder
from refundlens.serving.settings import Settings, cores
from refundlens.serving.storage.files import open_files
from refundlens.serving.storage.secret import read_secret
from refundlens.serving.webhooks import endpoints as webhooks
from refundlens.serving.webhooks import stream
from refundlens.serving.webhooks.mail import mailer_of
from refundlens.serving.webhooks.sending import HttpSender
from refundlens.serving.webhooks.ssrf import UrlPolicy
from refundlens.serving.workflow.effects import EFFECTS

WORKFLOW: tuple[APIRouter, ...] = (
    refunds.router,
    reports.router,
    appeals.router,
    evidence.router,
    buyers.router,
    complaints.router,
    labels.router,
    models.router,
    webhooks.router,
    stream.router,
    track.router,
)
CONSOLE: tuple[APIRouter, ...] = (
    *merchant.ROUTERS,
    *review.ROUTERS,
    *admin.ROUTERS,
    *developers.ROUTERS,
    badge.router,
    notifications.router,
    account.router,
    glossary.router,
)
"""The console's pages."""
BODY_MODELS: list[type[BaseModel]] = [RefundIn, PlatformMessage]
"""Models that OpenAPI must know although no parameter names them: the endpoint reads its body itself."""


_log = logging.getLogger(__name__)
EFFECTS.update({**integrity.EFFECTS, **labelling.EFFECTS})  # the workflow itself knows neither
operations = APIRouter(tags=["operations"])


def create_app(settings: Settings, detector: Detector | None = None, clock: Clock = utc_now) -> FastAPI:
    """The service. Without `detector`, the registry's champion or the bundle of the settings is loaded.

    Raises BundleError, DatabaseError, OSError, SettingsError."""
    metrics = Metrics()
    database, bundles = open_database(settings, clock()), open_bundles(settings)
    if settings.demo:
        ensure_demo(database, clock())
    engine = start_engine(database, bundles, settings, metrics.engine, clock(), detector)
    app = FastAPI(
        title="RefundLens",
        version=_version(),
        summary="Tells whether the photo behind a refund claim is real, shows why, and says how sure it is.",
        lifespan=_lifespan,
        openapi_url=None,  # ours, below, is written once
        docs_url=None,  # both load their scripts from elsewhere
        redoc_url=None,
        generate_unique_id_function=_operation_id,
    )
    files = open_files(settings)
    finder = Finder()
    secret = read_secret(settings)
    notifier, budgets = Notifier(), Budgets(settings, cores(), time.monotonic)
    service = DetectionService(
        engine,
        DetectionStore(database, files, settings.keep_detections),
        database,
        finder,
        Admission(
            settings.workers,
            budgets,
            metrics,
            lambda group: engine.expected_wait(group=group),
            time.monotonic,
        ),
        metrics,
        clock,
        settings.workers,
        settings.cache_bytes,
    )
    parts = Services(
        settings=settings,
        clock=clock,
        database=database,
        files=files,
        bundles=bundles,
        secret=secret,
        notifier=notifier,
        metrics=metrics,
        callers=Callers(settings, database, clock),
        budgets=budgets,
        turns=Turns(max(1, cores() // 2)),
        parsing=Turns(1, "bodies"),
        hashing=asyncio.Semaphore(passwords.AT_ONCE),
        openid=Provider(settings, secret, clock) if settings.oidc_issuer else None,
        service=service,
        variants=variants_of(settings),
        rates=Rates(settings.rate_limit, time.monotonic),
        running=Running(),
        follower=Follower(database, bundles, engine, settings, notifier, clock),
        finder=finder,
        webhook_guard=UrlPolicy(settings.allow_private_webhooks),
        samples=SampleFolder(settings.data_dir),
        tracing=tracing(settings),
    )
    app.state = parts  # type: ignore[assignment]  # typed, where Starlette has a bag of anything
    parts.readiness = _readiness(parts)
    gauges.connect(metrics.workflow, database, clock)
    problems.install(app, frame.trouble)
    app.add_middleware(SmallBodies, settings=settings)
    app.add_middleware(Observing, metrics=metrics, tracing=parts.tracing)
    app.add_middleware(tarpit.Tarpit, refusals=tarpit.meter_of(settings, time.monotonic))
    app.add_middleware(SecurityHeaders, public_url=settings.public_url)
    app.add_middleware(HeadAsGet)
    app.include_router(endpoints.router)
    app.include_router(detections.router)
    app.include_router(kserve.router)
    app.include_router(operations)
    for router in (*WORKFLOW, *CONSOLE):
        app.include_router(router)
    frame.install(app)
    app.include_router(login.router)
    # packed, a third of the bytes; answers are not: how well a page packs must tell nothing of its secrets (BREACH)
    app.mount("/static", GZipMiddleware(StaticFiles(directory=WEB / "static")), name="static")
    app.include_router(page.router)
    app.include_router(fake.router)
    app.openapi = cache(_openapi_with_models(app))  # type: ignore[method-assign]
    return app


def _parts(app: FastAPI) -> Services:
    found: Services = app.state  # type: ignore[assignment]
    return found


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Serve at once, be ready after warm-up: /healthz answers while the first picture is judged."""
    parts = _parts(app)
    warm_up = asyncio.create_task(asyncio.to_thread(_warm_up, parts))
    warm_up.add_done_callback(_tell_failure)
    loader.on_hangup(asyncio.get_running_loop(), parts.follower)
    follow = asyncio.create_task(parts.follower.run(warm_up))
    demo = (keep_renewed, keep_example, keep_front) if parts.settings.demo else ()
    renewing = [asyncio.create_task(keep(parts)) for keep in demo]
    async with _working(parts):
        yield
    parts.samples.close()
    ending = [follow, *renewing]
    for task in ending:
        task.cancel()
    await asyncio.wait([warm_up, *ending])
    parts.turns.close()
    parts.parsing.close()
    parts.service.close()
    parts.database.close()
    if parts.tracing:
        await asyncio.to_thread(parts.tracing.close)


def let_go(app: FastAPI) -> None:
    """End what would go on for as long as its caller listens: the streams of events."""
    parts = _parts(app)
    parts.closing = True
    parts.notifier.notify()


@asynccontextmanager
async def _working(parts: Services) -> AsyncIterator[None]:
    """The worker beside the API, where the settings want one in this process."""
    if not parts.settings.worker:
        yield
        return
    sender = HttpSender(
        parts.secret,
        parts.webhook_guard,
        mailer=mailer_of(parts.settings),
        public_url=parts.settings.public_url,
    )
    judging = parts.database, parts.files, parts.service.engine, parts.settings, parts.clock
    worker = Worker(
        parts.database,
        parts.files,
        Screener(*judging, parts.finder),
        Rescorer(*judging),
        sender,
        parts.settings,
        parts.clock,
        parts.notifier,
        parts.metrics.workflow,
    )
    task = parts.working = asyncio.create_task(worker.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        await sender.close()


def _warm_up(parts: Services) -> None:
    settings, engine = parts.settings, parts.service.engine
    try:
        take_over(settings.data_dir / "detections", parts.database, parts.files)
        engine.warm_up()
    except Exception as error:
        parts.warm_up_failed = f"the model cannot judge ({error}); see the log"
        raise
    parts.ready = True
    if settings.demo:
        parts.samples.prepare()
        mirror_samples(parts)
    if settings.shadow:
        engine.shadow(settings.shadow, settings.shadow_share)


def _tell_failure(warm_up: "asyncio.Task[None]") -> None:
    """A service that cannot judge stays unready, one whose challenger cannot goes without; the log says why."""
    if not warm_up.cancelled() and warm_up.exception():
        _log.error("the warm-up failed", exc_info=warm_up.exception())


@operations.get("/healthz", response_model=Health)
async def healthz() -> JSONResponse:
    """The process lives."""
    return JSONResponse({"status": "ok"})


@operations.get("/readyz", response_model=Health, responses=problems.responses(503))
async def readyz(parts: Parts) -> JSONResponse:
    """The model is warm, and database, disk and worker do their work: requests are answered at full speed."""
    found = await parts.readiness.look()
    wrong = [f"{part}: {what}" for part, what in found.items() if what != "ok"]
    if wrong:
        raise Problem(503, "not_ready", f"Not ready. {'; '.join(wrong)}.", {"Retry-After": "1"})
    return JSONResponse({"status": "ready", "checks": found})


def _readiness(parts: Services) -> Readiness:
    def model() -> str | None:
        if not parts.ready:
            return parts.warm_up_failed or "warming up; ask again in a moment"
        return (
            None
            if parts.service.engine.alive
            else "the threads that judge photos have ended; restart the service"
        )

    def worker() -> str | None:
        task = parts.working
        if not parts.settings.worker or (task is not None and not task.done()):
            return None
        return "the worker has ended; the log says why, restart the service" if task else "not started"

    elsewhere = {"engine": parts.service.engine.check_remote} if parts.settings.engine != "local" else {}
    bucket = {"files": parts.files.check} if parts.settings.files else {}
    return Readiness(
        {
            **bucket,
            "database": database_answers(parts.database),
            "disk": disk_takes(parts.settings.data_dir),
            "worker": said(worker),
            "model": said(model),
            **elsewhere,
        }
    )


@operations.get("/metrics", response_class=Response)
def metrics(parts: Parts) -> Response:
    """Prometheus text format."""
    return Response(parts.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


@operations.get("/openapi.json", include_in_schema=False)
def openapi_json(request: Request, parts: Parts) -> Response:
    """OpenAPI 3.1, built at the first request and kept as bytes."""
    if parts.openapi is None:
        parts.openapi = json.dumps(request.app.openapi(), ensure_ascii=False).encode()
    return Response(parts.openapi, media_type="application/json")


def _openapi_with_models(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """OpenAPI with the models that are only referred to: problems, and the body that /v1/detect reads itself."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        schemas = document["components"]["schemas"]
        models: list[type[BaseModel]] = [
            ProblemDetails,
            *endpoints.BODY_MODELS,
            *kserve.BODY_MODELS,
            *BODY_MODELS,
        ]
        for model in models:
            schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas.update(schema.pop("$defs", {}))
            schemas[model.__name__] = schema
        for own in ("HTTPValidationError", "ValidationError"):  # FastAPI's answer, which is a problem here
            schemas.pop(own, None)
        for operation in (one for methods in document["paths"].values() for one in methods.values()):
            if "application/json" in operation["responses"].get("422", {}).get("content", {}):
                operation["responses"] |= {
                    str(status): told for status, told in problems.responses(422).items()
                }
        return document

    return openapi


def _operation_id(route: APIRoute) -> str:
    """An operation of our own API is called as its function is, unless it says otherwise."""
    ours = route.path.startswith(("/v1/", "/track/", "/.well-known/"))
    return route.name if ours else generate_unique_id(route)


def _version() -> str:
    try:
        return version("refundlens")
    except PackageNotFoundError:
        return "0+source"
