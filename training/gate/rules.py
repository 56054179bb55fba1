"""What must not get worse, rule by rule.

In: both models' judgements of a suite, both bundles' calibrations, times and sizes. Out: a `Check` for each rule and
for each slice that a rule looks at; slices too small to tell are listed and decide nothing.

A loss counts where it is larger than the rule allows *and* chance alone seldom makes one (`paired.LEVEL`). That a loss
was not shown is not proof that there is none: the report gives the interval beside every figure.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from refundlens.model.verdict.bounds import lower_bound
from refundlens.model.verdict.calibration import Calibration
from refundlens.training.evaluation.metrics import balancing_weights, expected_calibration_error
from refundlens.training.gate.judging import NOT_COVERED, CaseJudgement, condition_name
from refundlens.training.gate.paired import (
    Figure,
    Judged,
    PairedDifference,
    auc,
    paired_difference,
    recall_at,
)
from refundlens.training.gate.suite import DELIVERY, Case

SLICE_LOSS = 0.02
"""Points that a slice may lose."""
ECE_LOSS = 0.02
"""How much larger the calibration error may be: 624 pictures cannot tell 0.03 from 0.045 (docs/architecture.md)."""
MISS_LOSS = 0.05
"""How much larger a condition's miss bound may be: bounds on some hundred pictures move by as much with their draw."""
LATENCY = 1.2
MOST_BYTES = 25_000_000
"""What a bundle may weigh: it ships with the package."""
LEAST_PICTURES = 20
"""Pictures of a slice from which it decides: below, one picture is worth five points and more."""
WORST = 10


@dataclass(frozen=True)
class Check:
    """rule: stable. slice: which pictures, "" for no slice. decides: false where there are too few to tell. worst: keys
    of the cases that lost most, or files where a rule looks at collected pictures (`gate.looks`)."""

    rule: str
    slice: str
    passed: bool
    text: str
    decides: bool = True
    worst: tuple[str, ...] = ()

    @property
    def failed(self) -> bool:
        return self.decides and not self.passed


@dataclass(frozen=True)
class Contest:
    """Both models on the same cases. rate: share of authentic photos that may be accused at the operating point."""

    cases: Sequence[Case]
    champion: Mapping[str, CaseJudgement]
    candidate: Mapping[str, CaseJudgement]
    rate: float
    rounds: int = 1000
    common: list[Case] = field(init=False)

    def __post_init__(self) -> None:
        both = [case for case in self.cases if case.key in self.champion and case.key in self.candidate]
        object.__setattr__(self, "common", both)

    def judged(self, cases: Sequence[Case]) -> Judged:
        return Judged(
            np.array([case.label for case in cases], np.int64),
            np.array([self.champion[case.key].probability for case in cases], np.float64),
            np.array([self.candidate[case.key].probability for case in cases], np.float64),
            np.array([case.group for case in cases], np.str_),
        )

    def sent_as(self, delivery: str) -> list[Case]:
        return [case for case in self.common if case.delivery == delivery]


def check_recall(contest: Contest) -> Check:
    """TPR at the operating rate of false accusations, not worse."""
    main = contest.sent_as(DELIVERY)
    found = paired_difference(contest.judged(main), recall_at(contest.rate), contest.rounds)
    text = told(found, f"found at {contest.rate:.0%} accused")
    return Check("recall", "", not found.high < 0, text, worst=_lost(contest, main))


def check_slices(contest: Contest) -> Iterator[Check]:
    """Of every kind, family, generator, source: recall and AUC; of every source of photos and condition:
    accusations."""
    main = contest.sent_as(DELIVERY)
    photos = [case for case in main if not case.label]
    for name, cases in _slices(main):
        if cases[0].label:
            yield from _manipulated(contest, name, cases, photos)
        else:
            yield _authentic(contest, name, cases, photos)
    yield from _conditions(contest)


def check_laundering(contest: Contest) -> Iterator[Check]:
    """Of every way of washing traces out: AUC; and, at the operating point, pictures that were not `authentic` before
    and are after."""
    before = {case.sha256: case.key for case in contest.sent_as(DELIVERY)}
    for delivery in sorted({case.delivery for case in contest.common} - {DELIVERY}):
        cases = contest.sent_as(delivery)
        yield _slice_check(contest, "laundering", delivery, cases, auc, "AUC")
        made = [case for case in cases if case.label and case.sha256 in before]
        if made:
            yield _washed_check(contest, delivery, made, before)


