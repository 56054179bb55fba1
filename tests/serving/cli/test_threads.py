"""How many threads NumPy takes in a process of the command line."""

import os
import subprocess
import sys

import pytest

ASK = (
    "import refundlens.serving.cli.main, numpy, threadpoolctl; "
    "print(*[one['num_threads'] for one in threadpoolctl.threadpool_info() if one['user_api'] == 'blas'])"
)


def _threads(**more: str) -> list[str]:
    variables = {name: value for name, value in os.environ.items() if not name.endswith("_NUM_THREADS")}
    asked = subprocess.run(
        [sys.executable, "-c", ASK], env=variables | more, capture_output=True, text=True, check=True
    )
    return asked.stdout.split()


@pytest.mark.slow
def test_numpy_takes_one_thread_unless_somebody_wants_more() -> None:
    assert set(_threads()) == {"1"}
    assert _threads(OPENBLAS_NUM_THREADS="2") == (["2"] if (os.cpu_count() or 1) > 1 else ["1"])
