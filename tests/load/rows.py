"""Makes up a marketplace's year: rows of every table of the workflow, in the shares that a busy service would have.

In: how many reports, and a seed. Out: batches of tuples by table, columns in the order of `COLUMNS`, in the order in
which their foreign keys allow them to be written. Times are texts in UTC, as SQLite keeps them and PostgreSQL reads
them.
"""

import hashlib
import itertools
import json
import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from refundlens.serving.events.audit import row_hash
from refundlens.serving.events.outbox import WebhookType
from refundlens.serving.identity.tenants import DEFAULT
from refundlens.serving.kit.ids import first_id
from refundlens.serving.workflow.states import ReportState

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
"""When the year ends; the service is asked at this moment."""
YEAR = timedelta(days=365)
SECOND = "tnt_second"
TENANTS = (DEFAULT, DEFAULT, DEFAULT, DEFAULT, SECOND)
"""One refund in five is the second tenant's."""
SHOPS = 2_000
SERIAL_BUYERS = 500
"""Buyers with a hundred refunds and more; everybody else has one or two."""
BATCH = 5_000
"""Reports whose rows are in memory at once: some 40 MB."""
RECENT = 0.04
"""Share of the year's reports that came in the last two weeks, of which the most are under way."""
CLAIM = "The sleeve has a hole, see the photos. I want my money back."
TITLE = "Cotton T-shirt with long sleeves"
PRODUCTS = 200
"""Of a shop."""
NOTE = "The hole in the sleeve is not in the chat's first photo."
NEVER = "9999-01-01 00:00:00.000000"

S = ReportState
LIVE = ((S.NEEDS_REVIEW, 47), (S.SUBMITTED, 5), (S.ESTABLISHED, 15), (S.NOT_ESTABLISHED, 12), (S.APPEALED, 5),
        (S.WITHDRAWN, 6), (S.FINAL_ESTABLISHED, 10))  # fmt: skip
"""States of the recent reports in percent: of a million, 20,000 are undecided and 13,000 more are live."""
OVER = ((S.FINAL_ESTABLISHED, 38), (S.FINAL_NOT_ESTABLISHED, 40), (S.WITHDRAWN, 7), (S.EXPIRED, 15))

COLUMNS: dict[str, tuple[str, ...]] = {
    "refund": ("id", "tenant_id", "refund_id", "version", "account", "platform", "platform_version", "live",
               "status", "amount_minor", "currency", "buyer", "claim_type", "claim_text", "deadline_at", "outcome",
               "outcome_final", "created_at", "updated_at", "closed_at", "product_id", "product_title"),
    "image": ("id", "tenant_id", "refund_id", "source", "sha256", "name", "media_type", "width", "height", "bytes",
              "created_at"),
    "detection": ("id", "tenant_id", "image_id", "verdict", "probability", "bound", "model_version", "body", "heatmap",
                  "reliability", "created_at"),
    "report": ("id", "tenant_id", "refund_id", "image_id", "claim_id", "account", "version", "state", "live", "was",
               "note", "reported_by", "screening_id", "verdict", "rule", "bound", "doubt", "decided_by", "decided_at",
               "due_at", "amount_rank", "created_at", "updated_at", "product"),
    "report_text": ("tenant_id", "account", "report_id", "refund_id", "refund_number", "words"),
    "appeal": ("id", "tenant_id", "report_id", "account", "side", "was", "grounds", "state", "opened_by", "decided_by",
               "due_at", "created_at", "decided_at"),
    "decision": ("id", "tenant_id", "report_id", "appeal_id", "established", "reason_code", "reason", "decided_by",
                 "created_at"),
    "photo_request": ("id", "tenant_id", "report_id", "wish", "message", "state", "live", "asked_by", "due_at",
                      "created_at", "ended_at"),
    "refusal": ("id", "tenant_id", "refund_id", "report_id", "message", "evidence", "live", "platform", "refused_by",
                "created_at"),
    "integrity_entry": ("id", "tenant_id", "buyer", "report_id", "kind", "points", "reason", "created_at",
                        "expires_at"),
    "label": ("id", "tenant_id", "sha256", "image_id", "report_id", "truth", "source", "weight", "model_version",
              "model_probability", "labelled_by", "created_at"),
    "complaint": ("id", "tenant_id", "refund_id", "account", "version", "kind", "text", "state", "answer", "filed_by",
                  "decided_by", "created_at", "decided_at"),
    "outbox_event": ("id", "tenant_id", "type", "object_id", "payload", "created_at"),
    "webhook_delivery": ("id", "tenant_id", "event_id", "endpoint_id", "replay", "state", "attempts", "next_at",
                         "status", "response", "error", "created_at", "ended_at"),
    "audit_event": ("tenant_id", "seq", "at", "role", "actor", "action", "object_id", "before", "after", "data",
                    "previous", "hash"),
    "job": ("id", "tenant_id", "lane", "kind", "ref", "concurrency_key", "data", "due_at", "attempts", "created_at"),
}  # fmt: skip


