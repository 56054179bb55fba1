"""/models/compare: version against version; and the files that describe or are one: bundles, reports, logs of training.

In: two versions' ids, or an uploaded file. Out: a page; candidates and descriptions of the registry, audited there.
What is compared was measured by `refundlens evaluate` and uploaded; times are of the photos that each judged here.
"""

import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Response
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import select
from sqlalchemy.orm import Session
from starlette.datastructures import FormData, UploadFile

from refundlens.model.bundle import BundleError
from refundlens.serving.console.forms import attempt, text_of, uploads
from refundlens.serving.console.page import Visit, back_to, page, submit, visits
from refundlens.serving.console.review import models, plots
from refundlens.serving.http.idempotency import Created
from refundlens.serving.http.pages import PageRoute
from refundlens.serving.http.turns import drawn
from refundlens.serving.kit.apart import ProcessDied
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.errors import Invalid
from refundlens.serving.kit.roles import Role
from refundlens.serving.registry import reports, service
from refundlens.serving.registry import repository as registry
from refundlens.serving.registry.bundles import BundleFacts, ModelError, tried_bytes
from refundlens.serving.registry.reports import Evaluation, Slice
from refundlens.serving.registry.signatures import check_signature
from refundlens.serving.storage.tables import DetectionRecord, ModelVersion

router = APIRouter(include_in_schema=False, route_class=PageRoute)
Engineer = Annotated[Visit, Depends(visits(Role.ENGINEER))]
TIMED = 500
"""Newest detections whose times are looked at."""
LOG = (".json", ".jsonl")


@dataclass(frozen=True)
class Side:
    """A version in a comparison. milliseconds: the median a photo here, none where it judged none lately."""

    row: ModelVersion
    evaluation: Evaluation | None
    steps: Sequence[dict[str, float]]
    milliseconds: float | None

    def curve(self, name: str) -> str:
        """Points of a polyline; "" without a curve."""
        curves = self.evaluation.curves if self.evaluation else None
        if curves is None:
            return ""
        if name == "roc":
            return plots.curve(curves.roc)
        if name == "pr":  # as if either class were half: a share of fakes is nobody's to know here
            return plots.curve([(found, found / (found + alarms)) for alarms, found in curves.roc if found])
        return plots.curve([(said, was) for said, was, _ in curves.reliability])

    def slice(self, dimension: str, value: str) -> Slice | None:
        found = self.evaluation.slices if self.evaluation else []
        return next((one for one in found if (one.dimension, one.value) == (dimension, value)), None)


@router.get("/models/compare")
def compare(visit: Engineer, first: str = "", second: str = "") -> Response:
    """Two versions beside each other; without a choice the champion and the newest other. Raises NotFound."""
    with visit.services.database.reading() as session:
        rows = registry.list_versions(session, models.VERSIONS)[: models.VERSIONS]
        if not rows:  # a service that was given its model by hand
            return back_to("/models")
        champion = next((row for row in rows if row.stage == "champion"), rows[0])
        others = [row for row in rows if row is not champion] or rows
        chosen = [
            service.find(session, first) if first else champion,
            service.find(session, second) if second else others[0],
        ]
        sides = [_side(session, visit.principal.tenant, row) for row in chosen]
    return page(
        visit,
        "review/compare.html",
        "models",
        sides=sides,
        versions=rows,
        slices=_slices(sides),
        curves=[name for name in ("roc", "pr", "reliability") if any(one.curve(name) for one in sides)],
        losses=plots.series(
            [[(one["step"], one["loss"]) for one in side.steps if "loss" in one] for side in sides]
        ),
    )


@router.post("/models/upload")
async def upload(
    visit: Annotated[Visit, Depends(uploads(Role.ENGINEER, "/models", files=1, fields=8))],
) -> Response:
    """A bundle becomes a candidate; a report or a log describes a version."""
    made, failed = await attempt(_kept(visit, await visit.request.form()))
    return back_to(made) if made else await run_in_threadpool(models.draw, visit, "", failed)


async def _kept(visit: Visit, form: FormData) -> str:
    """The page that shows what came of it. Raises DomainError."""
    file = form.get("file")
    if not isinstance(file, UploadFile) or not file.filename:
        raise Invalid("no_file", "Choose a file.")
    name, content, version = file.filename, await file.read(), text_of(form, "version")
    describes = name.endswith(LOG)
    facts = None if describes else await _tried(visit, content, form)

    def do(context: Context) -> Created:
        session, by, now = context.session, context.principal, context.now
        if facts is None:
            return Created({"id": reports.attach(session, by, version, name, content, now).id}, 200)
        return Created({"id": service.add(session, by, facts, now).id})

    told: list[tuple[str, str | UploadFile]] = [
        ("key", text_of(form, "key")),
        ("file", sha256(content).hexdigest()),
        ("version", version),
    ]
    done = await submit(visit, FormData(told), do)
    return f"/models/compare?second={json.loads(bytes(done.body))['id']}" if describes else "/models#versions"


async def _tried(visit: Visit, content: bytes, form: FormData) -> BundleFacts:
    """A bundle that judges, in the store. It is tried apart: what is in it may break what runs it. Raises Forbidden,
    Invalid."""
    parts = visit.services
    service.check_operator(visit.principal)
    signature = text_of(form, "signature") or None
    try:
        await run_in_threadpool(
            lambda: check_signature(parts.settings, sha256(content).hexdigest(), signature)
        )
        facts = await drawn(visit.request, lambda: partial(tried_bytes, content))
    except (BundleError, ModelError, ProcessDied) as error:
        raise Invalid("no_bundle", f"This bundle cannot be taken: {error}") from error
    facts.facts["signature"] = signature
    await run_in_threadpool(parts.bundles.put, content)
    return facts


def _side(session: Session, tenant: str, row: ModelVersion) -> Side:
    newest = (
        select(DetectionRecord.model_version, DetectionRecord.body)
        .where(DetectionRecord.tenant_id == tenant)
        .order_by(DetectionRecord.id.desc())
        .limit(TIMED)
    )
    times = [
        body["timings_ms"]["total"]
        for version, body in session.execute(newest)
        if version == row.version and "total" in body.get("timings_ms", {})
    ]
    return Side(
        row, reports.evaluation_of(row), reports.training_of(row), statistics.median(times) if times else None
    )


def _slices(sides: Sequence[Side]) -> dict[str, list[tuple[str, Sequence[Slice | None]]]]:
    """Dimension -> (slice, its figures on either side): those that either report has, in its order."""
    found: dict[str, dict[str, Any]] = {}
    for side in sides:
        for one in side.evaluation.slices if side.evaluation else ():
            found.setdefault(one.dimension, {})[one.value] = None
    return {
        dimension: [(value, [side.slice(dimension, value) for side in sides]) for value in values]
        for dimension, values in found.items()
    }
