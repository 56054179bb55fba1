"""Replays days of a marketplace's traffic through the workflow's own code, as fast as this machine goes.

    python -m tests.load.day --refunds 20000 --out docs/results/day-sqlite.json
    python -m tests.load.day --database postgresql --refunds 20000 --out docs/results/day-postgresql.json
    python -m tests.load.day --filled 2500000 --refunds 4500 --out docs/results/day-ten-million.json

In: how many refunds come in 48 hours, more of them by day than by night. Each is mirrored, reported, screened (by
detections made up from one real one), and goes its way: decided by a person, appealed, withdrawn, final when its clock
rings; every webhook is taken and settled; the hourly tidying runs on the hour, with events kept for one day. The clock
is the replay's own, so that a day passes in the time that its transactions take. --filled: so many reports of the year
before are there already (`tests.load.fill`; four rows of the audit log and a webhook each), and what they wait for is
done, too.

Out: processor time of each kind of transaction in the first and the last quarter of the second day, rows of each table
on the hour, and what `tests.chaos.checks` and the audit chain's own check say of the sums at the end. Exits with 1
where a kind became slower by more than `MOST_SLOWER`, a pruned table grew over the second day, or a sum is wrong; of
reports filled in the chain alone is checked.
Events are counted in the audit log: what is in it was done, one by one, and nothing is extrapolated.
"""

import argparse
import json
import math
import os
import random
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from PIL import Image
from sqlalchemy import ColumnElement, event, func, select
from sqlalchemy.orm import InstrumentedAttribute, ORMExecuteState, with_loader_criteria

from refundlens.model.detect import Detector
from refundlens.model.names import Verdict
from refundlens.serving.app import create_app
from refundlens.serving.cli.serve import settle
from refundlens.serving.demo.scenes import draw, photograph
from refundlens.serving.events import verify
from refundlens.serving.identity.tenants import DEFAULT
from refundlens.serving.jobs import handlers, worker
from refundlens.serving.kit.context import Context, Services
from refundlens.serving.kit.ids import first_id
from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.refunds import service as refunds
from refundlens.serving.refunds.repository import lock_by_key
from refundlens.serving.refunds.schemas import Amount, Claim, RefundIn
from refundlens.serving.refunds.service import PreparedPhoto
from refundlens.serving.reports import repository, screening, service, view
from refundlens.serving.reports.schemas import AppealDecisionIn, DecisionIn, ReportIn
from refundlens.serving.reports.screening import ScreeningResult
from refundlens.serving.settings import Settings
from refundlens.serving.storage import queue
from refundlens.serving.storage.queue import LeasedJob, finish_job
from refundlens.serving.storage.tables import (
    AuditEvent,
    DetectionRecord,
    IntegrityEntry,
    Job,
    Lane,
    OutboxEvent,
    PhotoRequest,
    Refund,
    Report,
    WebhookDelivery,
    WebhookEndpoint,
)
from refundlens.serving.webhooks import queue as deliveries
from refundlens.serving.webhooks.sending import DeliveryResult
from refundlens.serving.workflow.states import ReportState, Source
from tests.chaos.checks import OF_DATABASE
from tests.load import fill
from tests.load.million import progress, started
from tests.load.rows import NOW, shop

HOURS = 48
"""The first day fills the tables that are pruned after a day; the second one is measured."""
MOST_SLOWER = 1.3
"""How many times as long, in processor time, a kind may take in the last quarter of the second day as in the first."""
MOST_GROWN = 1.2
"""How many times its rows of the same hour a day before a pruned table may have at the end: events are kept for a day,
and days are busier than nights."""
DAY = 24
FEW = 50
"""Times that a kind must have been done for its medians to say something."""
DECIDED_WITHIN = (0.2, 6.0)
"""Hours after which a person decides."""
PLATFORM = Principal(DEFAULT, "k", Role.PLATFORM, "taobao", "taobao")
JUDGES = (Principal(DEFAULT, "k", Role.ADJUDICATOR, "ann"), Principal(DEFAULT, "k", Role.ADJUDICATOR, "bob"))
SETTINGS = {"appeal_hours": 6, "appeal_answer_hours": 6, "keep_events_days": 1, "screening_minutes": 10}
"""A dispute's days become hours, so that it begins and ends within the replay."""
PRUNED = (OutboxEvent, WebhookDelivery, Job)
COUNTED = (*PRUNED, Report, AuditEvent)
EVERY = timedelta(minutes=5)
"""Of the replay's clock, between two turns of the worker."""
TAKEN = 16
"""As many jobs at a time as `serving.jobs.worker` takes; and webhooks' places of one endpoint."""
Done = TypeVar("Done")