class _Link(NamedTuple):
    """What the hash of a row of the audit log is made of."""

    tenant_id: str
    seq: int
    at: datetime
    role: str
    actor: str
    action: str
    object_id: str
    before: str
    after: str
    data: dict[str, Any]
    previous: str


Rows = dict[str, list[tuple[Any, ...]]]


def endpoints(tenant: str) -> tuple[str, ...]:
    """Ids of a tenant's webhook endpoints; the last one of the first tenant is rarely used."""
    return ("whe_bench_a", "whe_bench_b", "whe_bench_quiet") if tenant == DEFAULT else ("whe_bench_second",)


def shop(number: int) -> str:
    """From 0, the largest."""
    return f"shop-{number:04}"


def stamp(moment: datetime) -> str:
    """To the millisecond, as the audit log keeps times."""
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    return moment.strftime("%Y-%m-%d %H:%M:%S.%f")


def body(identifier: str, probability: float, verdict: str) -> dict[str, Any]:
    """A detection's JSON, as long as a real one."""
    boxes = [[412 + 31 * k, 300 + 17 * k, 520 + 31 * k, 388 + 17 * k] for k in range(3)]
    reasons: list[tuple[str, str, dict[str, Any]]] = [
        ("conditions.compression", "derived", {"quality": "82", "count": 2}),
        ("metadata.none", "observed", {}),
    ]
    if verdict == "fake":
        reasons.insert(0, ("pixel.local_regeneration", "inferred", {}))
        reasons.insert(1, ("pixel.defect_is_fake", "inferred", {"defects": ["hole"], "marks": "1"}))
    elif verdict == "authentic":
        reasons.insert(0, ("pixel.no_trace", "inferred", {}))
    else:
        reasons.insert(0, ("policy.inconclusive_band", "derived", {}))
    text = "Part of the picture carries traces of an AI generator; the rest looks like a camera's pixels."
    return {
        "id": identifier,
        "created_at": "2026-11-22T08:00:00.000Z",
        "file": None,
        "sha256": "0" * 64,
        "width": 1080,
        "height": 1440,
        "verdict": verdict,
        "probability": probability,
        "kind": {"authentic": 1 - probability, "ai_generated": 0.0, "ai_edited": probability, "photoshopped": 0.0},
        "defects": [
            {"type": "hole", "box": box, "probability": 0.81, "fake_probability": 0.96} for box in boxes
        ],
        "regions": [{"box": box, "probability": 0.97} for box in boxes],
        "conditions": {
            "long_side": 1440, "jpeg_quality": 82, "quantisations": 2, "sharpness": 0.4, "supported": True,
        },
        "false_accusation_bound": 0.0098,
        "reasons": [
            {"code": code, "basis": basis, "text": text, "details": details} for code, basis, details in reasons
        ],
        "model": {"name": "refundlens-s", "version": "1.0.0", "sha256": "0" * 64},
        "timings_ms": {"decode": 5.1, "infer": 38.0, "total": 45.2},
        "heatmap_url": f"/v1/detections/{identifier}/heatmap",
        "reliability_url": f"/v1/detections/{identifier}/reliability",
    }  # fmt: skip


def _product(account: str, number: int) -> str | None:
    """What was bought in a shop: one refund in eight is of its best seller, one in five names nothing."""
    return None if number % 5 == 4 else f"{account}-{int(PRODUCTS ** (number * 0.618034 % 1)):03}"


