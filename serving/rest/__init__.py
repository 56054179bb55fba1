"""What the endpoints of the workflow share: the transaction, requests answered once, pages, ETags.

In: a request and what it asks for. Out: one transaction and one answer. Endpoints stay thin: they name the role, call
a service with a session, and give what it says.
"""
