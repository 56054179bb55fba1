"""A whole run: start, load, kill and start again, let it come to rest, check.

In: `Plan`. Out: `Summary`, with all evidence. The services are real processes; only the harness knows when they die.
"""

import json
import os
import re
import subprocess
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from math import inf
from pathlib import Path
from random import Random

from sqlalchemy import func, or_, select, update

from refundlens.serving.kit.clock import utc_now
from refundlens.serving.storage.database import Database, sqlite_url
from refundlens.serving.storage.tables import (
    AuditEvent,
    DetectionRecord,
    Job,
    Lane,
    OutboxEvent,
    Report,
    WebhookDelivery,
)
from refundlens.serving.workflow.states import ReportState
from tests.chaos import checks, events
from tests.chaos.client import Asked, Client, Memory
from tests.chaos.disputes import ADMIN, KEYS, Disputes
from tests.chaos.receiver import Receiver
from tests.chaos.services import ROOT, Cold, Forked, Launcher, Service
from tests.chaos.troubles import DatabaseServer, Machine
from tests.support.ports import free_port

SHORTEST, LONGEST = 0.05, 1.5
"""Seconds a service lives after its first answer, at random in between."""
SLOWEST_ANSWER = 5.0
"""Seconds after which it is killed without one."""
DURING_START = 0.15
"""Share of the kills that come before it answers."""
LEASE_SECONDS = 2
"""So that the jobs of the dead are soon taken by others."""
APPEAL_HOURS = 0.001
"""3.6 seconds: clocks ring under load, too."""
REST_SECONDS = 600.0
"""How long coming to rest may take: leases on messages end after 30 s, and a busy machine has thousands to send."""
_DONE = re.compile(r'^refundlens_jobs_total\{.*result="done".*\} (\S+)', re.MULTILINE)


@dataclass(frozen=True)
class Plan:
    """database: a URL, empty for SQLite in the folder. seconds: how long the load lasts where nobody is killed.
    longest: seconds after which nobody else is killed; the summary says how many were.
    hurry: when all are dead, end their leases on messages by hand instead of waiting for 30 seconds."""

    folder: Path
    bundle: Path
    database: str = ""
    kills: int = 100
    processes: int = 1
    clients: int = 6
    seconds: float = 20.0
    longest: float = inf
    seed: int = 1
    cold: bool = False
    hurry: bool = False
    troubles: int = 0
    """How often each of `troubles` comes, between kills."""
    server: DatabaseServer | None = None


@dataclass
class Summary:
    """requests: sent, repeated ones included; answered: with success, each once. lost: connections that broke.
    redeliveries: messages that came again under their id. jobs: done by each process, as far as it lived to tell."""

    database: str
    processes: int
    kills: int = 0
    kills_during_start: int = 0
    requests: int = 0
    answered: int = 0
    lost: int = 0
    replayed: int = 0
    reports: int = 0
    events: int = 0
    redeliveries: int = 0
    audit_rows: int = 0
    screenings: int = 0
    states: dict[str, int] = field(default_factory=dict)
    jobs: list[int] = field(default_factory=list)
    log: dict[str, int] = field(default_factory=dict)
    troubles: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    rest_seconds: float = 0.0
    evidence: list[str] = field(default_factory=list)

    def json(self) -> str:
        return json.dumps(asdict(self), indent=1, ensure_ascii=False)


