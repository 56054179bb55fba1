"""Which version of the model judges: bundles, their stages, and how processes follow a change.

In: `refundlens models` and the engineers' endpoints. Out: a champion and at most one shadow in the table of versions;
every process loads what the table says.
"""
