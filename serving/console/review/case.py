"""All that the workbench shows of one report.

In: a report, who looks. Out: a `Case`, with what the judge may not see yet left out of it, so that no template can
show it by mistake.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from model.jpeg import JpegFacts, parse_jpeg
from serving.buyers import service as buyers
from serving.console.frame import Visit
from serving.console.review import opinion, repository
from serving.console.review.pictures import frame_of
from serving.console.review.repository import Use
from serving.db.tables import Image, PhotoRequest, Report
from serving.files import FileError
from serving.problems import Problem
from serving.refunds import repository as refunds
from serving.reports import repository as reports
from serving.reports import view
from serving.reports.repository import Whole
from serving.reuse import telling

OF_THE_FILE = ("metadata.", "file.")
"""Reasons that the file itself gives; the model has no part in them, so they are never hidden."""


@dataclass(frozen=True)
class Other:
    """Another photo of the refund. verdict, probability: none where it was not judged or may not be seen yet. asked:
    the buyer sent it because an adjudicator asked."""

    image: Image
    report_id: str | None
    state: str | None
    verdict: str | None
    probability: float | None
    asked: bool


@dataclass(frozen=True)
class Case:
    """shown: the report as the API gives it. detection: the stored detection with its reasons in the judge's
    language, none where there is none or the model's opinion is hidden. hidden: whether it is. conditions: how the
    photo came. jpeg: its header. erased: its bytes are gone. width, height: as displayed. elsewhere: claims of other
    tenants that used the picture. judge_before: this person decided it."""

    whole: Whole
    shown: dict[str, Any]
    hidden: bool
    detection: dict[str, Any] | None
    file_reasons: Sequence[dict[str, Any]]
    conditions: dict[str, Any] | None
    jpeg: JpegFacts | None
    erased: bool
    width: int
    height: int
    others: Sequence[Other]
    uses: Sequence[Use]
    elsewhere: int
    integrity: dict[str, Any] | None
    judge_before: bool
    wish: PhotoRequest | None

    @property
    def due_at(self) -> datetime:
        return self.whole.report.due_at

    def may(self, action: str) -> bool:
        return action in self.shown["allowed_actions"]


def gather(session: Session, visit: Visit, report: Report) -> Case:
    whole = reports.whole(session, report)
    seen = opinion.may_see(session, visit.principal, report)
    state = visit.state
    viewer = view.Viewer(visit.principal.actor, state.clock(), visit.language, state.settings, state.secret)
    reused = telling.of_image(session, state.finder, whole.image, state.clock())
    shown = view.show(session, viewer, whole)
    detection = None
    if whole.screening is not None:
        detection = {
            **whole.screening.body,
            "reasons": shown["reasons"],
            "version": whole.screening.model_version,
        }
    data = _bytes(visit, whole.image)
    width, height = frame_of(whole.image, whole.screening)
    return Case(
        whole=whole,
        shown=shown,
        hidden=detection is not None and not seen,
        detection=detection if seen else None,
        file_reasons=[one for one in shown["reasons"] if one["code"].startswith(OF_THE_FILE)],
        conditions=whole.screening.body.get("conditions") if whole.screening else None,
        jpeg=parse_jpeg(data) if data is not None and whole.image.media_type == "image/jpeg" else None,
        erased=data is None,
        width=width,
        height=height,
        others=_others(session, whole, seen),
        uses=repository.earlier_uses(session, whole.image, reused.uses if reused else ()),
        elsewhere=reused.elsewhere if reused else 0,
        integrity=_integrity(session, visit, whole),
        judge_before=any(one.decided_by == visit.principal.subject for one in whole.decisions),
        wish=next((one for one in whole.wishes if one.live), None),
    )


def _bytes(visit: Visit, image: Image) -> bytes | None:
    if image.erased_at is not None:
        return None
    try:
        content: bytes = visit.state.files.get(image.sha256)
    except FileError:
        return None
    return content


def _others(session: Session, whole: Whole, seen: bool) -> list[Other]:
    photos = [
        (image, report)
        for image, report in refunds.photos(session, [whole.refund])[whole.refund.id]
        if image.id != whole.image.id
    ]
    said = repository.newest_screenings(session, [image.id for image, _ in photos]) if seen else {}
    ids = [report for _, report in photos if report]
    states = repository.reports_by_id(session, whole.report.tenant_id, ids) if ids else {}
    return [
        Other(
            image,
            report,
            states[report].state if report else None,
            said[image.id].verdict if image.id in said else None,
            said[image.id].probability if image.id in said else None,
            image.request_id is not None,
        )
        for image, report in photos
    ]


def _integrity(session: Session, visit: Visit, whole: Whole) -> dict[str, Any] | None:
    """None for a buyer whose record was erased meanwhile."""
    try:
        return buyers.show(session, visit.principal, whole.refund.buyer, visit.state.clock())
    except Problem:
        return None
