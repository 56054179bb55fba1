"""Opens a pack: the JSON, or the PDF that carries it.

In: bytes of a file that anybody may have made. Out: an `Opened`, or PackError. Nothing is checked here.
"""

from dataclasses import dataclass
from typing import Any

from serving.evidence import trailer
from serving.evidence.canonical import PackError, split
from serving.evidence.trailer import Sealed

ATTACHMENT = "evidence.json"
_PDF = b"%PDF-"


@dataclass(frozen=True)
class Opened:
    """evidence: the bytes that were signed. document: the same as JSON. pages: of a PDF, the line that signs it; none
    where it has none. is_pdf: whether there are pages at all."""

    evidence: bytes
    document: dict[str, Any]
    signature: dict[str, Any]
    is_pdf: bool = False
    pages: Sealed | None = None


def open_pack(file: bytes) -> Opened:
    """Raises PackError for what is no pack."""
    if not file.startswith(_PDF):
        return Opened(*split(file))
    return Opened(*split(_attached(file)), is_pdf=True, pages=trailer.read(file))


def _attached(pdf: bytes) -> bytes:
    """The JSON that a PDF carries."""
    import io
    import logging

    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it tells what it mends; we tell what is wrong
    try:
        found = PdfReader(io.BytesIO(pdf), strict=False).attachments.get(ATTACHMENT)
    except Exception as error:  # pypdf raises many kinds for files that somebody damaged
        raise PackError(f"this PDF cannot be read: {type(error).__name__}: {error}") from error
    if not found:
        raise PackError(f"this PDF carries no {ATTACHMENT}; pages without it prove nothing")
    return bytes(found[0])
