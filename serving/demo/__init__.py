"""What a fresh installation shows: sample photos, drawn or edited by us, and refunds that claim with them.

In: nothing. Out: pictures in the data folder, mirrored refunds of the demo's tenant.
"""