class Maker:
    """Makes the rows of `reports` reports. The same seed gives the same rows. chains: number and hash of the last row
    of each tenant's audit chain; rows are added behind it."""

    def __init__(self, reports: int, seed: int, chains: dict[str, tuple[int, str]]) -> None:
        self.reports = reports
        self.chains = chains
        self._random = random.Random(seed)
        self._count = itertools.count()
        sizes = [1 / (rank + 1) for rank in range(SHOPS)]
        self._sizes = list(itertools.accumulate(sizes))
        self._shops = [shop(number) for number in range(SHOPS)]
        self._bodies = {
            verdict: json.dumps(body("DETECTION", p, verdict)).replace("0" * 64, "SHA")
            for verdict, p in (("fake", 0.97), ("authentic", 0.03), ("inconclusive", 0.5))
        }
        self._rows: Rows = defaultdict(list)
        self._ulid = ""
        self._refund: tuple[Any, ...] | None = None

    def batches(self) -> Iterator[Rows]:
        for number in range(self.reports):
            self._report(number)
            if (number + 1) % BATCH == 0:
                yield self._taken()
        if self._rows:
            yield self._taken()

    def _taken(self) -> Rows:
        taken, self._rows, self._refund = self._rows, defaultdict(list), None
        return taken

    def _id(self, prefix: str) -> str:
        """Sorts by time, and by what was made first within a report."""
        return f"{prefix}_{self._ulid}{next(self._count):016d}"

    def _hash(self) -> str:
        return self._random.randbytes(32).hex()

    def _report(self, number: int) -> None:
        rng = self._random
        age = YEAR * (1 - number / self.reports)
        made = NOW - age
        self._ulid = first_id("x", made)[2:12]
        recent = number >= self.reports * (1 - RECENT)
        states, weights = zip(*(LIVE if recent else OVER), strict=True)
        (state,) = rng.choices(states, weights)
        if self._refund is None or rng.random() < 0.9:
            self._refund = self._make_refund(number, made, recent)
        refund_key, tenant, refund_id, account, buyer, amount, deadline, product = self._refund
        at, is_live = stamp(made), state in S.live()
        image, sha256 = self._image(refund_key, tenant, at, "refund")
        if rng.random() < 0.4:
            self._image(refund_key, tenant, at, "chat")
        verdict, probability = self._verdict(state)
        screening = None if state is S.SUBMITTED else self._screening(tenant, image, verdict, probability, at)
        report = self._id("rpt")
        judged = state not in (S.SUBMITTED, S.NEEDS_REVIEW, S.WITHDRAWN, S.EXPIRED)
        person = judged and rng.random() < 0.3
        judge = f"judge-{rng.randrange(40):02}" if person else "detector"
        due = NEVER
        if is_live:
            due = deadline if state in S.undecided() else stamp(NOW + timedelta(hours=rng.uniform(-2, 72)))
        said = f"{CLAIM} {NOTE} {product} {TITLE}" if product else f"{CLAIM} {NOTE}"
        self._rows["report_text"].append((tenant, account, report, refund_key, refund_id, said))
        for_merchant = state in S.for_merchant()
        was = S.ESTABLISHED.value if state is S.APPEALED else None
        self._rows["report"].append(
            (report, tenant, refund_key, image, self._id("clm"), account, 3, state.value, 1 if is_live else None, was,
             NOTE, "clerk-1", screening,
             verdict if screening else None, "one_fake" if verdict == "fake" else None,
             0.0098 if verdict == "fake" else None, 0.4, judge if judged else None, at if judged else None, due,
             -amount, at, at, product)
        )  # fmt: skip
        facts = (tenant, report, at)
        self._belongings(facts, state, account, judge, due, image, sha256, probability, person)
        self._record(facts, refund_key, buyer, for_merchant, state)
        self._told(facts, state, account, refund_id, number)
        self._history(facts, state, judge, refund_id)
        self._jobs(facts, state, due, made)

    def _make_refund(self, number: int, made: datetime, recent: bool) -> tuple[Any, ...]:
        rng = self._random
        tenant = TENANTS[number % len(TENANTS)]
        (account,) = rng.choices(self._shops, cum_weights=self._sizes)
        serial = rng.random() < 0.05
        who = rng.randrange(SERIAL_BUYERS) if serial else rng.randrange(10**6, 10**6 + self.reports)
        buyer = hashlib.sha256(b"%d" % who).hexdigest()
        amount = rng.randrange(500, 200_000)
        deadline = stamp(NOW + timedelta(hours=rng.uniform(0.1, 240)) if recent else made + timedelta(days=5))
        at, refund_id = stamp(made), str(70_000_000_000_000_000 + number * 13)
        key, product = self._id("rfd"), _product(account, number)
        self._rows["refund"].append(
            (key, tenant, refund_id, 2, account, "taobao", 3, 1, "open" if recent else "closed", amount, "CNY", buyer,
             "hole", CLAIM, deadline, "undecided", not recent,
             at, at, None if recent else deadline, product, TITLE if product else None)
        )  # fmt: skip
        return key, tenant, refund_id, account, buyer, amount, deadline, product

    def _image(self, refund: str, tenant: str, at: str, source: str) -> tuple[str, str]:
        image, sha256 = self._id("img"), self._hash()
        self._rows["image"].append(
            (image, tenant, refund, source, sha256, "IMG_2041.jpg", "image/jpeg", 1080, 1440, 412_345, at)
        )
        return image, sha256

    def _verdict(self, state: ReportState) -> tuple[str, float]:
        rng = self._random
        if state in S.for_merchant() or state is S.APPEALED:
            return "fake", round(rng.uniform(0.9, 1), 3)
        if state in S.for_buyer():
            return "authentic", round(rng.uniform(0, 0.2), 3)
        return "inconclusive", round(rng.uniform(0.2, 0.9), 3)

    def _screening(self, tenant: str, image: str, verdict: str, probability: float, at: str) -> str:
        key = self._id("det")
        text = self._bodies[verdict].replace("DETECTION", key).replace("SHA", self._hash())
        self._rows["detection"].append(
            (key, tenant, image, verdict, probability, 0.0098 if verdict == "fake" else None, "refundlens-s 1.0.0",
             text, self._hash(), self._hash(), at)
        )  # fmt: skip
        return key

    def _belongings(
        self, facts: tuple[str, str, str], state: ReportState, account: str, judge: str, due: str, image: str,
        sha256: str, probability: float, person: bool,
    ) -> None:  # fmt: skip
        """Appeals, decisions with their labels, photo requests."""
        tenant, report, at = facts
        rng, final = self._random, state in (S.FINAL_ESTABLISHED, S.FINAL_NOT_ESTABLISHED)
        appeal = None
        if state is S.APPEALED or (final and rng.random() < 0.05):
            appeal = self._id("apl")
            upheld = rng.random() < 0.7
            told = "open" if state is S.APPEALED else "upheld" if upheld else "overturned"
            self._rows["appeal"].append(
                (appeal, tenant, report, account, "buyer", "established", "The photo is mine and was not changed.",
                 told, "buyer", None if told == "open" else "judge-41", at if due == NEVER else due, at,
                 None if told == "open" else at)
            )  # fmt: skip
        established = state in S.for_merchant()
        if person or (appeal and final):
            source = "decision" if appeal is None else "appeal_upheld" if upheld else "appeal_overturned"
            self._rows["decision"].append(
                (self._id("dcs"), tenant, report, appeal, established, "evidence", "The weave is broken there.", judge,
                 at)
            )  # fmt: skip
            self._rows["label"].append(
                (self._id("lbl"), tenant, sha256, image, report, "fake" if established else "authentic", source, 1.0,
                 "refundlens-s 1.0.0", probability, judge, at)
            )  # fmt: skip
        if state is S.NEEDS_REVIEW and rng.random() < 0.3:
            self._rows["photo_request"].append(
                (self._id("phr"), tenant, report, "another_angle", "From the inside, please.", "open", 1, judge, due,
                 at, None)
            )  # fmt: skip

    def _record(
        self, facts: tuple[str, str, str], refund: str, buyer: str, for_merchant: bool, state: ReportState
    ) -> None:
        """The buyer's record, the merchant's refusal, complaints."""
        tenant, report, at = facts
        rng = self._random
        if for_merchant:
            kinds = (("pending", 0), ("final", 1)) if state is S.FINAL_ESTABLISHED else (("pending", 0),)
            for kind, points in kinds:
                self._rows["integrity_entry"].append(
                    (
                        self._id("int"),
                        tenant,
                        buyer,
                        report,
                        kind,
                        points,
                        "",
                        at,
                        stamp(NOW + timedelta(days=90)),
                    )
                )
            live = None if rng.random() < 0.4 else 1
            if live and (not self._rows["refusal"] or self._rows["refusal"][-1][2] != refund):
                self._rows["refusal"].append(
                    (self._id("rfs"), tenant, refund, report, "The photo was edited.", self._hash(), live,
                     json.dumps({"method": "taobao.refund.refuse", "refund_id": refund}), "clerk-1", at)
                )  # fmt: skip
        if rng.random() < 0.02:
            told = "open" if rng.random() < 0.1 else "confirmed"
            account = self._rows["report"][-1][5]
            self._rows["complaint"].append(
                (self._id("cmp"), tenant, refund, account, 1, "wrong_item_returned", "Another shop's shirt came back.",
                 told, "", "clerk-1", None, at, None)
            )  # fmt: skip

    def _told(
        self, facts: tuple[str, str, str], state: ReportState, account: str, refund_id: str, number: int
    ) -> None:
        """One webhook message a report, on its way to one endpoint."""
        tenant, report, at = facts
        rng = self._random
        event, kind = self._id("evt"), f"report.{state.value.removeprefix('final_')}"
        if kind not in set(WebhookType):  # an appeal, the deadline
            kind = WebhookType.REPORT_DEADLINE_PASSED.value
        payload = {
            "type": kind, "timestamp": at,
            "data": {"report_id": report, "refund_id": refund_id, "account": account, "state": state.value,
                     "verdict": "fake", "false_accusation_bound": 0.0098, "rule": "one_fake", "outcome": "undecided"},
        }  # fmt: skip
        self._rows["outbox_event"].append((event, tenant, kind, report, json.dumps(payload), at))
        usual = endpoints(tenant)[:2]
        endpoint = usual[number % len(usual)]
        if tenant == DEFAULT and number < self.reports * 0.01:
            endpoint = endpoints(tenant)[-1]  # it has heard nothing since
        old = number < self.reports * 0.98
        told = "delivered" if old and rng.random() < 0.99 else "failed" if old else "pending"
        next_at = None if told != "pending" else stamp(NOW + timedelta(minutes=rng.uniform(-60, 30)))
        done = told == "delivered"
        delivery = self._id("whd")
        if next_at is not None:
            job = (self._id("job"), tenant, "webhook", "deliver", delivery, endpoint, "{}", next_at, 3, at)
            self._rows["job"].append(job)
        self._rows["webhook_delivery"].append(
            (delivery, tenant, event, endpoint, 0, told, 1 if done else 3, next_at, 200 if done else 503,
             "ok" if done else "upstream connect error", None, at, at if next_at is None else None)
        )  # fmt: skip

    def _history(self, facts: tuple[str, str, str], state: ReportState, judge: str, refund_id: str) -> None:
        """The audit log: four rows a report, chained as real ones are."""
        tenant, report, at = facts
        data = {"refund_id": refund_id, "version": 2, "verdict": "fake", "model": "refundlens-s 1.0.0"}
        written = json.dumps(data)
        moment = datetime.fromisoformat(at).replace(tzinfo=UTC)
        length, end = self.chains[tenant]
        for role, actor, action in (
            ("merchant", "clerk-1", "report.submit"),
            ("detector", "detector", "report.screened_unsure"),
            ("adjudicator", judge, "report.decide_established"),
            ("system", "system", "report.finalise"),
        ):
            length, previous = length + 1, end
            link = _Link(
                tenant, length, moment, role, actor, action, report, "submitted", state.value, data, previous
            )
            end = row_hash(link)  # type: ignore[arg-type]  # members of an AuditEvent, of which ten million take an hour
            self._rows["audit_event"].append((*link[:2], at, *link[3:9], written, previous, end))
        self.chains[tenant] = length, end

    def _jobs(self, facts: tuple[str, str, str], state: ReportState, due: str, made: datetime) -> None:
        """What waits: warnings and the end of the undecided, the appeal window of the decided."""
        tenant, report, at = facts
        kinds: tuple[tuple[str, str], ...] = ()
        if state in S.undecided():
            ends = datetime.fromisoformat(due)
            warnings = (("warn:24h", 24.0), ("warn:2h", 2.0), ("warn:30m", 0.5))
            early = [(kind, stamp(ends - timedelta(hours=lead))) for kind, lead in warnings]
            kinds = (*early, ("deadline", due))
        elif state is S.APPEALED:
            kinds = (("appeal_due", due),)
        elif state in S.live():
            kinds = (("finalise", due),)
        for kind, when in kinds:
            self._rows["job"].append(
                (self._id("job"), tenant, "timer", kind, report, None, "{}", when, 0, at)
            )
