"""The `refundlens` command: one file a verb, and what the verbs share.

In: arguments. Out: results on standard output, words for people on standard error, exit status 0, 1 or 2. Heavy imports
wait until a verb runs, so that `--help` answers at once.
"""

import os

# Read by NumPy when it is imported. Work is spread over processors photo by photo; threads of NumPy's own besides spin
# while they wait: on two busy processors, the look for copied parts cost 175 ms with them, 115 without (docs/reuse.md).
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
