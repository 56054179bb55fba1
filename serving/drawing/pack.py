"""The way to have a pack's pages drawn: what draws (`sheets`) has large libraries, and is imported where it is done.

In: `pack_words.Pack`. Out: a PDF, not signed yet.
"""

from collections.abc import Sequence

from refundlens.model.verdict.texts import Language
from refundlens.serving.drawing.pack_words import Pack


def draw_pages(pack: Pack, languages: Sequence[Language]) -> bytes:
    """The PDF's bytes."""
    from refundlens.serving.drawing import sheets

    return sheets.sheet_pdf(pack, languages)
