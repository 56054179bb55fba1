"""GET of a buyer's record, POST of a reversal. Thin: role, body, service, answer."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy.orm import Session

from serving.buyers import service
from serving.buyers.schemas import EXAMPLE, Entry, Integrity, ReversalIn
from serving.identity.access import needs
from serving.identity.principal import Principal
from serving.problems import responses
from serving.rest.context import Db, Now, TheSecret
from serving.rest.once import IdempotencyKey, Made, once
from serving.workflow.states import Role

router = APIRouter(prefix="/v1/buyers", tags=["buyers"])

Reference = Annotated[
    str,
    Path(
        min_length=1,
        max_length=200,
        description="the platform's reference of the buyer, or `buyer:` and the hash that we show",
        examples=["open_uid_8f3a", EXAMPLE["buyer"]],
    ),
]


@router.get(
    "/{ref}/integrity",
    operation_id="get_buyer_integrity",
    response_model=Integrity,
    responses=responses(401, 403, 404),
)
def get_integrity(
    principal: Annotated[Principal, Depends(needs(Role.MERCHANT, Role.ADJUDICATOR))],
    database: Db,
    secret: TheSecret,
    now: Now,
    ref: Reference,
) -> JSONResponse:
    """What final verdicts say of a buyer: counts, and a score with its formula. Opinions, open reports and verdicts
    that may still be appealed are not in it. A merchant is told of buyers of its own shop."""
    with database.reading() as session:
        buyer = service.keyed(secret, principal.tenant, ref)
        return JSONResponse(service.show(session, principal, buyer, now))


@router.post(
    "/{ref}/integrity/{entry_id}/reversal",
    operation_id="reverse_integrity_entry",
    status_code=201,
    response_model=Entry,
    responses=responses(400, 401, 403, 404, 409, 422),
)
def reverse(
    request: Request,
    principal: Annotated[Principal, Depends(needs(Role.ADJUDICATOR))],
    secret: TheSecret,
    now: Now,
    ref: Reference,
    entry_id: Annotated[str, Path(max_length=40, examples=["int_01KAMZ5S8GQ3V6T0C9R4X2Y7AB"])],
    body: ReversalIn,
    key: IdempotencyKey = None,
) -> Response:
    """Take a final line back, when a court or a mistake asks for it: a line that compensates it is added, nothing is
    deleted, and the audit log says who did it."""
    buyer = service.keyed(secret, principal.tenant, ref)

    def do(session: Session) -> Made:
        return Made(service.reverse(session, principal, buyer, entry_id, body.reason, now))

    return once(request, principal, key, body.model_dump(), do)
