"""How `detect` shows its results: JSON Lines as they come, or one table at the end. Both say if all were judged."""

import json
import sys
from collections.abc import Iterable
from unicodedata import category

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from refundlens.serving.cli.backends import JudgedFile
from refundlens.serving.detection.schemas import Line

_COLOURS = {"fake": "bold red", "authentic": "green", "inconclusive": "yellow"}


def print_json(judged: Iterable[JudgedFile]) -> bool:
    """One object a line, flushed, so that a reader on a pipe sees each photo when it is done."""
    all_done = True
    for result in judged:
        sys.stdout.write(_dumped(result.line) + "\n")
        sys.stdout.flush()
        all_done &= not result.failed
    return all_done


def _dumped(line: Line) -> str:
    """JSON that standard output can carry. A file's name may hold bytes that are no text, and a locale may be narrow:
    there everything but ASCII is escaped, which JSON readers turn back into the very name."""
    text = json.dumps(line, ensure_ascii=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return json.dumps(line)
    return text


def print_table(judged: Iterable[JudgedFile]) -> bool:
    """Verdict in words first, then the probability, then why."""
    table = Table("file", "verdict", "manipulated", "most likely", "why", show_lines=False)
    all_done = True
    for result in judged:
        table.add_row(*_row(result.line))
        all_done &= not result.failed
    Console().print(table)
    return all_done


def _row(line: Line) -> tuple[str, str, str, str, str]:
    file = _shown(str(line["file"]))
    if "error" in line:
        return file, "[magenta]not judged[/]", "", "", _shown(line["error"]["message"])
    verdict = line["verdict"]
    kind = max(line["kind"], key=line["kind"].__getitem__).replace("_", " ")
    why = "\n".join(_shown(reason["text"]) for reason in line["reasons"])
    return file, f"[{_COLOURS[verdict]}]{verdict}[/]", f"{line['probability']:.1%}", kind, why


def _shown(text: str) -> str:
    """Text from outside, as a terminal may show it: control characters and broken encodings are spelled out."""
    readable = "".join(repr(letter)[1:-1] if category(letter).startswith("C") else letter for letter in text)
    return escape(readable)
