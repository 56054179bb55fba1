"""Spares requests the longest pauses of Python's garbage collector.

In: a process that has loaded all it needs. Out: the same, whose collector looks at what came afterwards only: modules,
tables and schemas stay for as long as the process, and each full collection would walk them all.
"""

import gc


def settle() -> None:
    """Call once, when everything is loaded: what is there now is never collected, garbage among it is so before."""
    gc.collect()
    gc.freeze()
