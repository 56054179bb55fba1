"""Work in a process of its own: what comes back, and what becomes of it when that process dies."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from refundlens.model.photo.image import ImageError, read_photo
from refundlens.serving.kit.apart import MOST_MEMORY, NICE, Apart, ProcessDied

pytestmark = pytest.mark.slow


@pytest.fixture
def apart() -> Iterator[Apart]:
    made = Apart()
    yield made
    made.close()


def test_what_comes_of_it_comes_back_with_the_time_it_took(apart: Apart) -> None:
    spent, result = apart.do(partial(sum, range(2_000_000)))
    assert result == sum(range(2_000_000)) and spent > 0
    assert apart.do(partial(os.getpid))[1] != os.getpid()


def test_others_go_first(apart: Apart) -> None:
    assert apart.do(partial(os.nice, 0))[1] == min(19, os.nice(0) + NICE)


def test_what_it_prints_stands_in_nobodys_way(apart: Apart) -> None:
    assert apart.do(partial(print, "x" * 100_000))[1] is None
    assert apart.do(partial(len, "abc"))[1] == 3


def test_errors_of_ours_come_back_as_they_are(apart: Apart) -> None:
    _, failed = apart.do(partial(read_photo, b""))
    assert isinstance(failed, ImageError) and failed.code == "empty_file" and "upload it again" in str(failed)


def _of_tests() -> None:
    """Nothing that the other process can import."""


def test_what_cannot_travel_says_so_and_ends_nothing(apart: Apart) -> None:
    local = "class E(Exception):\n    pass\nraise E('cannot travel')"
    for work, said in (
        (partial(exec, local), "cannot travel"),
        (partial(open, os.devnull), "TextIOWrapper"),
        (_of_tests, "tests"),
    ):
        _, failed = apart.do(work)
        assert isinstance(failed, Exception) and said in str(failed)
    first, second = (apart.do(partial(os.getpid))[1] for _ in range(2))
    assert first == second


def test_a_process_that_dies_fails_its_own_work_alone(apart: Apart) -> None:
    with pytest.raises(ProcessDied):
        apart.do(partial(os._exit, 3))
    assert apart.do(partial(len, "ab"))[1] == 2


def test_what_wants_all_memory_fails_by_itself(apart: Apart) -> None:
    _, failed = apart.do(partial(bytes, MOST_MEMORY))
    assert isinstance(failed, MemoryError)
    assert apart.do(partial(len, "ab"))[1] == 2


def test_work_without_an_end_is_ended() -> None:
    apart, began = Apart(longest=1.5), time.monotonic()
    try:
        with pytest.raises(ProcessDied):
            apart.do(partial(time.sleep, 600))
        assert time.monotonic() - began < 60
        assert apart.do(partial(len, "a"))[1] == 1
    finally:
        apart.close()


_SERVICE = """
import os, sys, time
from functools import partial
from refundlens.serving.kit.apart import Apart
apart = Apart()
print(apart.do(partial(os.getpid))[1], flush=True)
time.sleep(600)
"""


def test_it_ends_with_a_service_that_is_killed(tmp_path: Path) -> None:
    service = subprocess.Popen([sys.executable, "-c", _SERVICE], stdout=subprocess.PIPE, text=True)
    try:
        assert service.stdout is not None
        process = psutil.Process(int(service.stdout.readline()))
    finally:
        service.kill()
        service.communicate()
    process.wait(timeout=60)
