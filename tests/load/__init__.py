"""A marketplace's year in the database, and how long pages, queries and first visits take with it."""
