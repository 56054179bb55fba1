"""Merchants' complaints about abnormal refunds: an empty parcel sent back, another item returned, a pattern of abuse.

In: a complaint about a mirrored refund. Out: a specialist's answer. A channel of its own: whatever is said here, no
report, verdict or integrity record follows from it.
"""
