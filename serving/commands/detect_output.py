"""How `detect` shows its results: JSON Lines as they come, or one table at the end. Both say if all were judged."""

import json
import sys
from collections.abc import Iterable

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from serving.engines import Judged
from serving.lines import Line

_COLOURS = {"fake": "bold red", "authentic": "green", "inconclusive": "yellow"}


def print_json(judged: Iterable[Judged]) -> bool:
    """One object a line, flushed, so that a reader on a pipe sees each photo when it is done."""
    all_done = True
    for result in judged:
        sys.stdout.write(json.dumps(result.line, ensure_ascii=False) + "\n")
        sys.stdout.flush()
        all_done &= not result.failed
    return all_done


def print_table(judged: Iterable[Judged]) -> bool:
    """Verdict in words first, then the probability, then why."""
    table = Table("file", "verdict", "manipulated", "most likely", "why", show_lines=False)
    all_done = True
    for result in judged:
        table.add_row(*_row(result.line))
        all_done &= not result.failed
    Console().print(table)
    return all_done


def _row(line: Line) -> tuple[str, str, str, str, str]:
    file = escape(str(line["file"]))
    if "error" in line:
        return file, "[magenta]not judged[/]", "", "", escape(line["error"]["message"])
    verdict = line["verdict"]
    kind = max(line["kind"], key=line["kind"].__getitem__).replace("_", " ")
    why = "\n".join(escape(reason["text"]) for reason in line["reasons"])
    return file, f"[{_COLOURS[verdict]}]{verdict}[/]", f"{line['probability']:.1%}", kind, why
