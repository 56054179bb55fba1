"""Comparing a photo with a reference: what tells painted defects from drawings is fitted here, and all of it
measured.

In: a folder of photos with its index (`index.csv`, see `datasets.collection`). `examples` paints and draws on them
and sends them again; `fit` makes the forest of `model.compare.marks`; `measure` says how often painted defects are
shown and honest photos accused.
"""
