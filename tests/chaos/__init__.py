"""Kills the service at random moments under load and looks for anything lost or done twice.

In: a database (SQLite, PostgreSQL) and how often to kill. Out: a summary, and evidence where something is off.
`disputes` is the load, `services` starts and kills, `receiver` gets the webhooks, `checks` and `events` read the
database afterwards, `run` is all of it. Clients behave as documented: after a lost
connection they send the same request again under the same Idempotency-Key, until they have an answer.
"""
