"""Where people and the model differ, from labels: the next training set; and how probabilities turned out.

In: a tenant's labels, the newest first. Out: those whose truth contradicts what the detector had said, and counts by
probability. A page looks at a fixed number of labels, so that it costs the same however few of them disagree.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from serving.console.review import repository
from serving.db.tables import Label, Report, Screening
from serving.labels import repository as labels
from serving.labels.truth import Truth

LOOKED_AT = 400
"""Labels behind a page."""
TENTHS = 10
EVEN = 0.5


@dataclass(frozen=True)
class Difference:
    """verdict: the detector's, none where its detection is gone. flat: it contradicts the truth; else the probability
    only leaned the wrong way. detection_id: of what was said."""

    label: Label
    verdict: str | None
    flat: bool
    detection_id: str | None


@dataclass(frozen=True)
class Tenth:
    """Labelled photos whose probability lay in a tenth of 0 to 1. mean: of their probabilities."""

    photos: int
    fakes: int
    mean: float


@dataclass(frozen=True)
class Compared:
    """labels: with a probability, how many. more: cursor of the labels after these."""

    labels: int
    differences: Sequence[Difference]
    tenths: Sequence[Tenth]
    more: str | None


def compare(session: Session, tenant: str, before: str | None) -> Compared:
    """before: a label's id, the last one looked at."""
    rows = labels.page(session, tenant, LOOKED_AT, before)
    looked = rows[:LOOKED_AT]
    said = _said(session, tenant, looked)
    known = [label for label in looked if label.model_probability is not None]
    differences = [found for label in known if (found := _difference(label, said.get(label.id)))]
    return Compared(len(known), differences, tenths(known), looked[-1].id if len(rows) > LOOKED_AT else None)


def tenths(known: Sequence[Label]) -> list[Tenth]:
    """How many of the photos with a probability of 0 to 0.1, 0.1 to 0.2... were fake."""
    found: list[list[Label]] = [[] for _ in range(TENTHS)]
    for label in known:
        found[min(int((label.model_probability or 0.0) * TENTHS), TENTHS - 1)].append(label)
    return [
        Tenth(
            len(some),
            sum(Truth(label.truth).is_fake for label in some),
            sum(label.model_probability or 0.0 for label in some) / len(some) if some else 0.0,
        )
        for some in found
    ]


def _difference(label: Label, said: Screening | None) -> Difference | None:
    fake = Truth(label.truth).is_fake
    verdict = said.verdict if said else None
    flat = verdict == ("authentic" if fake else "fake")
    leaned = (label.model_probability or 0.0) < EVEN if fake else (label.model_probability or 0.0) > EVEN
    return Difference(label, verdict, flat, said.id if said else None) if flat or leaned else None


def _said(session: Session, tenant: str, looked: Sequence[Label]) -> dict[str, Screening]:
    """By label: the detection it is about, that of its report or else the newest of its photo."""
    reported = {label.report_id: label.id for label in looked if label.report_id}
    query = (
        select(Report.id, Screening)
        .join(Screening, Screening.id == Report.screening_id)
        .where(Report.tenant_id == tenant, Report.id.in_(reported))
    )
    by_report = {row[0]: row[1] for row in session.execute(query)} if reported else {}
    alone = [label for label in looked if not label.report_id and label.image_id]
    by_image = repository.newest_screenings(session, [label.image_id for label in alone if label.image_id])
    found = {label.id: by_report[label.report_id] for label in looked if label.report_id in by_report}
    return found | {
        label.id: by_image[label.image_id]
        for label in alone
        if label.image_id is not None and label.image_id in by_image
    }
