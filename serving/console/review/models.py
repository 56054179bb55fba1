"""The engineer's page: what runs, its card and thresholds, a challenger's agreement, drift, disagreements with people.

In: the engine, screenings, labels. Out: a page. Another model is put in place by SIGHUP (`serving.reload`); a button
here would change every tenant's model without an audit event, so there is none.
"""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Response

from serving.console.frame import Visit, page, visits
from serving.console.review import disagreements, markdown, plots
from serving.console.review.drift import BEFORE, DAYS, SAMPLE, drift
from serving.console.review.words import TOOLS
from serving.engine import Engine
from serving.rest import paging
from serving.workflow.states import Role

router = APIRouter(include_in_schema=False)

Engineer = Annotated[Visit, Depends(visits(Role.ENGINEER))]
CARD_UNDER = 2
"""Level of the heading that the card stands under."""


@router.get("/models")
def models_page(visit: Engineer, cursor: str = "") -> Response:
    """cursor: of labels, for older disagreements. Raises Problem 400 for one that is none of ours."""
    engine: Engine = visit.state.service.engine
    detector = engine.detector
    before = paging.decode(cursor, (str,))[0] if cursor else None
    with visit.state.database.reading() as session:
        moved = drift(session, visit.principal.tenant, visit.state.clock())
        compared = disagreements.compare(session, visit.principal.tenant, before)
    calibration = detector.calibration
    return page(
        visit,
        "review/models.html",
        "models",
        model=detector.name,
        card=markdown.blocks(detector.card, CARD_UNDER),
        calibration=calibration,
        conditions=plots.conditions(calibration) if calibration else [],
        agreement=engine.agreement,
        drift=moved,
        columns=plots.columns(moved.days),
        unsupported=plots.line(moved.days, "unsupported"),
        compared=compared,
        dots=plots.dots(compared.tenths),
        spans={"days": DAYS, "before": BEFORE, "sample": 4 * SAMPLE},
        more=f"/models?{urlencode({'cursor': paging.encode([compared.more])})}#differences"
        if compared.more
        else None,
        first=not cursor,
        **TOOLS,
    )
