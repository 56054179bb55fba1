"""The worker: does what is due, in this process or in several on one database.

In: rows of `job` and `webhook_delivery`. Out: screenings, warnings, deadlines, final states, sent webhooks. A job is
taken with a lease and deleted in the transaction that does it: it is done once, whoever dies meanwhile.
"""
