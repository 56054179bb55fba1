"""The evidence of a report, and the refusal that carries it.

In: an established report. Out: the JPEG in the file store, and what the machine needs to record the refusal, the
platform's own call among it (`serving.platforms`; described, never made).
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from refundlens.serving.detection.store import load_map
from refundlens.serving.drawing.picture import evidence_jpeg
from refundlens.serving.drawing.words import ReportFacts
from refundlens.serving.kit.apart import Drawing
from refundlens.serving.kit.context import Services
from refundlens.serving.kit.errors import Conflict, Gone
from refundlens.serving.kit.language import Language, texts
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import DETECTOR
from refundlens.serving.platforms import CannotAnswer, RefundMirror
from refundlens.serving.platforms.taobao_calls import refuse
from refundlens.serving.reports import repository
from refundlens.serving.reports.repository import ReportDetail
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.files import FileError, FileStore
from refundlens.serving.storage.tables import Refund
from refundlens.serving.workflow.change import EventData
from refundlens.serving.workflow.states import Outcome, RefundStatus, ReportState

Draw = Callable[[Callable[[], Drawing[bytes]]], Awaitable[bytes]]
"""Has a drawing made where and when it is its turn (`http.turns.drawn`)."""
PLATFORMS_IN_CHINESE = ("taobao", "tmall")


@dataclass(frozen=True)
class EvidencePicture:
    """A refusal's evidence, in the file store. version: of the report that it shows."""

    version: int
    given: EventData


async def prepare_refusal(
    parts: Services, principal: Principal, identifier: str, message: str, draw: Draw
) -> EvidencePicture | None:
    """Draw and store the evidence of a report, outside of any transaction; none where it is not established.

    Raises NotFound, Conflict, Gone, and what `draw` raises.
    """
    whole = await asyncio.to_thread(_whole, parts.database, principal, identifier)
    if ReportState(whole.report.state) not in ReportState.for_merchant():
        return None
    language = language_of(whole.refund)
    content = await draw(partial(refusal_picture, parts.files, whole, language))
    text = message or texts("refusal", language)["message"]
    name = await asyncio.to_thread(parts.files.put, content)
    given = EventData(message=text, evidence=name, platform=_platform_call(whole, text, content))
    return EvidencePicture(whole.report.version, given)


def _whole(database: Database, principal: Principal, identifier: str) -> ReportDetail:
    """Raises NotFound."""
    with database.reading() as session:
        return repository.report_detail(session, repository.find_report(session, principal, identifier))


def language_of(refund: Refund) -> Language:
    """What the shop reads: by its platform, and by its currency where that says more."""
    return "zh" if refund.platform in PLATFORMS_IN_CHINESE or refund.currency == "CNY" else "en"


def refusal_picture(files: FileStore, whole: ReportDetail, language: Language) -> Drawing[bytes]:
    """What draws it, a JPEG under 130,000 bytes, with all it is drawn of. Raises Conflict where nothing was found yet,
    Gone where the photo is."""
    screening = whole.screening
    if screening is None:
        raise Conflict("not_screened", "The detector has not looked at this photo yet, or could not read it.")
    if whole.image.erased_at is not None:
        raise Gone("photo_erased", "This photo was erased; its hash and verdicts remain.")
    try:
        photo = files.get(whole.image.sha256)
        heatmap = None if screening.heatmap is None else load_map(files, screening.heatmap)
    except FileError as error:
        raise Gone("photo_missing", str(error)) from error
    supplied_by = whole.image.supplied_by
    return partial(
        evidence_jpeg, photo, screening.body, heatmap, facts(whole, language), supplied_by, language
    )


def facts(whole: ReportDetail, language: Language) -> ReportFacts:
    """What the picture says of the report. A claim's rule is told only where it decided."""
    report = whole.report
    told = report.rule is not None and report.decided_by == DETECTOR.name
    return ReportFacts(
        report_id=report.id,
        refund_id=whole.refund.refund_id,
        state=ReportState(report.state),
        decided_by=report.decided_by,
        decided_at=report.decided_at,
        bound=report.bound,
        claim_reason=texts("refusal", language)["rules"].get(report.rule, "") if told else "",
    )


def _platform_call(whole: ReportDetail, message: str, content: bytes) -> dict[str, Any]:
    """As the platform names it; the picture is what `evidence_url` gives."""
    if whole.refund.platform not in PLATFORMS_IN_CHINESE:
        return {}
    try:
        call = refuse(ReportState(whole.report.state), _mirror(whole.refund), message, content, shop="taobao")
    except CannotAnswer as error:
        return {"error": {"code": error.code, "message": str(error)}}
    return {"call": call.name, "parameters": dict(call.parameters), "files": sorted(call.files)}


def _mirror(refund: Refund) -> RefundMirror:
    """Our row in the adapters' words; what only the platform knows is left open."""
    return RefundMirror(
        platform="taobao",
        refund_id=refund.refund_id,
        order_id=None,
        line_id=None,
        platform_version=refund.platform_version,
        account=refund.account,
        status=RefundStatus(refund.status),
        platform_outcome=Outcome.UNDECIDED,
        phase=None,
        refund_type=None,
        amount_minor=refund.amount_minor,
        currency=refund.currency,
        product_id=refund.product_id,
        product_title=refund.product_title,
        buyer_reference=None,
        claim_text="",
        claim_type=None,
        deadline_at=refund.deadline_at,
        barriers=(),
        partial=False,
        raw_status="",
        unknown=(),
    )
