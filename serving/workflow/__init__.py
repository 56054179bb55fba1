"""The life of a report, from one click to a final verdict.

In: an event (a person's click, the detector's verdict, a clock that ran out) with who brings it. Out: the report's new
state, and in the same transaction its audit event, its webhooks, its timers and what the change means for the refund
and the buyer. `states` names things, `transitions` says what may happen, `machine` makes it happen, `effects` what
follows.
Nothing here knows HTTP.
"""