class Run:
    """One run of a plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._chance, self._memory = Random(plan.seed), Memory()
        self._receiver = Receiver(plan.seed)
        self._url = plan.database or sqlite_url(plan.folder / "var")
        self._log, self._clock = plan.folder / "service.log", plan.folder / "clock"
        self._launcher: Launcher = Cold() if plan.cold else Forked()
        self._services = [
            Service(self._launcher, free_port(), self._log, self._variables()) for _ in range(plan.processes)
        ]
        self._stopping = threading.Event()
        self._jobs = [0] * plan.processes

    def whole(self) -> Summary:
        """Start to end. Raises TimeoutError where a service does not start."""
        began = time.monotonic()
        summary = Summary(self._url.partition(":")[0].partition("+")[0], self._plan.processes)
        try:
            self._begin(summary)
            clients = self._load()
            self._kill_and_start(summary)
            self._stopping.set()
            for client in clients:
                client.join()
            self._rest(summary)
            summary.evidence += self._memory.faults
            summary.evidence += self._replay(summary)
            self._count_jobs()
        finally:
            for service in self._services:
                service.kill()
            self._launcher.close()
            self._receiver.close()
        summary.evidence += self._check(summary)
        summary.seconds = round(time.monotonic() - began, 1)
        return summary

    def _begin(self, summary: Summary) -> None:
        """Kill a few starts on the empty database, start, and register the receiver."""
        for _ in range(min(2, self._plan.kills)):
            self._start_all()
            time.sleep(self._chance.uniform(0, 0.4))
            self._kill_all()
            summary.kills += 1
            summary.kills_during_start += 1
        self._start_all()
        self._wait_all()
        client = self._client()
        made = client.ask(
            Asked(ADMIN, "POST", "/v1/webhook-endpoints", {"url": self._receiver.url}, str(uuid.uuid4()))
        )
        self._receiver.secret = made.body["secret"]
        client.close()

    def _load(self) -> list[threading.Thread]:
        threads = []
        for _ in range(self._plan.clients):
            chance = Random(self._chance.getrandbits(64))
            disputes = Disputes(self._client(chance), self._memory, chance)
            thread = threading.Thread(target=disputes.play, args=(self._stopping.is_set,), daemon=True)
            thread.start()
            threads.append(thread)
        return threads

    def _kill_and_start(self, summary: Summary) -> None:
        if summary.kills >= self._plan.kills:
            time.sleep(self._plan.seconds)
        starting = False
        machine = Machine(
            self._plan.folder / "var", self._clock, self._plan.bundle, self._plan.server, self._services
        )
        troubles = [one for one in machine.troubles() for _ in range(self._plan.troubles)]
        self._chance.shuffle(troubles)
        every = max(1, self._plan.kills // (len(troubles) + 1))
        ends = time.monotonic() + self._plan.longest
        while summary.kills < self._plan.kills and time.monotonic() < ends:
            if not starting:
                self._wait_all()
                self._wait_for_an_answer()
            time.sleep(self._chance.uniform(SHORTEST, LONGEST))
            self._count_jobs()
            victims = self._services if self._chance.random() < 0.3 else [self._chance.choice(self._services)]
            for victim in victims:
                victim.kill()
            summary.kills += 1
            summary.kills_during_start += starting
            self._start_all()
            starting = self._chance.random() < DURING_START
            if troubles and summary.kills % every == 0:
                self._make_trouble(troubles.pop(), summary)
        while troubles:
            self._make_trouble(troubles.pop(), summary)
        self._wait_all()

    def _make_trouble(self, trouble: Callable[[], None], summary: Summary) -> None:
        """Under load, and of nobody who lives through it may it be the end."""
        self._wait_all()
        self._wait_for_an_answer()
        trouble()
        name = trouble.__name__
        summary.troubles[name] = summary.troubles.get(name, 0) + 1
        summary.evidence += [f"{name} ended a service" for service in self._services if service.fell]
        self._wait_all()
        self._wait_for_an_answer()

    def _rest(self, summary: Summary) -> None:
        """Until nothing is due any more."""
        began = time.monotonic()
        if self._plan.hurry:
            self._count_jobs()
            self._kill_all()
            self._end_leases()
            self._start_all()
        self._wait_all()
        database = Database(self._url)
        try:
            while time.monotonic() - began < REST_SECONDS:
                if not _anything_left(database):
                    break
                time.sleep(0.2)
            else:
                summary.evidence.append(f"after {REST_SECONDS:.0f} s there is still something to be done")
        finally:
            database.close()
        summary.rest_seconds = round(time.monotonic() - began, 1)

    def _end_leases(self) -> None:
        """Nobody lives who could hold one."""
        database = Database(self._url)
        with database.transaction() as session:
            pending = update(Job).where(Job.lane == Lane.WEBHOOK.value)
            session.execute(pending.values(due_at=utc_now()))
        database.close()

    def _replay(self, summary: Summary) -> Iterator[str]:
        """Ask everything again under its key: the same answer, from the store."""
        client = self._client()
        once = {asked.key: (asked, told) for asked, told in self._memory.good("POST")}
        for asked, told in once.values():
            again = client.ask(asked)
            summary.replayed += 1
            if (again.status, again.body) != (told.status, told.body) or not again.replayed:
                yield f"{asked.path} under {asked.key} was answered anew: {again}"
        client.close()

    def _check(self, summary: Summary) -> list[str]:
        database = Database(self._url)
        found: list[str] = []
        with database.reading() as session:
            for of_database in (*checks.OF_DATABASE, events.published, events.outcomes):
                found += of_database(session)
            for of_clients in checks.OF_CLIENTS:
                found += of_clients(session, self._memory)
            found += events.received(session, self._receiver)
            counts = [session.scalar(select(func.count()).select_from(table)) or 0
                      for table in (Report, OutboxEvent, AuditEvent, DetectionRecord)]  # fmt: skip
            states = session.execute(select(Report.state, func.count()).group_by(Report.state)).tuples().all()
            summary.states = dict(sorted(states))
        database.close()
        summary.reports, summary.events, summary.audit_rows, summary.screenings = counts
        summary.requests, summary.lost = self._memory.sent, self._memory.lost
        good = [*self._memory.good("POST"), *self._memory.good("PUT")]
        summary.answered = len({asked.key or asked.path for asked, _ in good})
        summary.redeliveries = sum(count - 1 for count in self._receiver.times().values() if count > 1)
        summary.jobs = self._jobs
        summary.log = _complaints(self._log)
        return found + self._audit() + self._shares(summary)

    def _audit(self) -> list[str]:
        """What the operator's own command says."""
        command = [sys.executable, "-m", "refundlens.serving.cli.main", "audit", "verify", "--json"]
        told = subprocess.run(
            command, cwd=ROOT, env={**os.environ, **self._variables()}, capture_output=True, text=True
        )
        return [] if told.returncode == 0 else [f"audit verify: {told.stdout} {told.stderr}"]

    def _shares(self, summary: Summary) -> list[str]:
        """Where nobody was killed, both did something, and nothing came twice."""
        found = []
        if self._plan.kills == 0 and self._plan.processes > 1 and not all(self._jobs):
            found.append(f"a process did no job: {self._jobs}")
        if self._plan.kills == 0 and summary.redeliveries:
            found.append(f"{summary.redeliveries} messages came twice, and nobody was killed")
        return found

    def _client(self, chance: Random | None = None) -> Client:
        return Client([service.base for service in self._services], self._memory, chance or self._chance)

    def _start_all(self) -> None:
        for service in self._services:
            service.start()

    def _wait_all(self) -> None:
        for service in self._services:
            service.wait()

    def _kill_all(self) -> None:
        for service in self._services:
            service.kill()

    def _wait_for_an_answer(self) -> None:
        """So that it is killed while it works, not while it warms up, however busy the machine."""
        before, ends = self._memory.heard, time.monotonic() + SLOWEST_ANSWER
        while self._memory.heard == before and time.monotonic() < ends:
            time.sleep(0.005)

    def _count_jobs(self) -> None:
        """Just before they die: their counters die with them."""
        if self._plan.processes > 1:
            for place, service in enumerate(self._services):
                self._jobs[place] += int(sum(map(float, _DONE.findall(service.metrics()))))

    def _variables(self) -> dict[str, str]:
        return {
            "REFUNDLENS_DATA_DIR": str(self._plan.folder / "var"),
            "REFUNDLENS_DATABASE_URL": self._plan.database,
            "REFUNDLENS_BUNDLE": str(self._plan.bundle),
            "REFUNDLENS_DEVICE": "cpu",
            "REFUNDLENS_API_KEYS": KEYS,
            "REFUNDLENS_DEMO": "false",
            "REFUNDLENS_ALLOW_PRIVATE_WEBHOOKS": "true",
            "REFUNDLENS_SINGLE_MERCHANT": "true",
            "REFUNDLENS_LEASE_SECONDS": str(LEASE_SECONDS),
            "REFUNDLENS_APPEAL_HOURS": str(APPEAL_HOURS),
            "REFUNDLENS_LOG_FORMAT": "text",
            "REFUNDLENS_LOG_LEVEL": "warning",
            "OMP_NUM_THREADS": "1",
            "CHAOS_CLOCK": str(self._clock),
        }


def _anything_left(database: Database) -> bool:
    now: datetime = utc_now()
    with database.reading() as session:
        due = select(Job.id).where(or_(Job.due_at <= now, Job.lease.is_not(None))).limit(1)
        moving = select(Report.id).where(
            Report.state.in_(
                [
                    state.value
                    for state in (ReportState.SUBMITTED, ReportState.ESTABLISHED, ReportState.NOT_ESTABLISHED)
                ]
            )
        )
        on_the_way = select(WebhookDelivery.id).where(WebhookDelivery.state == "pending").limit(1)
        return any(session.execute(query).first() for query in (due, moving.limit(1), on_the_way))


def _complaints(log: Path) -> dict[str, int]:
    """What the services logged of exceptions, by their kind."""
    text = log.read_text(errors="replace") if log.exists() else ""
    kinds = re.findall(r"^([\w.]+(?:Error|Exception|Lost|Refused|Expired|Timeout))\b", text, re.MULTILINE)
    return dict(Counter(kinds))
