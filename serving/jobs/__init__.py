"""What is done later: screening, timers, deliveries and housekeeping, by a worker that may die at any time.

In: rows of `job`, leased one process at a time. Out: what their handlers do; what was left by a dead process is done by
the next.
"""
