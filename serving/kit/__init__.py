"""What every other folder may use and what uses none of them: small tools without a place of their own.

In and out: plain values."""
