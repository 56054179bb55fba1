"""A model card as HTML. Whoever wrote a bundle wrote its card: no HTML of theirs passes, no link, no picture.

In: Markdown with tables (markdown-it-py). Out: markup for a page.
"""

from collections.abc import Sequence

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup, escape

LOWEST = 6
"""HTML's lowest heading."""
FOREIGN = ("html_block", "html_inline", "image", "link", "autolink", "reference", "entity")
"""What stays text: it would bring a stranger's markup or address into the page."""


def html(text: str, below: int, label: str) -> Markup:
    """below: the level of the heading it stands under. label: names tables for those who cannot see them."""
    reader = MarkdownIt("commonmark").enable("table").disable(FOREIGN)
    tokens = reader.parse(text)
    return Markup(reader.renderer.render(_placed(tokens, below, label), reader.options, {}))


def _placed(tokens: Sequence[Token], below: int, label: str) -> list[Token]:
    """Headings under the page's own; tables in a frame that scrolls by itself, also with the keyboard."""
    placed: list[Token] = []
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(LOWEST, int(token.tag[1:]) + below)}"
        elif token.type == "th_open":
            token.attrSet("scope", "col")
        if token.type == "table_open":
            placed.append(
                _raw(f'<div class="scroll" tabindex="0" role="group" aria-label="{escape(label)}">')
            )
        placed.append(token)
        if token.type == "table_close":
            placed.append(_raw("</div>"))
    return placed


def _raw(markup: str) -> Token:
    return Token("html_block", "", 0, content=markup)
