"""The bar: where, when, and what it leaves alone."""

import io

import pytest
from rich.console import Console

from refundlens.model import progress


def test_progress_is_silent_off_a_terminal_and_for_quick_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def shown(terminal: bool, quiet: float) -> str:
        monkeypatch.setattr(progress, "QUIET_SECONDS", quiet)
        stream = io.StringIO()
        console = Console(file=stream, force_terminal=terminal)
        assert list(progress.track(iter(range(3)), 3, "photos", console)) == [0, 1, 2]
        return stream.getvalue()

    assert shown(terminal=False, quiet=0.0) == ""
    assert shown(terminal=True, quiet=60.0) == ""
    assert "photos" in shown(terminal=True, quiet=0.0)


def test_results_stay_on_standard_output_beside_the_bar(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)
    terminal = Console(file=io.StringIO(), force_terminal=True)
    for number in progress.track(iter(range(3)), 3, "photos", terminal):
        print(number)
    assert capsys.readouterr().out == "0\n1\n2\n"


def test_what_was_done_before_counts_and_a_note_stands_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.0)
    stream = io.StringIO()
    console = Console(file=stream, force_terminal=True, width=120)
    told = iter(("loss 2", "loss 1", "loss [b]"))
    assert list(progress.track("xyz", 10, "[steps]", console, done=7, note=lambda: next(told))) == [
        "x",
        "y",
        "z",
    ]
    assert "[steps]" in stream.getvalue() and "10/10" in stream.getvalue() and "loss [b]" in stream.getvalue()