class Day:
    """The traffic. Times are the replay's."""

    def __init__(
        self,
        services: Services,
        found: dict[str, ScreeningResult],
        total: int,
        seed: int,
        clock: list[datetime],
    ) -> None:
        self.services, self.hour = services, 0
        self._clock = clock
        self.took: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
        """Milliseconds of processor time by kind and hour."""
        self.rows: list[dict[str, int]] = []
        """Of each table, on the hour."""
        self._found, self._random, self._total = found, random.Random(seed), total
        self._made = 0
        self._people: list[tuple[datetime, str]] = []
        """When a person looks at which report."""

    @property
    def now(self) -> datetime:
        return self._clock[0]

    def play(self, seconds: float, tell: Callable[[str], None]) -> bool:
        """Whether all hours were played before so many seconds were over."""
        ends = time.monotonic() + seconds
        weights = [1 + 0.6 * math.sin((hour - 9) / 24 * 2 * math.pi) for hour in range(HOURS)]
        for hour, weight in enumerate(weights):
            self.hour = hour
            due = round(self._total * weight / sum(weights))
            steps = int(timedelta(hours=1) / EVERY)
            for step in range(steps):
                for _ in range(due * (step + 1) // steps - due * step // steps):
                    self._refund()
                self._clock[0] += EVERY
                self._work()
                self._decide()
                if time.monotonic() > ends:
                    return False
            self._look()
            self.rows.append(self.count())
            tell(f"hour {hour + 1}: {self.rows[-1]}")
        self._work()  # what the last decisions have to be told
        return True

    def _timed(self, kind: str, do: Callable[[], Done]) -> Done:
        began = time.thread_time()
        done = do()
        self.took[kind, self.hour].append((time.thread_time() - began) * 1000)
        return done

    def _in(self, kind: str, who: Principal, do: Callable[[Context], Done]) -> Done:
        """One transaction of somebody's."""

        def run() -> Done:
            with self.services.database.transaction() as session:
                return do(Context(session, self.services.settings, self.now, who))

        return self._timed(kind, run)

    def _refund(self) -> None:
        """A refund is mirrored with its photo, and reported."""
        rng, number = self._random, str(70_000_000_000_000_000 + self._made)
        self._made += 1
        account = shop(min(1999, int(rng.expovariate(1 / 200))))
        body = RefundIn(
            account=account, platform="taobao", amount=Amount(value=rng.randrange(500, 200_000)),
            buyer=f"buyer-{rng.randrange(self._total)}", claim=Claim(type="hole", text="The sleeve has a hole."),
            deadline_at=self.now + timedelta(hours=rng.uniform(8, 90)),
        )  # fmt: skip
        photo = PreparedPhoto(
            Source.REFUND, rng.randbytes(32).hex(), "IMG_2041.jpg", "image/jpeg", 1080, 1440, 412_345
        )
        self._in(
            "mirror",
            PLATFORM,
            lambda context: refunds.mirror(context, self.services.secret, number, body, [photo]),
        )
        clerk = Principal(DEFAULT, "k", Role.MERCHANT, "clerk", account)
        asked = ReportIn(refund_id=number, image=photo.sha256, note="The first photo shows no hole.")
        self._in("report", clerk, lambda context: service.submit(context, asked))

    def _work(self) -> None:
        """The worker's turn: what is due now."""
        database, lease = self.services.database, self.services.settings.lease_seconds
        for lane in (Lane.SCREENING, Lane.TIMER):
            while jobs := self._timed(
                f"take {lane}",
                lambda lane=lane: queue.take(database, self.now, lease, TAKEN, lane),  # type: ignore[misc]
            ):
                for job in jobs:
                    self._do(job)
        while claimed := self._timed(
            "claim webhooks",
            lambda: deliveries.claim(database, self.now, timedelta(seconds=lease), TAKEN, {}),
        ):
            for one in claimed:
                answer = DeliveryResult(200, "ok")
                self._timed(
                    "webhook",
                    lambda one=one, answer=answer: deliveries.record_outcome(database, one, answer, self.now),  # type: ignore[misc]
                )

    def _do(self, job: LeasedJob) -> None:
        parts = self.services
        if job.kind == worker.KIND:
            metrics = parts.metrics.workflow
            self._timed(
                "tidy",
                lambda: worker.tidy(parts.database, parts.files, parts.settings, metrics, self.now, job),
            )
        elif job.kind == "screen":
            self._in("screen", PLATFORM, lambda context: self._screen(context, job))
        else:
            self._timed("clock", lambda: self._ring(job))

    def _ring(self, job: LeasedJob) -> None:
        with self.services.database.transaction() as session:
            handlers.run_timer(Context(session, self.services.settings, self.now), job)

    def _screen(self, context: Context, job: LeasedJob) -> None:
        """As `serving.jobs.screener` concludes, with one of three answers."""
        reports = repository.of_claim(context.session, job.ref)
        refund = lock_by_key(context.session, reports[0].refund_id)
        finish_job(context.session, job)
        (verdict,) = self._random.choices(("fake", "authentic", "inconclusive"), (30, 40, 30))
        found = {report.image_id: self._found[verdict] for report in reports}
        ours = Context(context.session, context.settings, context.now)
        screening.conclude(ours, job.ref, refund, found)
        for report in reports:
            later = self.now + timedelta(hours=self._random.uniform(*DECIDED_WITHIN))
            self._people.append((later, report.id))

    def _decide(self) -> None:
        """People's turn: they decide what waits for them, and some of what was decided is objected to."""
        due = [one for one in self._people if one[0] <= self.now]
        self._people = [one for one in self._people if one[0] > self.now]
        for _, identifier in due:
            with self.services.database.reading() as session:
                report = session.get_one(Report, identifier)
            state, chance = ReportState(report.state), self._random.random()
            again = self.now + timedelta(hours=self._random.uniform(0.5, 3))
            clerk = Principal(DEFAULT, "k", Role.MERCHANT, "clerk", report.account)
            if state is ReportState.NEEDS_REVIEW and chance < 0.05:
                self._in("withdraw", clerk, lambda c, i=identifier: service.withdraw(c, i, None))  # type: ignore[misc]
            elif state is ReportState.NEEDS_REVIEW:
                fake = chance < 0.5
                said = DecisionIn(
                    decision="established" if fake else "not_established",
                    reason_code="edit_visible" if fake else "no_trace",
                    reason="The weave is broken there.",
                )
                self._in("decide", JUDGES[0], lambda c, i=identifier, s=said: service.decide(c, i, s, None))  # type: ignore[misc]
                self._people.append((again, identifier))
            elif state in (ReportState.ESTABLISHED, ReportState.NOT_ESTABLISHED) and chance < 0.1:
                who = JUDGES[0] if state is ReportState.ESTABLISHED else clerk
                self._in("appeal", who, lambda c, i=identifier, w=who: service.appeal(c, i, "Look again."))  # type: ignore[misc]
                self._people.append((again, identifier))
            elif state is ReportState.APPEALED:
                self._answer(identifier, report.was == ReportState.ESTABLISHED, chance < 0.7)

    def _answer(self, identifier: str, fake: bool, upheld: bool) -> None:
        said = AppealDecisionIn(
            decision="uphold" if upheld else "overturn",
            reason_code="edit_visible" if fake == upheld else "no_trace",
            reason="Looked at again.",
        )

        def do(context: Context) -> None:
            whole = repository.report_detail(context.session, context.session.get_one(Report, identifier))
            assert whole.appeal is not None
            service.decide_appeal(context, whole.appeal.id, said)

        self._in("decide appeal", JUDGES[1], do)

    def _look(self) -> None:
        """What people look at meanwhile: the queue's first page and the newest reports, as the API makes them."""
        wanted = repository.Filter()
        with self.services.database.reading() as session:
            context = Context(session, self.services.settings, self.now, JUDGES[0])
            for kind, ask in (
                ("page of the queue", lambda: repository.queue(session, JUDGES[0], wanted, None, 50)),
                ("page of the newest", lambda: repository.newest(session, JUDGES[0], wanted, None, 50)),
            ):
                for _ in range(5):
                    self._timed(kind, lambda ask=ask: [  # type: ignore[misc]
                        view.report_out(context, whole, steps=False)
                        for whole in repository.report_details(session, ask())
                    ])  # fmt: skip

    def count(self) -> dict[str, int]:
        with self.services.database.reading() as session:
            return {
                table.__tablename__: session.execute(select(func.count()).select_from(table)).scalar_one()
                for table in COUNTED
            }


def _of_played(column: InstrumentedAttribute[Any]) -> ColumnElement[bool]:
    """Ids sort by time behind their prefix of four letters: those of the replay come after the year before it."""
    return func.substr(column, 5) >= first_id("", NOW)[1:11]


def _only_played(asked: ORMExecuteState) -> None:
    """Leaves the year before the replay out of what a session selects."""
    asked.statement = asked.statement.options(
        *(
            with_loader_criteria(table, _of_played(column))
            for table, column in (
                (Refund, Refund.id), (Report, Report.id), (DetectionRecord, DetectionRecord.id), (Job, Job.ref),
                (IntegrityEntry, IntegrityEntry.report_id), (PhotoRequest, PhotoRequest.report_id),
                (AuditEvent, AuditEvent.object_id),
            )
        )
    )  # fmt: skip


def sums(services: Services) -> list[str]:
    """What does not fit what was done, in words."""
    with services.database.reading() as session:
        event.listen(session, "do_orm_execute", _only_played)
        wrong = [fault for check in OF_DATABASE for fault in check(session)]
        known = set(session.execute(select(OutboxEvent.id)).scalars())
        told = set(session.execute(select(WebhookDelivery.event_id)).scalars())
    with services.database.reading() as session:
        chain = verify.verify(session, DEFAULT)
    if chain.broken is not None:
        wrong.append(f"the audit chain is broken at row {chain.broken}")
    if known != told:
        wrong.append(f"{len(known ^ told)} events and their deliveries do not fit")
    return wrong


def slower(
    took: Mapping[tuple[str, int], list[float]], first: range, last: range
) -> dict[str, dict[str, float]]:
    """By kind: medians of two stretches of hours in milliseconds, the p99 of both together, and how many there were."""
    found = {}
    for kind in sorted({kind for kind, _ in took}):
        early, late = ([ms for hour in hours for ms in took.get((kind, hour), ())] for hours in (first, last))
        if early and late:
            before, after = statistics.median(early), statistics.median(late)
            found[kind] = {
                "count": sum(len(of_hour) for (one, _), of_hour in took.items() if one == kind),
                "first_ms": round(before, 2), "last_ms": round(after, 2), "ratio": round(after / before, 2),
                "p99_ms": round(float(np.percentile(early + late, 99)), 2),
            }  # fmt: skip
    return found


def faults(day: Day, kinds: Mapping[str, Mapping[str, float]]) -> list[str]:
    """What is not flat, in words. A kind that was done a few times only says nothing."""
    wrong = [
        f"{kind}: {one['first_ms']} ms at first, {one['last_ms']} ms at last"
        for kind, one in kinds.items()
        if one["ratio"] > MOST_SLOWER and one["count"] >= FEW
    ]
    for table in PRUNED:
        name = table.__tablename__
        before, after = day.rows[-1 - DAY][name], day.rows[-1][name]
        if after > MOST_GROWN * before:
            wrong.append(f"{name}: {before} rows a day before the end, {after} then")
    return wrong


def main() -> int:
    given = _arguments()
    detector = Detector(threads=1)
    load = os.getloadavg()
    with started(given.database) as url, tempfile.TemporaryDirectory() as folder:
        clock = [NOW]
        settings = Settings(database_url=url, data_dir=Path(folder), demo=False, worker=False, **SETTINGS)  # type: ignore[arg-type]
        services: Services = create_app(settings, detector, lambda: clock[0]).state
        found = _answers(detector, services)
        _endpoint(services)
        queue.ensure(services.database, worker.KIND, worker.REF, NOW)
        if given.filled:
            fill.fill(services.database, given.filled, tell=progress(given.filled))
        settle()
        day, began = Day(services, found, given.refunds, given.seed, clock), time.monotonic()
        whole = day.play(given.minutes * 60, lambda line: print(line, file=sys.stderr, flush=True))
        seconds = round(time.monotonic() - began)
        rows = day.count()
        wrong = sums(services)
    quarter = len(day.rows) // 8
    hours = len(day.rows)
    kinds = slower(day.took, range(hours // 2, hours // 2 + quarter), range(hours - quarter, hours))
    if whole:
        wrong += faults(day, kinds)
    result = {
        "database": given.database.partition(":")[0],
        "filled_reports": given.filled,
        "played_hours": hours,
        "whole": whole,
        "seconds": seconds,
        "load_average": {"before": load, "after": os.getloadavg()},
        "audit_events": rows[AuditEvent.__tablename__],
        "rows_at_the_end": rows,
        "rows_by_hour": day.rows,
        "processor_ms": kinds,
        "wrong": wrong,
    }
    _print(result)
    if given.out:
        given.out.write_text(f"{json.dumps(result, indent=1)}\n", encoding="utf-8")
    return 1 if wrong or not whole else 0


def _answers(detector: Detector, services: Services) -> dict[str, ScreeningResult]:
    """By verdict: one real detection, with another verdict and what that rests on."""
    rng, kept = np.random.default_rng(0), BytesIO()
    Image.fromarray(photograph(draw("shirt", 480, 640, rng), rng)).save(kept, "JPEG", quality=90)
    real = screening.keep_maps(services.files, detector.detect(kept.getvalue()))
    assert real.detection is not None

    def told(verdict: Verdict, probability: float, **more: float) -> ScreeningResult:
        rest = {
            "false_accusation_bound": None,
            "miss_bound": None,
            "suspect": False,
            "suspect_bound": None,
            **more,
        }
        changed = {"verdict": verdict, "probability": probability, **rest}
        return replace(real, detection=real.detection.model_copy(update=changed))  # type: ignore[union-attr]

    return {
        "fake": told("fake", 0.97, false_accusation_bound=0.005),
        "authentic": told("authentic", 0.03, miss_bound=0.1),
        "inconclusive": told("inconclusive", 0.5),
    }


def _endpoint(services: Services) -> None:
    with services.database.transaction() as session:
        session.add(
            WebhookEndpoint(
                id="whe_day", tenant_id=DEFAULT, version=1, url="https://day.example/hook", created_at=NOW,
                updated_at=NOW,
            )
        )  # fmt: skip


def _print(result: dict[str, Any]) -> None:
    print(f"{result['played_hours']} hours, {result['audit_events']:,} events in {result['seconds']} s")
    print(f"\n{'transaction':22} {'count':>8} {'first ms':>9} {'last ms':>9} {'ratio':>6} {'p99 ms':>8}")
    for kind, one in result["processor_ms"].items():
        print(
            f"{kind:22} {one['count']:8.0f} {one['first_ms']:9.2f} {one['last_ms']:9.2f} {one['ratio']:6.2f} "
            f"{one['p99_ms']:8.2f}"
        )
    for line in result["wrong"][:20]:
        print(line, file=sys.stderr)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--database",
        default="sqlite",
        help="`sqlite`, `postgresql` (started for this run), or an empty one's URL",
    )
    parser.add_argument("--refunds", type=int, default=20_000, help="that come in 48 hours")
    parser.add_argument(
        "--minutes",
        type=float,
        default=24 * 60,
        help="stop after so many; the sums are made of what was played",
    )
    parser.add_argument("--filled", type=int, default=0, help="reports of the year before that are there")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
