"""Attacks on a live service, and what its other callers feel meanwhile.

In: nothing; the service is started here, on this machine, with two tenants, demo visitors and a buyer's status link.
Out: a table: what the attacker gets, and what another tenant's /v1/detect and /healthz take beside a quiet time.
`python -m tests.chaos.attacks`.
"""
