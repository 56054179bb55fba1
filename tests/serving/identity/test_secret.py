"""The files that a first start makes: one value, however many start together, and nothing half-written counts."""

import stat
import threading
from pathlib import Path

from refundlens.serving.storage.secret import kept


def test_processes_that_start_together_agree(tmp_path: Path) -> None:
    found, start = [], threading.Barrier(8)

    def begin(number: int) -> None:
        start.wait(30)
        found.append(kept(tmp_path / "new" / "secret.key", lambda: f"value-{number}"))

    threads = [threading.Thread(target=begin, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 8 and len(set(found)) == 1
    (file,) = (tmp_path / "new").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert kept(file, lambda: "another") == found[0]


def test_a_start_that_was_cut_off_is_made_good(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    path.touch()
    assert kept(path, lambda: "value") == "value"
    assert path.read_text() == "value\n"
