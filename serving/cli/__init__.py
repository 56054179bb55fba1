"""The `refundlens` command: one file a verb, and what the verbs share.

In: arguments. Out: results on standard output, words for people on standard error, exit status 0, 1 or 2. Heavy imports
wait until a verb runs, so that `--help` answers at once.
"""
