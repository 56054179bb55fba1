"""Whether a claim's photo was used in other claims: prints of all photos, and who finds them.

A photo comes with a refund -> the worker takes its print (`taking`) -> a row (`catalogue`), erased with the photo ->
an index in each process that follows the rows (`finder`) -> a reason and the workbench's list (`uses`).
"""
