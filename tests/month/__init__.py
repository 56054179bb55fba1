"""A month of the loop, played from beginning to end: a generator that the champion never saw appears in disputes,
people label 200 photos, one command learns from them, the candidate shadows, is promoted under load, and is rolled
back.

In: nothing (rendered pictures and a small network, some minutes), or a collection with its champion. Out: `month.json`
and a page with its figures and a plot.
"""
