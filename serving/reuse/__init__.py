"""Whether a claim's photo was used in other claims: prints of all photos, and who finds them.

A photo comes with a refund -> its print and a row (`catalogue`), erased with the photo -> an index in each
process that follows the rows (`finder`) -> a reason (`telling`) and the workbench's list.
"""
