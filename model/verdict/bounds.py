"""How many false accusations a sample allows us to claim: exact (Clopper-Pearson) bounds on a binomial rate.

In: errors seen among independent trials (source photos, never their variants). Out: a bound on the true rate.
Standard library only, since serving states the bound and serving has no SciPy.
Clopper and Pearson, "The use of confidence or fiducial limits illustrated in the case of the binomial", 1934.

>>> round(upper_bound(0, 299), 4)
0.01
>>> trials_needed(0.01)
299
"""

import math

CONFIDENCE = 0.95
"""Share of samples for which the bound holds: the usual level, and that of the false-accusation limit."""
_HALVINGS = 60
"""Bisection steps: 2**-60 is below the spacing of doubles near 1, so more would change nothing."""
_FRACTION_TERMS = 10_000
"""Most terms of the continued fraction. It needs about sqrt(trials): this reaches a hundred million."""
_TINY = 1e-300
"""Stands in for a zero divisor in Lentz's method."""


def _beta_fraction(x: float, a: float, b: float) -> float:
    """The continued fraction of the incomplete beta function by Lentz's method (NIST DLMF 8.17.22)."""
    c, d = 1.0, 1.0 - (a + b) * x / (a + 1.0)
    d = 1.0 / (d if abs(d) > _TINY else _TINY)
    value = d
    for m in range(1, _FRACTION_TERMS):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        step = 1.0
        for term in (even, odd):
            d = 1.0 + term * d
            c = 1.0 + term / c
            d = 1.0 / (d if abs(d) > _TINY else _TINY)
            c = c if abs(c) > _TINY else _TINY
            step = c * d
            value *= step
        if abs(step - 1.0) < 1e-15:
            return value
    raise ArithmeticError(f"the incomplete beta function did not converge at x={x}, a={a}, b={b}")


def _beta_share(x: float, a: float, b: float) -> float:
    """Regularised incomplete beta function I_x(a, b), 0 to 1."""
    if x <= 0.0:
        return 0.0
    if x >= 1.0:
        return 1.0
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    if x < (a + 1.0) / (a + b + 2.0):  # on the other side the fraction converges slowly: use the mirror image
        return math.exp(log_front) * _beta_fraction(x, a, b) / a
    return 1.0 - math.exp(log_front) * _beta_fraction(1.0 - x, b, a) / b


def _at_most(errors: int, trials: int, rate: float) -> float:
    """Probability of `errors` or fewer among `trials` at this true rate."""
    return 1.0 if errors >= trials else _beta_share(1.0 - rate, trials - errors, errors + 1)


def _check(errors: int, trials: int, confidence: float) -> None:
    if not 0 <= errors <= trials:
        raise ValueError(f"errors must lie between 0 and trials, got {errors} of {trials}")
    if not 0.0 < confidence < 1.0:
        raise ValueError(f"confidence must lie strictly between 0 and 1, got {confidence}")


def _check_limit(limit: float) -> None:
    if not 0.0 < limit < 1.0:
        raise ValueError(f"the limit on a rate must lie strictly between 0 and 1, got {limit}")


def upper_bound(errors: int, trials: int, confidence: float = CONFIDENCE) -> float:
    """One-sided upper bound on the true error rate; 1.0 where nothing is known (no trials, or only errors).

    Raises ValueError if errors are negative or more than trials, or if confidence is not within (0, 1).
    """
    _check(errors, trials, confidence)
    if errors == trials:
        return 1.0
    low, high = errors / trials, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _at_most(errors, trials, middle) > 1.0 - confidence:
            low = middle
        else:
            high = middle
    return high


def lower_bound(errors: int, trials: int, confidence: float = CONFIDENCE) -> float:
    """One-sided lower bound on the true error rate; 0.0 where nothing is known (no trials, or no errors).

    Raises ValueError as `upper_bound` does.
    """
    _check(errors, trials, confidence)
    return 1.0 - upper_bound(trials - errors, trials, confidence)


def interval(errors: int, trials: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Two-sided interval (low, high) of the true rate: each side gets half of what confidence leaves.

    Raises ValueError as `upper_bound` does.
    """
    _check(errors, trials, confidence)
    side = (1.0 + confidence) / 2
    return lower_bound(errors, trials, side), upper_bound(errors, trials, side)


def trials_needed(limit: float, errors: int = 0, confidence: float = CONFIDENCE) -> int:
    """Fewest trials for which `errors` still keep the upper bound within `limit`: 299 for 1 % and no errors.

    Raises ValueError if the limit or the confidence is not within (0, 1), or errors are negative.
    """
    _check_limit(limit)
    _check(errors, max(errors, 0), confidence)
    short, enough = errors, errors + 1
    while _at_most(errors, enough, limit) > 1.0 - confidence:
        short, enough = enough, enough * 2
    while enough - short > 1:
        middle = (short + enough) // 2
        if _at_most(errors, middle, limit) > 1.0 - confidence:
            short = middle
        else:
            enough = middle
    return enough


def errors_allowed(limit: float, trials: int, confidence: float = CONFIDENCE) -> int:
    """Most errors among `trials` that keep the upper bound within `limit`; -1 where even none would not.

    Raises ValueError if the limit or the confidence is not within (0, 1), or trials are negative.
    """
    _check_limit(limit)
    _check(0, trials, confidence)
    fits, too_many = -1, trials
    while too_many - fits > 1:
        middle = (fits + too_many) // 2
        if _at_most(middle, trials, limit) <= 1.0 - confidence:
            fits = middle
        else:
            too_many = middle
    return fits
