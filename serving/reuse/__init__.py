"""Whether a claim's photo was used in other claims: prints of all photos, and who finds them.

A photo comes with a refund -> its print and a row (`catalogue`), erased with the photo -> an index in each
process that follows the rows (`finder`) -> a reason (`telling`) on reports and on /v1/detect, and the workbench's list.
Photos that came before prints were taken get theirs by `refundlens reuse fill`.
"""
