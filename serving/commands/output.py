"""How verbs speak: results on standard output, everything else on standard error."""

import sys


def complain(message: str) -> None:
    """Tell the person at the terminal, without touching the results."""
    print(f"refundlens: {message}", file=sys.stderr, flush=True)
