"""The audit log: what happened, in a chain that shows when something was changed or taken out afterwards.

In: every change, from the transaction that makes it. Out: rows whose hash covers the row before; `refundlens audit
verify` recomputes them.
"""
