import subprocess
import sys

import pytest

COUNT_FAULTS = """
import resource, sys
import numpy as np
from refundlens.datasets.allocator import keep_freed_memory
if sys.argv[1] == "kept" and not keep_freed_memory():
    sys.exit(3)
np.ones(32_000_000, np.uint8)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    np.ones(32_000_000, np.uint8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(kept: str) -> int:
    done = subprocess.run([sys.executable, "-c", COUNT_FAULTS, kept], capture_output=True, text=True)
    if done.returncode == 3:
        pytest.skip("this allocator is not glibc's")
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_memory_that_was_freed_is_not_faulted_in_again() -> None:
    assert faults("kept") * 4 < faults("default")
