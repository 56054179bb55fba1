"""GET of a buyer's record, POST of a reversal. Thin: role, body, service, answer."""

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Response
from fastapi.responses import JSONResponse

from refundlens.serving.buyers import service
from refundlens.serving.buyers.schemas import EXAMPLE, Entry, Integrity, ReversalIn
from refundlens.serving.http.context import ApiCall
from refundlens.serving.http.idempotency import Created, IdempotencyKey
from refundlens.serving.http.problems import responses
from refundlens.serving.identity.access import calls
from refundlens.serving.kit.roles import Role

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


@router.get("/{ref}/integrity", response_model=Integrity, responses=responses(401, 403, 404))
def get_buyer_integrity(
    call: Annotated[ApiCall, Depends(calls(Role.MERCHANT, Role.ADJUDICATOR))], ref: Reference
) -> JSONResponse:
    """What final verdicts say of a buyer: counts, and a score with its formula. Opinions, open reports and verdicts
    that may still be appealed are not in it. A merchant is told of buyers of its own shop."""
    buyer = service.keyed(call.services.secret, call.principal.tenant, ref)
    with call.reading() as context:
        return JSONResponse(service.integrity_json(context, buyer))


@router.post(
    "/{ref}/integrity/{entry_id}/reversal",
    status_code=201,
    response_model=Entry,
    responses=responses(400, 401, 403, 404, 409, 422),
)
def reverse_integrity_entry(
    call: Annotated[ApiCall, Depends(calls(Role.ADJUDICATOR))],
    ref: Reference,
    entry_id: Annotated[str, Path(max_length=40, examples=["int_01KAMZ5S8GQ3V6T0C9R4X2Y7AB"])],
    body: ReversalIn,
    key: IdempotencyKey = None,
) -> Response:
    """Take a final line back, when a court or a mistake asks for it: a line that compensates it is added, nothing is
    deleted, and the audit log says who did it."""
    buyer = service.keyed(call.services.secret, call.principal.tenant, ref)
    return call.once(
        key, body, lambda context: Created(service.reverse(context, buyer, entry_id, body.reason).body())
    )
