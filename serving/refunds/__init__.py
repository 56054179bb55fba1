"""The mirror of the platform's refunds, and their photos.

In: what the platform says of a refund, with its photos by source. Out: the refund as we know it, with our outcome;
undecided reports whose refund closes, or whose deadline moves, follow.
"""
