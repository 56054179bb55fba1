"""What happened, for good: the hash-chained audit log, and the outbox that webhooks are sent from.

In: facts, in the transaction of the change they tell of. Out: rows that are only added; `verify` says whether the chain
holds.
"""
