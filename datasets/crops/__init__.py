"""Delivered crops: what training reads, made once from masters and written to disk.

In: collected pictures (`datasets.collection`) as decoded masters. Out: pairs of crops, an authentic and a manipulated
one that took the same window, delivery and place, with the map of what changed. Reading one takes a millisecond.
"""
