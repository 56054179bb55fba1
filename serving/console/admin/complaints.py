"""Complaints in the browser, for specialists: the queue, and one complaint with its refund and its answer.

In: adjudicators whose keys have the scopes for it, and admins. Out: `serving.complaints.service` decides and audits.
"""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Response
from fastapi.concurrency import run_in_threadpool

from refundlens.serving.complaints import service
from refundlens.serving.complaints.schemas import ComplaintDecisionIn
from refundlens.serving.console.admin.frame import sheet
from refundlens.serving.console.forms import attempt, checked, confirmed, text_of, version_seen
from refundlens.serving.console.page import Visit, back_to, fields, submit, visits
from refundlens.serving.http import paging
from refundlens.serving.http.idempotency import Created
from refundlens.serving.http.pages import PageRoute
from refundlens.serving.http.problems import Problem
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.errors import Invalid
from refundlens.serving.kit.language import texts
from refundlens.serving.kit.roles import Role
from refundlens.serving.workflow.states import ComplaintState

router = APIRouter(prefix="/complaints", include_in_schema=False, route_class=PageRoute)

Specialist = Annotated[Visit, Depends(visits(Role.ADJUDICATOR, scope="complaints"))]
ROWS = 25
"""Of a page."""
STATES = tuple(state.value for state in ComplaintState)


@router.get("")
def complaints_page(visit: Specialist, state: str = ComplaintState.OPEN, cursor: str = "") -> Response:
    """Complaints in a state, the one first that has waited longest. Raises Forbidden, Problem 400."""
    service.check_specialist(visit.principal)
    wanted = ComplaintState(state) if state in STATES else ComplaintState.OPEN
    after = paging.decode(cursor, (str,))[0] if cursor else None
    with visit.services.database.reading() as session:
        rows = service.list_complaints(session, visit.principal, wanted, after, ROWS)
        found = [service.complaint_out(row, visit.principal).body() for row in rows]
    more = None
    if len(found) > ROWS:
        more = f"/complaints?{urlencode({'state': wanted.value, 'cursor': paging.encode([found[ROWS - 1]['id']])})}"
    return sheet(
        visit,
        "complaints",
        rows=found[:ROWS],
        kinds=texts("refunds", visit.language)["kinds"],
        states=STATES,
        state=wanted.value,
        first=not cursor,
        more=more,
    )


@router.get("/{complaint_id}")
def complaint_page(visit: Specialist, complaint_id: str) -> Response:
    """One complaint. Raises Forbidden, NotFound."""
    return _draw(visit, complaint_id)


@router.post("/{complaint_id}/decide")
async def decide(visit: Specialist, complaint_id: str) -> Response:
    """Confirm or dismiss it, with an answer for the merchant."""
    form = await fields(visit)

    def do(context: Context) -> Created:
        confirmed(form)
        answer = text_of(form, "answer")
        if not answer:
            raise Invalid("answer_missing", "answer: say why")
        given = checked(ComplaintDecisionIn, outcome=text_of(form, "outcome"), answer=answer)
        seen = version_seen(form)
        return Created(service.decide_complaint(context, complaint_id, given, seen).body(), 200)

    _, failed = await attempt(submit(visit, form, do))
    if failed:
        return await run_in_threadpool(_draw, visit, complaint_id, failed, text_of(form, "answer"))
    return back_to("/complaints")


def _draw(visit: Visit, complaint_id: str, failed: Problem | None = None, answer: str = "") -> Response:
    """answer: what was typed when the form did nothing; it is not lost."""
    with visit.reading() as context:
        found = service.get_complaint(context, complaint_id).body()
    kinds = texts("refunds", visit.language)["kinds"]
    return sheet(visit, "complaints", failed, "complaint", one=found, kinds=kinds, answer=answer)
