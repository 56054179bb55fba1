"""The engineer's page: what runs, the registry's versions, a challenger's agreement, drift, disagreements with people.

In: the engine, the registry, screenings, labels. Out: a page, and forms that promote, roll back and shadow through the
registry's own service, which audits each.
"""

from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Response
from fastapi.concurrency import run_in_threadpool

from refundlens.serving.console.forms import attempt, checked, confirmed, text_of, version_seen
from refundlens.serving.console.page import Visit, back_to, fields, page, submit, visits
from refundlens.serving.console.review import markdown, plots, repository, statistics
from refundlens.serving.console.review.statistics import BEFORE, DAYS, SAMPLE, drift
from refundlens.serving.demo.fake import FIGURES
from refundlens.serving.drift.figures import drift_figures
from refundlens.serving.engine.engine import Engine
from refundlens.serving.http import paging
from refundlens.serving.http.idempotency import Created
from refundlens.serving.http.pages import PageRoute
from refundlens.serving.http.problems import Problem
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.errors import Invalid
from refundlens.serving.kit.language import texts
from refundlens.serving.kit.roles import Role
from refundlens.serving.registry import card, schemas, service
from refundlens.serving.registry import repository as registry
from refundlens.serving.registry.schemas import PromoteIn, RollbackIn
from refundlens.serving.storage.tables import ModelVersion

router = APIRouter(include_in_schema=False, route_class=PageRoute)

Engineer = Annotated[Visit, Depends(visits(Role.ENGINEER))]
Act = Literal["promote", "rollback", "shadow", "end-shadow"]
CONFIRMED: tuple[Act, ...] = ("promote", "rollback")
"""What changes who judges: with a reason, and a tick."""
CARD_UNDER = 2
"""Level of the heading that the card stands under."""
VERSIONS = 20
"""Shown, the newest; the API lists all."""


@router.get("/models")
def models_page(visit: Engineer, cursor: str = "") -> Response:
    """cursor: of labels, for older disagreements. Raises Problem 400 for one that is none of ours."""
    return draw(visit, cursor)


@router.post("/models/{version}/{act}")
async def change(visit: Engineer, version: str, act: Act) -> Response:
    """Promote a version, roll the champion back, run a version in the shadow or end that. Raises NotFound."""
    form = await fields(visit)

    def do(context: Context) -> Created:
        reason = text_of(form, "reason")
        if act in CONFIRMED:
            confirmed(form)
            if not reason:
                raise Invalid("invalid_request", "reason: say why")
        force = text_of(form, "force") == "yes"
        row = _change(context, version, act, reason, force, version_seen(form, "revision"))
        return Created({"id": row.id}, 200)

    _, failed = await attempt(submit(visit, form, do))
    if failed:
        return await run_in_threadpool(draw, visit, "", failed)
    return back_to("/models#versions")


def draw(visit: Visit, cursor: str, failed: Problem | None = None) -> Response:
    """The page. failed: why a form did nothing."""
    engine: Engine = visit.services.service.engine
    detector = engine.detector
    before = paging.decode(cursor, (str,))[0] if cursor else None
    with visit.services.database.reading() as session:
        moved = drift(session, visit.principal.tenant, visit.services.clock())
        figures = drift_figures(session, visit.principal.tenant, visit.services.clock())
        compared = statistics.compare(session, visit.principal.tenant, before)
        champion = repository.champion_since(session)
        gathered = repository.labels_by_truth(session, visit.principal.tenant, champion)
        rows = registry.list_versions(session, VERSIONS)[:VERSIONS]
    calibration = detector.calibration
    more = urlencode({"cursor": paging.encode([compared.more])}) if compared.more else None
    return page(
        visit,
        "review/models.html",
        "models",
        failed.status if failed else 200,
        failed=failed,
        model=detector.name,
        card=markdown.html(
            card.card_body(detector.card), CARD_UNDER, texts("models", visit.language)["card"]
        ),
        versions=[schemas.version_json(row) for row in rows],
        revisions={row.id: row.revision for row in rows},
        calibration=calibration,
        conditions=plots.conditions(calibration) if calibration else [],
        agreement=engine.agreement,
        drift=moved,
        figures=figures,
        told=FIGURES,
        columns=plots.columns(moved.days),
        unsupported=plots.line(moved.days, "unsupported"),
        compared=compared,
        gathered=gathered,
        dots=plots.dots(compared.tenths),
        spans={"days": DAYS, "before": BEFORE, "sample": 4 * SAMPLE},
        more=f"/models?{more}#differences" if more else None,
        first=not cursor,
    )


def _change(
    context: Context, version: str, act: Act, reason: str, force: bool, seen: str | None
) -> ModelVersion:
    """Raises Forbidden, NotFound, Conflict, Changed, Invalid."""
    if act == "promote":
        asked = checked(PromoteIn, reason=reason, force=force)
        return service.promote(context, version, asked.reason, asked.force, seen)
    if act == "rollback":
        return service.rollback(context, version, checked(RollbackIn, reason=reason).reason, seen)
    return service.shadow(context, version, service.SHARE if act == "shadow" else 0, if_match=seen)