def _washed_check(contest: Contest, delivery: str, made: Sequence[Case], before: Mapping[str, str]) -> Check:
    """made: manipulated pictures after the treatment. before: hash -> key of the same picture as it was sent."""
    moves = [
        [(judged[before[case.sha256]].verdict, judged[case.key].verdict) for case in made]
        for judged in (contest.champion, contest.candidate)
    ]
    flags = [
        np.array([one != "authentic" and other == "authentic" for one, other in model]) for model in moves
    ]
    found, worse, decides = _share_grows(contest, made, flags)
    caught = [sum(one == "fake" for one, _ in model) for model in moves]
    doubted = [sum(move == ("fake", "inconclusive") for move in model) for model in moves]
    text = (
        f"{told(found, 'made authentic')}; of {caught[0]} -> {caught[1]} called fake, {doubted[0]} -> {doubted[1]} "
        "became inconclusive"
    )
    worst = tuple(case.key for case, flag in zip(made, flags[1], strict=True) if flag)[:WORST]
    return Check("laundered_authentic", delivery, not worse, text, decides, worst)


def check_calibration(contest: Contest) -> Check:
    """The error of probabilities, both classes weighing the same."""

    def error(labels: NDArray[np.int64], scores: NDArray[np.float64]) -> float:
        return expected_calibration_error(labels, scores, weights=balancing_weights(labels))

    main = contest.sent_as(DELIVERY)
    found = paired_difference(contest.judged(main), error, contest.rounds // 5)
    worse = found.difference > ECE_LOSS and found.low > 0
    text = told(found, "calibration error")
    return Check("calibration_error", "", not worse, text, worst=_lost(contest, main))


def check_bounds(champion: Calibration, candidate: Calibration, contest: Contest) -> Iterator[Check]:
    """Every condition that the champion judges keeps a bound on accusations, and its miss bound hardly grows. contest:
    whose pictures in that condition are shown."""
    theirs = {(one.long_side, one.jpeg_quality): one for one in candidate.bins}
    for old in champion.bins:
        name = condition_name(old)
        here = [case for case in contest.common if contest.champion[case.key].condition == name]
        new = theirs.get((old.long_side, old.jpeg_quality))
        kept = old.threshold is None or (
            new is not None and new.threshold is not None and (new.bound or 1.0) <= champion.limit
        )
        text = (
            f"accusations bounded by {champion.limit:.1%}"
            if kept
            else "no threshold keeps the limit any more"
        )
        yield Check("accusation_bound", name, kept, text, worst=_lost(contest, here, 0))
        if old.miss_bound is None:
            continue
        miss = None if new is None else new.miss_bound
        fine = miss is not None and miss <= old.miss_bound + MISS_LOSS
        told = "none" if miss is None else f"{miss:.1%}"
        text = f"miss bound {old.miss_bound:.1%} -> {told}"
        yield Check("miss_bound", name, fine, text, worst=_lost(contest, here, 1))


def check_accusations(contest: Contest, limit: float) -> Check:
    """The stated bound against what was counted: photos called fake must not refute it."""
    photos = [case for case in contest.sent_as(DELIVERY) if not case.label]
    accused = [case for case in photos if contest.candidate[case.key].verdict == "fake"]
    least = lower_bound(len(accused), len(photos)) if photos else 0.0
    text = f"{len(accused)} of {len(photos)} photos called fake; the stated bound is {limit:.1%}"
    worst = tuple(case.key for case in accused[:WORST])
    return Check("accusations", "", least <= limit, text, worst=worst)


def check_latency(milliseconds: float, ratio: float) -> Check:
    text = f"{ratio:.2f} times the champion's {milliseconds:.0f} ms of processor time (at most {LATENCY})"
    return Check("latency", "", ratio <= LATENCY, text)


def check_size(champion: int, candidate: int) -> Check:
    most = max(MOST_BYTES, champion)
    text = f"{champion / 1e6:.1f} MB -> {candidate / 1e6:.1f} MB (at most {most / 1e6:.1f})"
    return Check("size", "", candidate <= most, text)


def _slices(cases: Sequence[Case]) -> Iterator[tuple[str, list[Case]]]:
    keys: dict[str, Callable[[Case], str]] = {
        "kind": lambda case: case.kind if case.label else "",
        "family": lambda case: case.family,
        "generator": lambda case: case.generator,
        "defect": lambda case: case.defect,
        "source": lambda case: case.repository,
        "photos": lambda case: case.stratum if not case.label else "",
    }
    for title, key in keys.items():
        for label in (1, 0):
            parts: dict[str, list[Case]] = defaultdict(list)
            for case in cases:
                if case.label == label and key(case):
                    parts[key(case)].append(case)
            yield from ((f"{title} {name}", parts[name]) for name in sorted(parts))


def _conditions(contest: Contest) -> Iterator[Check]:
    """Whatever was sent or treated so that it arrives in one condition; its photos tell the operating point."""
    parts: dict[str, list[Case]] = defaultdict(list)
    for case in contest.common:
        parts[contest.champion[case.key].condition].append(case)
    for name in sorted(parts.keys() - {NOT_COVERED}):
        photos, made = ([case for case in parts[name] if case.label == label] for label in (0, 1))
        if photos and made:
            yield from _manipulated(contest, f"condition {name}", made, photos)


def _manipulated(
    contest: Contest, name: str, cases: Sequence[Case], photos: Sequence[Case]
) -> Iterator[Check]:
    both = [*photos, *cases]
    yield _slice_check(contest, "slice_recall", name, both, recall_at(contest.rate), "found")
    yield _slice_check(contest, "slice_auc", name, both, auc, "AUC")


def _slice_check(
    contest: Contest, rule: str, name: str, cases: Sequence[Case], figure: Figure, what: str
) -> Check:
    made = [case for case in cases if case.label]
    decides = len(made) >= LEAST_PICTURES and len(made) < len(cases)
    # a slice that decides nothing is told without its interval: that is most of the time
    found = paired_difference(contest.judged(cases), figure, contest.rounds if decides else 0)
    worse = found.difference < -SLICE_LOSS and found.high < 0
    return Check(rule, name, not worse, told(found, what), decides, _lost(contest, made))


def _authentic(contest: Contest, name: str, cases: Sequence[Case], photos: Sequence[Case]) -> Check:
    """Accusations in one source, each model at the threshold that the rate gives it on all photos."""
    everyone = contest.judged(photos)
    cuts = [float(np.quantile(scores, 1 - contest.rate, method="higher")) for scores in
            (everyone.champion, everyone.candidate)]  # fmt: skip
    mine = contest.judged(cases)
    above = [mine.champion > cuts[0], mine.candidate > cuts[1]]
    found, worse, decides = _share_grows(contest, cases, above)
    text = told(found, "accused")
    return Check("slice_accusations", name, not worse, text, decides, _lost(contest, cases))


def _share_grows(
    contest: Contest, cases: Sequence[Case], flags: Sequence[NDArray[np.bool_]]
) -> tuple[PairedDifference, bool, bool]:
    """How the share of flagged cases differs, whether it is worse, and whether there are enough to decide. flags: the
    champion's and the candidate's, bool [N]."""
    mine = contest.judged(cases)
    judged = Judged(mine.labels, flags[0].astype(np.float64), flags[1].astype(np.float64), mine.groups)
    decides = len(cases) >= LEAST_PICTURES
    found = paired_difference(judged, lambda _, said: float(said.mean()), contest.rounds if decides else 0)
    return found, found.difference > SLICE_LOSS and found.low > 0, decides


def _lost(contest: Contest, cases: Sequence[Case], label: int | None = None) -> tuple[str, ...]:
    """Those that the candidate took furthest the wrong way. label: of one class alone."""
    able = [case for case in cases if label is None or case.label == label]
    able.sort(key=lambda case: _rise(contest, case) if case.label else -_rise(contest, case))
    return tuple(case.key for case in able[:WORST])


def _rise(contest: Contest, case: Case) -> float:
    """How much more the candidate takes it for manipulated, in log odds."""
    first, second = (
        min(max(judged[case.key].probability, 1e-6), 1 - 1e-6)
        for judged in (contest.champion, contest.candidate)
    )
    return float(np.log(second / (1 - second)) - np.log(first / (1 - first)))


def told(found: PairedDifference, what: str) -> str:
    """Both figures, their difference and its interval."""
    span = "" if np.isnan(found.low) else f" ({found.low:+.3f} to {found.high:+.3f})"
    return (
        f"{what} {found.champion:.3f} -> {found.candidate:.3f}, {found.difference:+.3f}{span}, "
        f"{found.pictures} pictures"
    )
