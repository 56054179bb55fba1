"""Tells other systems what happened: transactional outbox, Standard Webhooks signatures, retries, replay.

In: `outbox.publish` from the transaction that makes a change. Out: signed POSTs to each endpoint that wants the event,
made by the worker until one succeeds or the schedule ends; and the same events as a stream for the page.
"""
