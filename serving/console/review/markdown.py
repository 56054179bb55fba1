"""Just enough Markdown for model cards: headings, paragraphs, lists, tables, bold and code.

In: a card's text. Out: blocks of plain data that a template draws, so that everything in them is escaped there. What is
not known here stays text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

Span = tuple[Literal["text", "strong", "code"], str]
_SPANS = re.compile(r"\*\*(.+?)\*\*|`(.+?)`")
_FRONT = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)
_RULE = re.compile(r"\|?[\s:|-]+\|?")
LOWEST = 6
"""HTML's lowest heading."""


@dataclass
class Block:
    """kind: heading, paragraph, list or table. level: of a heading. lines: its text, list items, or table rows of
    cells (the first row is the head)."""

    kind: Literal["heading", "paragraph", "list", "table"]
    level: int = 0
    lines: list[list[list[Span]]] = field(default_factory=list)


def blocks(text: str, below: int) -> list[Block]:
    """The card without its front matter. below: the level of the heading it stands under."""
    found: list[Block] = []
    for lines in _paragraphs(_FRONT.sub("", text)):
        first = lines[0]
        if first.startswith("#"):
            level = min(LOWEST, len(first) - len(first.lstrip("#")) + below)
            found.append(Block("heading", level, [[spans(first.lstrip("# "))]]))
        elif first.startswith("|"):
            rows = [line.strip().strip("|").split("|") for line in lines if not _RULE.fullmatch(line)]
            found.append(Block("table", lines=[[spans(cell.strip()) for cell in row] for row in rows]))
        elif first.startswith("- "):
            found.append(Block("list", lines=[[spans(item)] for item in _items(lines)]))
        else:
            found.append(Block("paragraph", lines=[[spans(" ".join(line.strip() for line in lines))]]))
    return found


def spans(text: str) -> list[Span]:
    """A line in parts.

    >>> spans("a **b** `c`")
    [('text', 'a '), ('strong', 'b'), ('text', ' '), ('code', 'c')]
    """
    found: list[Span] = []
    at = 0
    for match in _SPANS.finditer(text):
        if match.start() > at:
            found.append(("text", text[at : match.start()]))
        found.append(("strong", match[1]) if match[1] is not None else ("code", match[2]))
        at = match.end()
    if at < len(text):
        found.append(("text", text[at:]))
    return found


def _paragraphs(text: str) -> Iterator[list[str]]:
    """Lines that belong together: between empty lines; a heading stands alone."""
    lines: list[str] = []
    for line in [*text.splitlines(), ""]:
        heading = line.startswith("#")
        if (not line.strip() or heading) and lines:
            yield lines
            lines = []
        if heading:
            yield [line]
        elif line.strip():
            lines.append(line)


def _items(lines: list[str]) -> list[str]:
    """Items of a list, with the lines that go on."""
    found: list[str] = []
    for line in lines:
        if line.startswith("- "):
            found.append(line[2:])
        else:
            found[-1] += f" {line.strip()}"
    return found
