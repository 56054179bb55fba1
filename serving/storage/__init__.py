"""The database: SQLite in a file by default, PostgreSQL by changing one URL.

In: the settings' URL. Out: a `Database`, whose `transaction()` gives a session that is committed at its end or not at
all. Tables are declared in `serving/storage/tables/`, one file a subject; `migrations/` brings an older database to
them. Queries live in the repositories of `serving/refunds`, `serving/reports` and so on, each of which filters by
tenant.
"""
