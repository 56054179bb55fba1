"""From equal odds to a service's own share of fakes.

`probability` in every answer holds where authentic and manipulated photos are equally frequent, because nobody can know
a service's share from here. A service that knows its own converts it with Bayes' rule: the odds are multiplied by
share / (1 - share). Where 2 photos in 100 are fake, an answer of 0.9 means 0.155:

>>> round(with_prior(0.9, 0.02), 3)
0.155
"""


def with_prior(probability: float, share: float) -> float:
    """Probability of manipulation where `share` of the photos (0 to 1, both ends excluded) are manipulated.

    probability: as answered, under equal odds. Raises ValueError where either is out of range.
    """
    if not 0.0 <= probability <= 1.0:
        raise ValueError(f"a probability lies between 0 and 1, got {probability}")
    if not 0.0 < share < 1.0:
        raise ValueError(f"the share of fakes must lie strictly between 0 and 1, got {share}")
    fake = probability * share
    return fake / (fake + (1.0 - probability) * (1.0 - share))
