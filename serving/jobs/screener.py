"""Has the photos of a job judged and their reports concluded.

In: a job that names a click's reports, or one photo. Out: the same as `serving.reports.screening`. The detector works
before the transaction; inside it, states are read again.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from itertools import islice

from sqlalchemy import select
from sqlalchemy.orm import Session

from refundlens.model.detection import Detection
from refundlens.model.names import Defect
from refundlens.model.photo.image import ImageError
from refundlens.model.verdict.selection import with_reasons
from refundlens.serving.detection.references import SAME_PLACE, Reference, compared, read_reference
from refundlens.serving.detection.views import MOST_PHOTOS, Marked, marked_by, marked_in, seen_in_others
from refundlens.serving.engine.engine import Engine
from refundlens.serving.engine.job import Expired, Overloaded
from refundlens.serving.http.budgets import group_of_tenant
from refundlens.serving.kit.clock import Clock
from refundlens.serving.kit.context import Context
from refundlens.serving.refunds.repository import lock_by_key
from refundlens.serving.reports import repository, screening
from refundlens.serving.reports.screening import ScreeningResult
from refundlens.serving.reuse.finder import Finder
from refundlens.serving.reuse.telling import reuse_of_image
from refundlens.serving.settings import Settings
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.files import FileError, FileStore
from refundlens.serving.storage.queue import LeasedJob, finish_job
from refundlens.serving.storage.tables import DetectionRecord, Image, Refund
from refundlens.serving.workflow import timers
from refundlens.serving.workflow.states import ReportState, Source

MOST_ATTEMPTS = 4
"""Attempts after which a person looks at the photo instead, those counted whose process died. Faults on our side that
pass by themselves are over in the fifteen seconds that these take at least."""
PATIENCE = 300.0
"""Seconds that one attempt may wait in the engine: a large photo takes ten on a slow machine, the rest is its queue."""
MOST_COMPARED = 3
"""Pictures of the listing that a photo is laid over: some tenths of a second each."""
Picture = Callable[[str, str], Reference | None]
"""A picture of the listing by name and SHA-256."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Photo:
    """group: whose it is: tenants take turns in the engine. listing: name and SHA-256 of the shop's own pictures.
    others: SHA-256 of the refund's photos by buyers, this one's included, with what was marked on those judged before.
    """

    image_id: str
    sha256: str
    claim: Defect | None
    group: str
    listing: Sequence[tuple[str, str]]
    others: Mapping[str, Marked | None]


