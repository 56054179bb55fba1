"""Several photos of one claim judged together, under a bound on claims wrongly called fake.

In: what each photo was found to be (`PhotoFinding`, read from a detection's JSON line). Out: a `ClaimVerdict`.

>>> weak = PhotoFinding(verdict="inconclusive", false_accusation_bound=0.01, suspect=True, suspect_bound=0.016)
>>> judge_claim([weak]).verdict, judge_claim([weak, weak]).verdict
('inconclusive', 'fake')

**Rule.** A photo is `fake`, or it is suspect (from a lower threshold on), or neither. With f and s below, a fake photo
counts 1/f, one that is only suspect 1/s; the claim is `fake` from a total of 1: f fakes, or s suspects, or a mixture.

**Bound.** Photos of one claim come from one hand, one camera and one cloth, so nothing here supposes them independent.
Let a be the bound on authentic photos called fake and b >= a that on authentic photos fake or suspect, each in its
photo's condition; A = sum of a, D = sum of (b - a). For s >= f the total is a sum of (1/f - 1/s) [fake] +
1/s [fake or suspect], so its mean over claims of authentic photos is at most A/f + D/s, and by Markov's inequality the
share of such claims that reach 1 is no larger, however the photos depend on each other. No smaller bound could be
stated for two photos: one dependence reaches it (`tests/model/verdict/test_claim.py`). One inequality for both tests
also costs less than one for each: two photos at 1 % and 1.6 % get 2.6 %, where two separate tests would add up to 3.6
%.

**f and s** depend on how many photos were judged in which conditions, never on their scores, and never fall when a
photo is added; so a further authentic photo can never make a claim fake. f: fewest fakes that keep A/f within
FAKE_SHARE of the limit. s: fewest suspects, two at least, that keep D/s within what A leaves of the limit. At
1 %, 1.6 % and a limit of 5 %:

    photos                      1     2     3     4     5     6     8
    fakes needed (f)            1     1     1     1     2     2     2
    suspects needed (s)         -     2     2     3     3     4     5
    bound                     1.0   2.6   3.9   4.8   3.5   3.9   5.0  percent

One photo alone gets the photo's own verdict and bound. From five photos on a single fake is no longer enough: the
chance that one of five authentic photos is accused may be five times that of one, and the limit has no room for it.

**What it does not say.** Each a and b holds with the confidence its calibration states and for photos like those it
counted on; A/f + D/s holds where those of all the claim's photos do. It speaks of one judgement on photos that were not
picked by their scores: for a claim judged again after more photos came, the bounds of its judgements add up. Give each
photo once: a copy is no second piece of evidence, though the bound would hold.
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from refundlens.model.names import Verdict
from refundlens.model.verdict.texts import Language, reason_text

LIMIT = 0.05
"""Largest share of claims with authentic photos alone that may be called fake: five photos' worth of 1 %, since a
claim seldom has more and each photo by itself may be wrong 1 % of the time."""
FAKE_SHARE = 0.8
"""Share of the limit that fakes may use up: at 1 % a photo, four photos of which one fake is enough. The fifth that is
left lets suspects count in claims of any size."""
LEAST_SUSPECTS = 2
"""A single suspect decides nothing: its threshold is lower than the one a verdict was calibrated for."""
_ROUNDING = 1e-9
"""Sums of bounds are that exact: 0.04 / 0.04 must not need two."""

Rule = Literal["one_fake", "several_fake", "several_suspects", "fake_and_suspects"]
"""What made a claim `fake`."""
Bound = float | None


class PhotoFinding(BaseModel):
    """What a claim needs of one photo's detection; a detection's JSON line has these fields and more, which are left
    aside. Lines of older versions, without the suspect fields, have no suspects.

    false_accusation_bound: on authentic photos called fake in this condition, none where no photo can be. suspect:
    whether the photo is above its condition's lower threshold. suspect_bound: on authentic photos above it, given with
    any verdict where the condition has such a threshold. miss_bound: on manipulated photos called authentic in this
    condition.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    verdict: Verdict
    false_accusation_bound: Bound = Field(default=None, ge=0.0, le=1.0)
    suspect: bool = False
    suspect_bound: Bound = Field(default=None, ge=0.0, le=1.0)
    miss_bound: Bound = Field(default=None, ge=0.0, le=1.0)

    @model_validator(mode="after")
    def _has_bounds(self) -> "PhotoFinding":
        if self.verdict == "fake" and self.false_accusation_bound is None:
            raise ValueError("a photo cannot be fake without a false_accusation_bound")
        if self.suspect and self.suspect_bound is None:
            raise ValueError("a photo cannot be suspect without a suspect_bound")
        return self

    @property
    def takes_part(self) -> bool:
        """Whether a photo in this condition can count against a claim."""
        return self.false_accusation_bound is not None or self.suspect_bound is not None


