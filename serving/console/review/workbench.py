"""The workbench: one report on one screen, for a first decision or for an appeal.

In: a report's or an appeal's id. Out: the page; `draw` and `draw_appeal` also serve forms that failed, with what was
typed kept.

All that the workbench shows of one report.

In: a report, who looks. Out: a `Case`, with what the judge may not see yet left out of it, so that no template can
show it by mistake.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Response
from sqlalchemy.orm import Session

from refundlens.model.photo.jpeg import JpegFacts, parse_jpeg
from refundlens.serving.buyers import service as buyers
from refundlens.serving.console.page import Visit, page, visits
from refundlens.serving.console.review import blind_review, queues, repository, sharing
from refundlens.serving.console.review.pictures import frame_of
from refundlens.serving.console.review.repository import ReusedPicture
from refundlens.serving.http.downloads import download
from refundlens.serving.http.pages import PageRoute
from refundlens.serving.http.problems import Problem
from refundlens.serving.kit.errors import Conflict, DomainError
from refundlens.serving.kit.language import texts
from refundlens.serving.kit.roles import Role
from refundlens.serving.refunds import repository as refunds
from refundlens.serving.reports import assignment, attachments, view
from refundlens.serving.reports import repository as reports
from refundlens.serving.reports.held import find_held
from refundlens.serving.reports.repository import ReportDetail
from refundlens.serving.reports.schemas import REASON_CODES
from refundlens.serving.reuse import telling
from refundlens.serving.storage.files import FileError
from refundlens.serving.storage.tables import Assignment, Image, PhotoRequest, Report
from refundlens.serving.workflow.states import PhotoWish, ReportState, Source

OF_THE_FILE = ("metadata.", "file.")
"""Reasons that the file itself gives; the model has no part in them, so they are never hidden."""


@dataclass(frozen=True)
class Other:
    """Another photo of the refund. number: of these, from 1. version: of its report. verdict, probability: none where
    it was not judged or may not be seen yet. asked: the buyer sent it because an adjudicator asked."""

    number: int
    image: Image
    report_id: str | None
    state: str | None
    version: int | None
    verdict: str | None
    probability: float | None
    asked: bool


@dataclass(frozen=True)
class Case:
    """shown: the report as the API gives it. detection: the stored detection with its reasons in the judge's
    language, none where there is none or the model's opinion is hidden. hidden: whether it is. conditions: how the
    photo came. jpeg: its header. erased: its bytes are gone. width, height: as displayed. elsewhere: claims of other
    tenants that used the picture. judge_before: this person decided it."""

    whole: ReportDetail
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
    uses: Sequence[ReusedPicture]
    elsewhere: int
    integrity: dict[str, Any] | None
    judge_before: bool
    wish: PhotoRequest | None

    @property
    def due_at(self) -> datetime:
        return self.whole.report.due_at

    @property
    def together(self) -> list[Other]:
        """Photos of the refund whose reports wait for a judge, too: one decision may do for several."""
        return [
            one for one in self.others if one.state == ReportState.NEEDS_REVIEW and not one.image.erased_at
        ]

    def may(self, action: str) -> bool:
        return action in self.shown["allowed_actions"]


def gather(session: Session, visit: Visit, report: Report) -> Case:
    parts = visit.services
    whole = reports.report_detail(session, report)
    seen = blind_review.may_see(session, visit.principal, report)
    reused = telling.reuse_of_image(session, parts.finder, whole.image, parts.clock())
    shown = view.report_out(visit.context(session), whole, secret=parts.secret).body()
    detection = None
    said: list[dict[str, Any]] = []
    if whole.screening is not None:
        more = view.details(whole.screening, visit.language)
        said = [*shown["reasons"], *more]
        detection = {
            **whole.screening.body,
            "reasons": shown["reasons"],
            "details": {"reasons": [one for one in more if not one["code"].startswith(OF_THE_FILE)]},
            "version": whole.screening.model_version,
        }
    data = _bytes(visit, whole.image)
    width, height = frame_of(whole.image, whole.screening)
    return Case(
        whole=whole,
        shown=shown,
        hidden=detection is not None and not seen,
        detection=detection if seen else None,
        file_reasons=[one for one in said if one["code"].startswith(OF_THE_FILE)],
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
        content: bytes = visit.services.files.get(image.sha256)
    except FileError:
        return None
    return content


def _others(session: Session, whole: ReportDetail, seen: bool) -> list[Other]:
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
            number,
            image,
            report,
            states[report].state if report else None,
            states[report].version if report else None,
            said[image.id].verdict if image.id in said else None,
            said[image.id].probability if image.id in said else None,
            image.request_id is not None,
        )
        for number, (image, report) in enumerate(photos, 1)
    ]


def _integrity(session: Session, visit: Visit, whole: ReportDetail) -> dict[str, Any] | None:
    """None for a buyer whose record was erased meanwhile."""
    try:
        return buyers.integrity_json(visit.context(session), whole.refund.buyer)
    except DomainError:
        return None


router = APIRouter(include_in_schema=False, route_class=PageRoute)

Judge = Annotated[Visit, Depends(visits(Role.ADJUDICATOR))]


@dataclass(frozen=True)
class Failed:
    """A form that did not do what it asks: why, and what had been typed. also: reports that were ticked. refused: of
    these, code of why not, by id."""

    problem: Problem
    typed: Mapping[str, str] = field(default_factory=dict)
    also: Collection[str] = ()
    refused: Mapping[str, str] = field(default_factory=dict)


@router.get("/queue/{report_id}")
def bench_page(visit: Judge, report_id: str, said: str = "", held: str = "") -> Response:
    """said: what was just done here, a key of the texts `said`. held: the report that was decided just before."""
    taken = _take(visit, report_id)
    return draw(visit, report_id, said=said, before=held, taken=taken)


def _take(visit: Visit, report_id: str) -> Assignment | None:
    """Opening a case takes it, if it is free. Out: in whose hands it is. Raises NotFound."""
    now = visit.services.clock()
    with visit.services.database.transaction() as session:
        report = reports.find_report(session, visit.principal, report_id)
        try:
            return assignment.take_case(session, visit.principal, report, now)
        except Conflict:
            return assignment.held(session, [report_id], now).get(report_id)


@router.get("/appeals/{appeal_id}")
def appeal_page(visit: Judge, appeal_id: str, said: str = "", held: str = "") -> Response:
    return draw_appeal(visit, appeal_id, said=said, before=held)


@router.get("/appeals/{appeal_id}/files/{file_id}")
def appeal_file(visit: Judge, appeal_id: str, file_id: str) -> Response:
    """What the buyer attached, as a download. Raises NotFound, Gone."""
    with visit.services.database.reading() as session:
        appeal, _ = reports.find_appeal(session, visit.principal, appeal_id)
        row, content = attachments.read(session, visit.services.files, appeal, file_id)
    return download(content, row.name or row.id, row.media_type)


def draw(
    visit: Visit,
    report_id: str,
    failed: Failed | None = None,
    said: str = "",
    before: str = "",
    taken: Assignment | None = None,
) -> Response:
    """The workbench for a report. taken: in whose hands it is. Raises NotFound."""
    with visit.services.database.reading() as session:
        report = reports.find_report(session, visit.principal, report_id)
        if taken is None:
            taken = assignment.held(session, [report.id], visit.services.clock()).get(report.id)
        return _draw(visit, session, report, "queue", f"/queue/{report.id}", failed, said, before, taken)


def draw_appeal(
    visit: Visit, appeal_id: str, failed: Failed | None = None, said: str = "", before: str = ""
) -> Response:
    """The workbench for an appeal. Raises NotFound."""
    with visit.services.database.reading() as session:
        appeal, report = reports.find_appeal(session, visit.principal, appeal_id)
        return _draw(visit, session, report, "appeals", f"/appeals/{appeal.id}", failed, said, before)


def _draw(
    visit: Visit,
    session: Session,
    report: Report,
    area: str,
    here: str,
    failed: Failed | None,
    said: str,
    before: str,
    taken: Assignment | None = None,
) -> Response:
    bench, now = texts("queue", visit.language), visit.services.clock()
    case = gather(session, visit, report)
    waiting = area == "queue" and report.state == ReportState.NEEDS_REVIEW
    given = dict(failed.typed) if failed else visit.request.query_params
    asked = sharing.read_form(given["view"], now) if failed and "view" in given else sharing.read(given, now)
    following = urlencode({**asked.given, "after": report.id})
    return page(
        visit,
        "review/bench.html",
        area,
        failed.problem.status if failed else 200,
        b=bench,
        references=[one.value for one in Source if one not in telling.OF_A_CLAIM],
        case=case,
        here=here,
        s=texts("sharing", visit.language),
        skip=f"/queue/next?{following}" if waiting else None,
        view=asked.query,
        taken=taken if waiting else None,
        others=waiting and taken is not None and taken.judge != visit.principal.subject,
        second=assignment.second_opinions(session, [report.id]).get(report.id) if waiting else None,
        codes=REASON_CODES,
        starts={"edit_visible": "fake", "no_trace": "genuine", "other": "either"},
        wishes=[wish.value for wish in PhotoWish],
        impressions=[one for one in blind_review.IMPRESSIONS if one != "none"],
        failed=failed.problem if failed else None,
        typed=dict(failed.typed) if failed else {},
        ticked=failed.also if failed else (),
        refused=failed.refused if failed else {},
        said=bench["said"].get(said),
        held=find_held(session, [report.id]).get(report.id),
        before=queues.decided_before(session, visit.principal, before),
        files=attachments.attached(session, case.whole.appeal) if case.whole.appeal else (),
    )
