"""The store: measured once, found again, and never mistaken for something else."""

from pathlib import Path

import numpy as np

from refundlens.training.evaluation.suite.store import Store, code_of, digest


def test_what_was_measured_is_found_by_the_next_run(tmp_path: Path) -> None:
    path, calls = tmp_path / "deep" / "scores.jsonl", []

    def measure() -> dict[str, object]:
        calls.append(1)
        return {"probability": 0.1 + 0.2, "counts": (1, 2)}

    first = Store(path).remember(["a", b"b"], measure)
    assert Store(path).remember(["a", b"b"], measure) == first == {"probability": 0.1 + 0.2, "counts": [1, 2]}
    assert len(calls) == 1
    Store(path).remember(["a", b"c"], measure)
    assert len(calls) == 2 and len(Store(path)) == 2


def test_a_line_cut_short_is_measured_again(tmp_path: Path) -> None:
    path = tmp_path / "scores.jsonl"
    store = Store(path)
    for name in ("a", "b"):
        store.remember([name], lambda name=name: name)
    path.write_text(path.read_text()[:-7])
    after = Store(path)
    assert len(after) == 1
    assert after.remember(["b"], lambda: "anew") == "anew"
    assert Store(path).remember(["b"], lambda: "not called") == "anew"


def test_the_key_tells_parts_and_shapes_apart() -> None:
    flat = np.arange(6, dtype=np.float32)
    keys = [
        ["ab", "c"],
        ["a", "bc"],
        ["abc"],
        [flat],
        [flat.reshape(2, 3)],
        [flat.reshape(3, 2)],
        [flat.view(np.int32)],
    ]
    assert len({digest(parts) for parts in keys}) == len(keys)


def test_other_code_has_another_digest(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    before = code_of(tmp_path)
    (tmp_path / "notes.txt").write_text("no code")
    assert code_of(tmp_path) == before
    (tmp_path / "a.py").write_text("x = 2\n")
    assert code_of(tmp_path) != before
