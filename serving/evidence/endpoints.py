"""Evidence packs over HTTP: of a detection, of a report; and the key they are signed with, for everybody."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from sqlalchemy.orm import Session

from refundlens.serving.detection.schemas import EXAMPLE as DETECTION
from refundlens.serving.evidence import material, pack, pdf, signature
from refundlens.serving.evidence.material import Asked, Material
from refundlens.serving.evidence.signature import Signer
from refundlens.serving.http.context import ApiCall, Parts
from refundlens.serving.http.problems import responses
from refundlens.serving.http.turns import drawn
from refundlens.serving.identity.access import calls
from refundlens.serving.kit.errors import Conflict, Gone, NotFound
from refundlens.serving.kit.roles import KEY_ROLES, Role
from refundlens.serving.reports.schemas import EXAMPLE as REPORT
from refundlens.serving.storage.files import FileError

router = APIRouter(tags=["evidence"])

JSON, PDF = "application/json", "application/pdf"
Reader = Annotated[ApiCall, Depends(calls(*KEY_ROLES))]
Party = Annotated[ApiCall, Depends(calls(Role.MERCHANT, Role.ADJUDICATOR))]
DetectionId = Annotated[str, Path(alias="id", max_length=40, examples=[DETECTION["id"]])]
ReportId = Annotated[str, Path(alias="id", max_length=40, examples=[REPORT["id"]])]
WithPhoto = Annotated[
    Literal["include", "omit"],
    Query(
        alias="photo",
        description="`include` puts the photo's own bytes into the JSON (of the PDF, into the JSON it carries), so "
        "that the pack can be judged again from itself alone; the PDF shows the photo anyway",
    ),
]
WithNames = Annotated[
    Literal["include", "omit"],
    Query(
        alias="names",
        description="`include` names who acted, as far as you may see it; without a name a row of the audit log "
        "cannot be hashed again",
    ),
]
Find = Callable[[Session, Asked], Material | None]


class EvidenceKeys(BaseModel):
    """A JSON Web Key Set (RFC 7517, RFC 8037), and the same keys as PEM by their ids."""

    keys: list[dict[str, str]] = Field(
        examples=[[{"kty": "OKP", "crv": "Ed25519", "kid": "…", "x": "…", "use": "sig", "alg": "EdDSA"}]]
    )
    pem: dict[str, str]


def _answers(media_type: str, schema: dict[str, Any]) -> dict[int | str, dict[str, Any]]:
    return {
        200: {"content": {media_type: {"schema": schema}}},
        **responses(401, 403, 404, 409, 410, 422, 429, 503),
    }


_AS_JSON = _answers(JSON, {"type": "object", "required": ["evidence", "signature"]})
_AS_PDF = _answers(PDF, {"type": "string", "format": "binary"})


@router.get("/v1/detections/{id}/evidence.json", response_class=Response, responses=_AS_JSON)
def get_detection_evidence_json(
    call: Reader, identifier: DetectionId, photo: WithPhoto = "omit", names: WithNames = "omit"
) -> Response:
    """The signed evidence pack of a detection. With its report and the report's audit rows, where there is one that you
    may see. `refundlens verify` checks it."""
    asked = Asked(call.principal, photo == "include", names == "include")
    return _json(call, identifier, _of_detection(call, identifier, asked))


@router.get("/v1/detections/{id}/evidence.pdf", response_class=Response, responses=_AS_PDF)
async def get_detection_evidence_pdf(
    call: Reader, identifier: DetectionId, photo: WithPhoto = "omit", names: WithNames = "omit"
) -> Response:
    """The same as A4 pages in English and Chinese, the language of Accept-Language first; the JSON is attached."""
    asked = Asked(call.principal, photo=True, names=names == "include")
    return await _pdf(call, identifier, partial(_of_detection, call, identifier, asked), photo == "include")


@router.get("/v1/reports/{id}/evidence.json", response_class=Response, responses=_AS_JSON)
def get_report_evidence_json(
    call: Party, identifier: ReportId, photo: WithPhoto = "omit", names: WithNames = "omit"
) -> Response:
    """The signed evidence pack of a report."""
    asked = Asked(call.principal, photo == "include", names == "include")
    return _json(call, identifier, _of_report(call, identifier, asked))


@router.get("/v1/reports/{id}/evidence.pdf", response_class=Response, responses=_AS_PDF)
async def get_report_evidence_pdf(
    call: Party, identifier: ReportId, photo: WithPhoto = "omit", names: WithNames = "omit"
) -> Response:
    """The same as A4 pages in English and Chinese, with the JSON attached."""
    asked = Asked(call.principal, photo=True, names=names == "include")
    return await _pdf(call, identifier, partial(_of_report, call, identifier, asked), photo == "include")


@router.get(pack.KEYS_PATH, response_model=EvidenceKeys)
def get_evidence_keys(parts: Parts) -> JSONResponse:
    """The key that packs are signed with. Public: keep a copy, so that packs can be checked when we are gone."""
    key = Signer(parts.secret).public
    return JSONResponse(
        {"keys": [key.jwk], "pem": {key.id: key.pem}}, headers={"Cache-Control": "public, max-age=3600"}
    )


def _of_detection(call: ApiCall, identifier: str, asked: Asked) -> Material:
    parts = call.services
    found = _collect(
        call, asked, lambda session, by: material.of_detection(session, parts.files, by, identifier)
    )
    if found is None:
        raise NotFound(f"There is no detection {identifier}, or it is no longer kept.")
    return found


def _of_report(call: ApiCall, identifier: str, asked: Asked) -> Material:
    files = call.services.files
    found = _collect(call, asked, lambda session, by: material.of_report(session, files, by, identifier))
    if found is None:
        detail = "The detector has not looked at this photo yet, or could not read it."
        raise Conflict("not_screened", detail)
    return found


def _collect(call: ApiCall, asked: Asked, find: Find) -> Material | None:
    try:
        with call.services.database.reading() as session:
            return find(session, asked)
    except FileError as error:
        raise Gone("damaged", str(error)) from error


def _json(call: ApiCall, identifier: str, found: Material) -> Response:
    return _file(pack.make_pack(found, _issuing(call)), JSON, f"{identifier}.json")


async def _pdf(call: ApiCall, identifier: str, find: Callable[[], Material], with_photo: bool) -> Response:
    issuing = _issuing(call)
    content = await drawn(call.request, lambda: pdf.pages(find(), issuing, call.language, with_photo))
    signed = await run_in_threadpool(signature.sign, content, issuing.signer)
    return _file(signed, PDF, f"{identifier}.pdf")


def _issuing(call: ApiCall) -> pack.Issuing:
    parts = call.services
    return pack.Issuing(
        Signer(parts.secret), parts.clock(), parts.settings.public_url, parts.service.detector
    )


def _file(content: bytes, media_type: str, name: str) -> Response:
    """A pack changes with its report, and what it tells is for its reader alone."""
    headers = {
        "Content-Disposition": f'attachment; filename="evidence-{name}"',
        "Cache-Control": "private, no-store",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(content, media_type=media_type, headers=headers)
