"""Has a new champion judge the cases that are open, some at a time, when nobody waits for the engine.

In: the job that a promotion left. Out: rows of `serving.registry.rescoring`. No report changes and nobody is told a
verdict: what stands was decided by a person or under the bound of its day, and only a person decides it anew.
"""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from refundlens.model.detection import Detection
from refundlens.model.photo.image import ImageError
from refundlens.serving.engine.engine import Engine
from refundlens.serving.engine.job import Overloaded
from refundlens.serving.events import audit
from refundlens.serving.events.audit import Fact
from refundlens.serving.http.budgets import group_of_tenant
from refundlens.serving.identity import tenants
from refundlens.serving.kit.clock import Clock
from refundlens.serving.kit.roles import DETECTOR, SYSTEM
from refundlens.serving.registry import rescoring
from refundlens.serving.registry.stages import Stage
from refundlens.serving.reports import screening
from refundlens.serving.settings import Settings
from refundlens.serving.storage import queue
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.files import FileError, FileStore
from refundlens.serving.storage.queue import LeasedJob
from refundlens.serving.storage.tables import DetectionRecord, Image, ModelVersion, Refund, Report, Rescore
from refundlens.serving.workflow import guards, suppliers
from refundlens.serving.workflow.states import ReportState

AT_A_TIME = 16
"""Cases judged between two notes of how far it is: what a process that dies has to do again."""
NOT_YET = timedelta(seconds=5)
"""A process that does not run the new champion leaves the job for that long."""
PATIENCE = 300.0
"""Seconds that one photo may wait in the engine, behind all for which somebody waits."""
MOST_ATTEMPTS = 4
"""At some cases together; a photo that fails on our side is noted as failed then."""
_OPEN = (ReportState.NEEDS_REVIEW, ReportState.ESTABLISHED, ReportState.NOT_ESTABLISHED, ReportState.APPEALED)
"""Screened, and not final; what is still to be screened meets the new champion by itself."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Case:
    report: str
    tenant: str
    stands: ReportState
    by_person: bool
    sha256: str
    erased: bool
    claim: str | None
    independent: bool
    most: float
    """The tenant's limit on the miss bound."""
    was: tuple[str, str, float] | None
    """Model, verdict, probability of the screening."""


class Rescorer:
    def __init__(
        self, database: Database, files: FileStore, engine: Engine, settings: Settings, clock: Clock
    ) -> None:
        self._database, self._files, self._engine = database, files, engine
        self._settings, self._clock = settings, clock

    async def rescore(self, job: LeasedJob) -> None:
        """Raises LeaseLost, the engine's Overloaded, and what goes wrong on our side while attempts are left."""
        sha256 = await asyncio.to_thread(self._champion, job.ref)
        if sha256 is not None and sha256 != self._engine.detector.name.sha256:
            await asyncio.to_thread(queue.put_off, self._database, job, self._clock() + NOT_YET)
            return
        cases, last = await asyncio.to_thread(self._cases, job.data.get("after"), sha256)
        judging = [asyncio.create_task(self._judge(case, job)) for case in cases]
        try:
            found = await asyncio.gather(*judging)
        finally:
            for task in judging:  # one photo's trouble has all tried again: the others need not go on
                task.cancel()
        await asyncio.to_thread(self._keep, job, list(zip(cases, found, strict=True)), last)

    def _champion(self, version: str) -> str | None:
        """The version's hash; none where it judges no more."""
        with self._database.reading() as session:
            row = session.get(ModelVersion, version)
            return row.sha256 if row is not None and row.stage == Stage.CHAMPION else None

    def _cases(self, after: str | None, champion: str | None) -> tuple[list[_Case], str | None]:
        """The next cases that another model judged, and the last report looked at; none where there are no more."""
        if champion is None:
            return [], None
        asked = (
            select(Report, Image, Refund.claim_type, DetectionRecord)
            .join(Image, Image.id == Report.image_id)
            .join(Refund, Refund.id == Report.refund_id)
            .outerjoin(DetectionRecord, DetectionRecord.id == Report.screening_id)
            .where(Report.live.is_not(None), Report.state.in_([state.value for state in _OPEN]))
        )
        if after is not None:
            asked = asked.where(Report.id > after)
        with self._database.reading() as session:
            rows = session.execute(asked.order_by(Report.id).limit(AT_A_TIME)).all()
            others = [row for row in rows if row[3] is None or _judged_by(row[3]) != champion]
            return [self._case(session, *row) for row in others], rows[-1][0].id if rows else None

    def _case(
        self, session: Session, report: Report, image: Image, claim: str | None, said: DetectionRecord | None
    ) -> _Case:
        appealed = report.state == ReportState.APPEALED  # what stood before stands until it is answered
        stands = ReportState(report.was if appealed and report.was else report.state)
        return _Case(
            report=report.id,
            tenant=report.tenant_id,
            stands=stands,
            by_person=stands is not ReportState.NEEDS_REVIEW and report.decided_by != DETECTOR.name,
            sha256=image.sha256,
            erased=image.erased_at is not None,
            claim=claim,
            independent=suppliers.is_independent(self._settings, image, report.reported_by),
            most=guards.chosen_miss_limit(session, self._settings, report.tenant_id),
            was=(said.model_version, said.verdict, said.probability) if said else None,
        )

    async def _judge(self, case: _Case, job: LeasedJob) -> Detection | str:
        """What the champion says now, or why it says nothing."""
        if case.erased:
            return "erased"
        try:
            data = await asyncio.to_thread(self._files.get, case.sha256)
            answer = await self._engine.detect(
                data,
                screening.defect_of(case.claim),
                patience=PATIENCE,
                priority="bulk",
                group=group_of_tenant(case.tenant),
            )
            return answer.detection
        except ImageError as error:
            return error.code
        except FileError as error:
            _log.error("a photo cannot be judged again: %s", error)
            return "file_missing"
        except Overloaded:
            raise
        except Exception:
            if job.attempts < MOST_ATTEMPTS:
                raise
            _log.exception("photo %s cannot be judged again", case.sha256)
            return "engine_failed"

    def _keep(self, job: LeasedJob, found: Sequence[tuple[_Case, Detection | str]], last: str | None) -> None:
        now = self._clock()
        with self._database.transaction() as session:
            for case, said in found:
                session.merge(_row(job.ref, case, said, now))
            if last is not None:
                queue.repeat(session, job, now, {"after": last})
                return
            queue.finish_job(session, job)
            told = rescoring.summary(session, job.ref, None)
            data = {"cases": told.cases, "changed": told.changed, "failed": told.failed}
            audit.append(session, tenants.DEFAULT, now, SYSTEM, Fact("model.rescored", job.ref, data=data))


def _judged_by(said: DetectionRecord) -> str | None:
    """The hash of the model."""
    model = said.body.get("model") or {}
    return model.get("sha256")


def _row(version: str, case: _Case, said: Detection | str, now: datetime) -> Rescore:
    found = said if isinstance(said, Detection) else None
    would = case.stands
    if found is not None:
        would = screening.alone(found.verdict, found.miss_bound, case.independent, case.most)
    model, verdict, probability = case.was or (None, None, None)
    return Rescore(
        model_version=version,
        report_id=case.report,
        tenant_id=case.tenant,
        stands=case.stands.value,
        would=would.value,
        by_person=case.by_person,
        was_model=model,
        was_verdict=verdict,
        was_probability=probability,
        verdict=found.verdict if found else None,
        probability=found.probability if found else None,
        error=None if isinstance(said, Detection) else said,
        created_at=now,
    )
