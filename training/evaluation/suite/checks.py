"""Does the bound that every answer states hold in every slice?

In: slices of scored rows. Out: for each with authentic rows, how many source photos were accused, the rate, and whether
that is more than the stated bound allows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from refundlens.model.verdict.bounds import lower_bound
from refundlens.training.evaluation.slices import Scored, Slice


@dataclass(frozen=True)
class BoundCheck:
    """Accusations in one slice.

    photos, accused: source photos with an authentic row, and those with one called fake. rate: accused / photos, where
    a photo counts once however many of its deliveries were called fake. picture_rate: the same by pictures. lower: 95 %
    lower confidence bound of rate (Clopper-Pearson). stated: the loosest bound that any of the pictures came with, None
    where none had one. passed: lower is within stated; False where somebody was accused though no bound was stated.
    """

    dimension: str
    value: str
    photos: int
    accused: int
    rate: float
    picture_rate: float
    lower: float
    stated: float | None
    passed: bool


def loosest(bounds: Iterable[float | None]) -> float | None:
    """The largest of the bounds that pictures came with; None where none had one."""
    return max((bound for bound in bounds if bound is not None), default=None)


def judged(bounds: Iterable[float | None]) -> int:
    """How many pictures came with a bound. On the others nobody can be accused: they would only dilute a rate."""
    return sum(bound is not None for bound in bounds)


def held(
    dimension: str,
    value: str,
    photos: int,
    accused: int,
    stated: float | None,
    picture_rate: float | None = None,
) -> BoundCheck:
    """The check of so many photos, of which so many were accused. picture_rate: None where a photo is one picture."""
    lower = lower_bound(accused, photos)
    return BoundCheck(
        dimension=dimension,
        value=value,
        photos=photos,
        accused=accused,
        rate=accused / photos,
        picture_rate=accused / photos if picture_rate is None else picture_rate,
        lower=lower,
        stated=stated,
        passed=accused == 0 if stated is None else lower <= stated,
    )


def check(dimension: str, value: str, rows: Iterable[Scored]) -> BoundCheck | None:
    """The check of one slice; None without authentic rows on which `fake` could be said."""
    authentic = [
        one for one in rows if one.row.label == 0 and (one.bound is not None or one.verdict == "fake")
    ]
    if not authentic:
        return None
    called = [one for one in authentic if one.verdict == "fake"]
    photos, accused = (len({one.row.source for one in some}) for some in (authentic, called))
    stated = loosest(one.bound for one in authentic)
    return held(dimension, value, photos, accused, stated, len(called) / len(authentic))


def check_all(parts: Sequence[Slice]) -> list[BoundCheck]:
    """The check of every slice that has authentic rows, in order."""
    found = (check(part.dimension, part.value, part.rows) for part in parts)
    return [one for one in found if one is not None]
