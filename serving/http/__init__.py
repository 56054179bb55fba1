"""HTTP itself, the same for every endpoint: problems, bodies, middleware, idempotency, paging, pages, hang-ups.

In: requests. Out: RFC 9457 problems, limits held while a body streams, answers that a repeated request gets again.
Knows nothing of photos or reports.
"""
