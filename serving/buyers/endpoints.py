"""GET of a buyer's record, POST of a reversal. Thin: role, body, service, answer.

What goes in and comes out, as OpenAPI shows it.
"""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from refundlens.serving.buyers import service
from refundlens.serving.http.context import Db, Now, TheSecret
from refundlens.serving.http.idempotency import Created, IdempotencyKey, idempotent
from refundlens.serving.http.problems import responses
from refundlens.serving.identity.access import needs
from refundlens.serving.kit.given import Given
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.workflow.states import EntryKind

ENTRY_EXAMPLE: dict[str, Any] = {
    "id": "int_01KAMZ5S8GQ3V6T0C9R4X2Y7AB",
    "report_id": "rpt_01KAMZ5S8GQ3V6T0C9R4X2Y7AC",
    "kind": "final",
    "points": 1,
    "reverses": None,
    "reason": "",
    "created_at": "2026-11-25T08:00:00.000Z",
    "expires_at": "2027-11-25T08:00:00.000Z",
}
EXAMPLE: dict[str, Any] = {
    "buyer": "buyer:5f0c2e7d9a4160b1c3e8f7a2d4b6958071e2f3a4b5c6d7e8f90123456789abcd",
    "counts": {
        "refunds": 14,
        "final_established": 2,
        "final_not_established": 3,
        "reversed": 1,
        "expired": 0,
    },
    "points": 1,
    "claims": 1,
    "score": 75,
    "formula": "100 - 25 x claims, at least 0",
    "expires_at": "2027-11-25T08:00:00.000Z",
    "entries": [ENTRY_EXAMPLE],
}
REVERSAL_EXAMPLE: dict[str, Any] = {"reason": "The court found the photo to be genuine."}


class Counts(BaseModel):
    """What happened, in numbers."""

    refunds: int = Field(description="mirrored here")
    final_established: int = Field(description="photos found fake for good, ever")
    final_not_established: int = Field(description="reports that ended in the buyer's favour")
    reversed: int = Field(description="lines taken back, on appeal or later")
    expired: int = Field(description="final lines that stood, and count no more")


class Entry(BaseModel):
    """A line of the ledger. Lines are only added: one that was wrong is followed by one that compensates it."""

    model_config = ConfigDict(json_schema_extra={"example": ENTRY_EXAMPLE})

    id: str
    report_id: str
    kind: EntryKind
    points: int
    reverses: str | None = Field(description="the line that this one takes back")
    reason: str
    created_at: datetime
    expires_at: datetime


class Integrity(BaseModel):
    """Facts first; the score says nothing that they do not."""

    model_config = ConfigDict(json_schema_extra={"example": EXAMPLE})

    buyer: str = Field(description="a keyed hash of the platform's reference")
    counts: Counts
    points: int = Field(description="final lines minus reversed ones, of those that still count")
    claims: int = Field(description="refunds behind the points: photos of one claim count once")
    score: int = Field(ge=0, le=100, description="100 - 25 x claims, at least 0: from final verdicts only")
    formula: str
    expires_at: datetime | None = Field(description="when the last claim counts no more; null without any")
    entries: list[Entry] | None = Field(
        default=None, description="the ledger, oldest first; not shown to merchants, whose shops it spans"
    )


class ReversalIn(Given):
    """Why a final line is taken back: a court, a mistake."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"example": REVERSAL_EXAMPLE})

    reason: str = Field(min_length=1, max_length=200)


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
        return JSONResponse(service.integrity_json(session, principal, buyer, now))


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

    def do(session: Session) -> Created:
        return Created(service.reverse(session, principal, buyer, entry_id, body.reason, now))

    return idempotent(request, principal, key, body.model_dump(), do)
