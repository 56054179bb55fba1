"""Buyers: the record that final verdicts leave, its reversal, and the buyer's right to be forgotten.

In: `integrity.enter_pending`, `enter_final`, `reverse` from the transaction of a report's transition. Out: lines that
only ever add up, the record as facts and a score, and, on request or after the retention time, erasure.
"""
