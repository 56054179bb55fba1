"""Whether the photos of one claim agree with each other: the same camera, times that fit.

In: what each photo's file said, as reasons; when the claim was opened. Out: reasons with basis `declared`, since all
of it is metadata that anyone can write. They change no verdict: a family has two phones, a clock is wrong, and one
photo may have been taken on arrival and another a week later. Places are left out on purpose: where a buyer's photos
were taken is their home, and nothing here needs to know it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from refundlens.model.detection import Reason
from refundlens.model.verdict.texts import Language, reason_text

APART = timedelta(days=2)
"""Photos of one damage are mostly taken within an hour; from this on the distance is told."""
LONG_BEFORE = timedelta(days=60)
"""Before the claim was opened: a parcel's damage is claimed within days, and platforms allow some weeks."""
MOST_NAMES = 4
"""Cameras that are named in a sentence."""


@dataclass(frozen=True)
class Shot:
    """camera: as metadata names it, "" where it does not. taken: its local time, without a zone."""

    camera: str = ""
    taken: datetime | None = None


def shot_of(reasons: Iterable[Reason]) -> Shot:
    """What a photo's reasons say of how it was taken."""
    camera, taken = "", None
    for reason in reasons:
        if reason.code == "metadata.camera":
            camera = str(reason.details.get("camera", ""))
        elif reason.code == "metadata.taken":
            taken = taken_at(str(reason.details.get("taken", "")))
    return Shot(camera, taken)


def taken_at(text: str) -> datetime | None:
    """A time as `metadata.taken` writes it; None for any other text."""
    try:
        return datetime.strptime(text, "%Y-%m-%d %H:%M")
    except ValueError:
        return None


def consistency(shots: Sequence[Shot], opened: datetime | None, language: Language) -> list[Reason]:
    """What is to be said of the photos of a claim together; nothing where their files say nothing. opened: when the
    claim was opened, without a zone: clocks of cameras have none, and days are all that is compared with it."""
    found: list[tuple[str, dict[str, object]]] = []
    named = [shot.camera for shot in shots if shot.camera]
    cameras = list(dict.fromkeys(named))
    if len(cameras) > 1:
        found.append(("claim.cameras_differ", {"count": len(cameras), "cameras": cameras[:MOST_NAMES]}))
    elif len(named) > 1:
        found.append(("claim.camera_agrees", {"count": len(named), "camera": cameras[0]}))
    times = sorted(shot.taken for shot in shots if shot.taken is not None)
    if len(times) > 1 and times[-1] - times[0] >= APART:
        found.append(("claim.times_apart", {"days": (times[-1] - times[0]).days}))
    elif len(times) > 1:
        found.append(("claim.times_agree", {"count": len(times), "hours": _hours(times[-1] - times[0])}))
    if times and opened is not None and opened - times[0] >= LONG_BEFORE:
        found.append(("claim.taken_long_before", {"days": (opened - times[0]).days}))
    return [
        Reason(code=code, basis="declared", text=reason_text(code, language, **values), details=values)
        for code, values in found
    ]


def _hours(span: timedelta) -> int:
    """Whole hours, rounded up, at least one: "within 1 hour"."""
    return max(1, -(-int(span.total_seconds()) // 3600))
