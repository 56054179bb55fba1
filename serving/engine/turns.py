"""Whose turn it is: small photos go before large ones, for a while, and only as long as it makes nobody late.

In: when a request came, how long it takes, how long its caller waits, who is there already. Out: its rank; the lowest
goes first, at every stage.

A request counts as having come later by STRETCH times the time it takes when the engine does nothing else. So a photo
of 12 megapixels is judged tile by tile in the gaps that smaller ones leave, until that time is over; then those that
come after it wait for what is left of it. Photos of one size keep the order in which they came.
"""

STRETCH = 4.0
"""Times its own time that a request lets smaller ones past. Where they take four fifths of the engine's time, a large
photo is done in the gaps by then, and nobody has waited for it; at worst it takes five times its time."""
GIVEN = 0.5
"""Share of its spare time that a request gives to others: who comes in it may bring twice as much as can be judged in
it, and then costs all there is to spare."""


def later(alone: float) -> float:
    """Seconds by which a request counts as having come later that takes `alone` when nobody else is there."""
    return STRETCH * alone


def rank(now: float, later: float, spare: float, last: float) -> float:
    """The rank of a request that comes `now`.

    later: seconds by which it counts as having come later. spare: seconds that it can lose before its deadline is in
    danger; who comes when its part of that is over, goes behind it. last: the rank of the last one that goes before it
    as it is; it never goes before those, or a large photo in a hurry would break the promises they were given.
    """
    return min(now + later, max(now + GIVEN * spare, last))