class Screener:
    def __init__(
        self,
        database: Database,
        files: FileStore,
        engine: Engine,
        settings: Settings,
        clock: Clock,
        finder: Finder,
    ) -> None:
        self._database, self._files, self._engine = database, files, engine
        self._settings, self._clock, self._finder = settings, clock, finder

    async def screen(self, job: LeasedJob) -> None:
        """Raises LeaseLost, the engine's Overloaded, and what goes wrong on our side while attempts are left."""
        photos, ends = await asyncio.to_thread(self._photos, job)
        picture = cache(self._picture)  # a claim's photos are laid over the same pictures
        judging = [asyncio.create_task(self._judge(photo, job, ends, picture)) for photo in photos]
        try:
            found = await asyncio.gather(*judging)
        finally:
            for task in judging:  # one photo's trouble has all tried again: the others need not go on
                task.cancel()
        found = await asyncio.to_thread(self._beside_others, photos, found)
        by_image = {photo.image_id: what for photo, what in zip(photos, found, strict=True)}
        await asyncio.to_thread(self._conclude, job, by_image)

    def _photos(self, job: LeasedJob) -> tuple[Sequence[_Photo], datetime]:
        """The photos of a job, and when a person gets them."""
        with self._database.reading() as session:
            ends = job.created_at + timedelta(minutes=self._settings.screening_minutes)
            if job.kind == timers.SCREEN_EXTRA:
                images = [session.get_one(Image, job.ref)]
            else:
                ends = timers.screening_ends(session, job.ref) or ends
                reports = repository.of_claim(session, job.ref)
                waiting = [report for report in reports if report.state == ReportState.SUBMITTED]
                images = [session.get_one(Image, report.image_id) for report in waiting]
            if not images:
                return [], ends
            refund = session.get_one(Refund, images[0].refund_id)  # a job's photos are of one
            claim, group = screening.defect_of(refund.claim_type), group_of_tenant(refund.tenant_id)
            listing, others = _listing(session, refund.id), _by_buyer(session, refund.id)
            return [_Photo(image.id, image.sha256, claim, group, listing, others) for image in images], ends

    async def _judge(
        self, photo: _Photo, job: LeasedJob, ends: datetime, picture: Picture
    ) -> ScreeningResult:
        left = (ends - self._clock()).total_seconds()
        if job.attempts > MOST_ATTEMPTS:
            _log.error("photo %s ended %d attempts; a person looks at it", photo.image_id, MOST_ATTEMPTS)
            return ScreeningResult(error="engine_failed")
        if left <= 0:
            return ScreeningResult(error="too_slow")
        try:
            data = await asyncio.to_thread(self._files.get, photo.sha256)
            answer = await self._engine.detect(
                data, photo.claim, group=photo.group, patience=min(left, PATIENCE)
            )
            detection = await asyncio.to_thread(self._beside_listing, answer.detection, data, photo, picture)
            return await asyncio.to_thread(screening.keep_maps, self._files, detection)
        except ImageError as error:
            return ScreeningResult(error=error.code)
        except FileError as error:
            _log.error("a photo cannot be screened: %s", error)
            return ScreeningResult(error="file_missing")
        except Overloaded:
            raise
        except Exception as error:
            if job.attempts < MOST_ATTEMPTS:
                raise
            _log.exception("photo %s cannot be judged; a person looks at it", photo.image_id)
            return ScreeningResult(error="too_slow" if isinstance(error, Expired) else "engine_failed")

    def _picture(self, name: str, digest: str) -> Reference | None:
        """A picture of the listing; none where it cannot be read."""
        try:
            return read_reference(name, self._files.get(digest))
        except (FileError, ImageError) as error:
            _log.warning("a listing's picture cannot be compared: %s", error)
            return None

    def _beside_listing(
        self, detection: Detection, data: bytes, photo: _Photo, picture: Picture
    ) -> Detection:
        """The detection with what the listing's pictures say of the photo, where it is one of their shots or nearly."""
        references = [found for one in photo.listing if (found := picture(*one)) is not None]
        if not references:
            return detection
        said = compared(detection, data, references, self._settings.language)
        return with_reasons(detection, [reason for reason in said if reason.code in SAME_PLACE])

    def _beside_others(
        self, photos: Sequence[_Photo], found: Sequence[ScreeningResult]
    ) -> list[ScreeningResult]:
        """The same results with what the refund's photos show together."""
        judged = {
            photo.sha256: marked_by(one.detection)
            for photo, one in zip(photos, found, strict=True)
            if one.detection is not None
        }
        others = photos[0].others if photos else {}
        before = {digest: marked for digest, marked in others.items() if marked and digest not in judged}
        files, wanted = {}, dict.fromkeys([*judged, *before, *others])
        if len(wanted) < 2:  # most refunds have one photo: nothing to read again
            return list(found)
        for digest in islice(wanted, MOST_PHOTOS):
            try:
                files[digest] = self._files.get(digest)
            except FileError as error:
                _log.warning("a photo of the same claim cannot be compared: %s", error)
        said = seen_in_others(judged, before, files, self._settings.language)
        return [
            replace(one, detection=with_reasons(one.detection, said[photo.sha256]))
            if one.detection and photo.sha256 in said
            else one
            for photo, one in zip(photos, found, strict=True)
        ]

    def _conclude(self, job: LeasedJob, found: dict[str, ScreeningResult]) -> None:
        now = self._clock()
        reused = set() if job.kind == timers.SCREEN_EXTRA else self._reused(found, now)
        with self._database.transaction() as session:
            context = Context(session, self._settings, now)
            if job.kind == timers.SCREEN_EXTRA:
                image = session.get_one(Image, job.ref)
                finish_job(session, job)
                screening.keep_extra(session, image, found[image.id], now)
                return
            reports = repository.of_claim(session, job.ref)
            refund = lock_by_key(session, reports[0].refund_id)
            finish_job(session, job)
            screening.conclude(context, job.ref, refund, found, reused=reused)

    def _reused(self, images: Iterable[str], now: datetime) -> set[str]:
        """Those whose picture is in other claims, too. Before any transaction: each takes some 40 ms. It only says in
        which order people look: where it cannot be told, photos are judged all the same."""
        try:
            with self._database.reading() as session:
                found = {
                    image: reuse_of_image(session, self._finder, session.get_one(Image, image), now)
                    for image in images
                }
        except Exception:
            _log.exception("photos cannot be looked for in other claims; the queue's order goes without")
            return set()
        return {image for image, one in found.items() if one is not None and (one.uses or one.elsewhere)}


def _by_buyer(session: Session, refund_id: str) -> Mapping[str, Marked | None]:
    kept = (
        select(Image.sha256, DetectionRecord.body)
        .outerjoin(DetectionRecord, DetectionRecord.image_id == Image.id)
        .where(Image.refund_id == refund_id, Image.source.in_(Source.by_buyer()), Image.erased_at.is_(None))
        .order_by(Image.id, DetectionRecord.id)
        .limit(4 * MOST_PHOTOS)
    )
    return {digest: marked_in(body) if body else None for digest, body in session.execute(kept)}


def _listing(session: Session, refund_id: str) -> Sequence[tuple[str, str]]:
    kept = select(Image).where(
        Image.refund_id == refund_id, Image.source == Source.LISTING.value, Image.erased_at.is_(None)
    )
    found = session.execute(kept.order_by(Image.id).limit(MOST_COMPARED)).scalars()
    return [(image.name or image.id, image.sha256) for image in found]
