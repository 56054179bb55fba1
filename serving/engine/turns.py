"""Whose turn it is: small photos go before large ones, for a while, and only as long as it makes nobody late.

In: when a request came, how long it takes, how long its caller waits, who is there already. Out: its rank; the lowest
goes first, at every stage.

A request counts as having come later by the time it takes when the engine does nothing else. So a photo of 12
megapixels lets those past that are much smaller and come within that time, tile by tile, and nobody who comes after: it
takes about twice its time at worst, and a small one never waits for a large one to be done. Photos of one size keep the
order in which they came.
"""


def rank(now: float, later: float, spare: float, last: float) -> float:
    """The rank of a request that comes `now`.

    later: seconds by which it counts as having come later. spare: seconds that it can lose before its deadline is in
    danger: it lets nobody past for longer, who has not come before it. last: the rank of the last one that goes before
    it as it is; it never goes before those, or a large photo in a hurry would break the promises they were given.
    """
    return min(now + later, max(now + spare, last))
