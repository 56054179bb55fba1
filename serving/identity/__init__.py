"""Who is calling: API keys with roles and scopes, console sessions, tenants, and the names that buyers have here.

In: a request. Out: a `Principal`, which every repository takes and filters by. Secrets are kept as hashes only.
"""