class ClaimRule(BaseModel):
    """fakes_needed, suspects_needed: f and s above; suspects_needed is none where suspects do not count. bound: on the
    share of claims called fake whose photos are all authentic."""

    model_config = ConfigDict(frozen=True)

    fakes_needed: int
    suspects_needed: int | None
    bound: float

    def reached(self, fakes: int, suspects: int) -> bool:
        """Whether so many fakes and so many that are only suspect are enough."""
        counted = Fraction(suspects, self.suspects_needed) if self.suspects_needed else 0
        return Fraction(fakes, self.fakes_needed) + counted >= 1


class ClaimVerdict(BaseModel):
    """rule: what made the claim fake, none for other verdicts. bound, fakes_needed, suspects_needed: of the rule that
    held for these photos, given with any verdict; none where no photo could take part. carried_by: indices, from 0, of
    the photos that made it fake. text: one sentence in the language asked for. miss_bound: of an authentic claim, the
    largest of its photos': one in which any photo is manipulated is called authentic no oftener than that photo; none
    where one of them has none."""

    model_config = ConfigDict(frozen=True)

    verdict: Verdict
    bound: Bound
    rule: Rule | None
    fakes_needed: int | None
    suspects_needed: int | None
    carried_by: tuple[int, ...]
    text: str
    miss_bound: Bound = None


def judge_claim(
    photos: Sequence[PhotoFinding], limit: float = LIMIT, language: Language = "en"
) -> ClaimVerdict:
    """All photos of one claim that were judged, in any order, each once.

    `fake` by the rule above, `authentic` where every photo is, else `inconclusive`. limit: on claims wrongly called
    fake, within (0, 1). Raises ValueError where there is no photo or the limit is none.
    """
    rule = rule_for(photos, limit)
    fakes = [place for place, one in enumerate(photos) if one.verdict == "fake"]
    suspects = [place for place, one in enumerate(photos) if one.suspect and one.verdict != "fake"]
    verdict: Verdict = "authentic" if all(one.verdict == "authentic" for one in photos) else "inconclusive"
    name: Rule | None = None
    carried: list[int] = []
    if rule is not None and rule.reached(len(fakes), len(suspects)):
        verdict = "fake"
        if len(fakes) >= rule.fakes_needed:
            name, carried = ("one_fake" if len(fakes) == 1 else "several_fake"), fakes
        else:
            name = "fake_and_suspects" if fakes else "several_suspects"
            carried = sorted([*fakes, *suspects])
    return ClaimVerdict(
        verdict=verdict,
        bound=None if rule is None else rule.bound,
        rule=name,
        fakes_needed=None if rule is None else rule.fakes_needed,
        suspects_needed=None if rule is None else rule.suspects_needed,
        carried_by=tuple(carried),
        text=reason_text(
            f"claim.{name or verdict}",
            language,
            count=len(photos),
            found=len(carried),
            which=[str(place + 1) for place in carried],
            bound="" if rule is None else f"{_up(1000 * rule.bound) / 10:.1f}%",  # never less than it is
        ),
        miss_bound=_missed(photos) if verdict == "authentic" else None,
    )


def rule_for(photos: Sequence[PhotoFinding], limit: float = LIMIT) -> ClaimRule | None:
    """The rule for photos in these conditions, whatever their scores; none where no photos like these could ever be
    called a fake claim. Arguments and errors as for `judge_claim`."""
    if not photos:
        raise ValueError("a claim without a judged photo cannot be judged: give at least one")
    if not 0.0 < limit < 1.0:
        raise ValueError(
            f"the limit on wrongly accused claims must lie strictly between 0 and 1, got {limit}"
        )
    accused = math.fsum(one.false_accusation_bound or 0.0 for one in photos)
    more = math.fsum(_more(one) for one in photos)
    suspectable = sum(one.suspect_bound is not None for one in photos)
    alone = sum(one.takes_part for one in photos) == 1
    for_fakes = FAKE_SHARE * limit
    fakes = 1 if alone else max(1, _up(accused / for_fakes))
    suspects: int | None = max(LEAST_SUSPECTS, fakes, _up(more / (limit - min(accused, for_fakes))))
    if not suspectable or (fakes == 1 and suspects is not None and suspects > suspectable):
        suspects = None  # beyond one fake, which is enough, they could not change anything
    bound = accused / fakes + (more / suspects if suspects else 0.0)
    rule = ClaimRule(fakes_needed=fakes, suspects_needed=suspects, bound=bound)
    # at most: every photo fake that can be, the others suspect
    able = sum(one.false_accusation_bound is not None for one in photos)
    others = sum(one.takes_part for one in photos) - able
    return rule if rule.reached(able, others) else None


def _missed(photos: Sequence[PhotoFinding]) -> float | None:
    bounds = [one.miss_bound for one in photos if one.miss_bound is not None]
    return max(bounds) if len(bounds) == len(photos) else None


def _more(one: PhotoFinding) -> float:
    """b - a: what the lower threshold adds to the bound. It accuses no fewer photos than the higher one."""
    return max((one.suspect_bound or 0.0) - (one.false_accusation_bound or 0.0), 0.0)


def _up(needed: float) -> int:
    return math.ceil(needed - _ROUNDING)
