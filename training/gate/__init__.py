"""Whether a candidate may follow the champion: both judge the same frozen pictures, and are compared picture by
picture.

In: two bundles and a frozen suite. Out: a `GateResult` with a check for everything that must not get worse, and a
report that names each slice that did, with its ten worst pictures.
"""
