"""The last line of a pack's PDF: `%refundlens-evidence-pdf 1 <key id> <signature>`, over every byte before it.

In: a PDF. Out: the same with that line, and back. A comment after the end is allowed in PDF; readers pass it over.
"""

import re
from dataclasses import dataclass

from serving.evidence.signature import Signer, WrongKey, bytes64, text64

_LINE = re.compile(rb"%refundlens-evidence-pdf 1 ([A-Za-z0-9_-]{43}) ([A-Za-z0-9_-]{86})\n\Z")


@dataclass(frozen=True)
class Sealed:
    """content: all before the line. key_id: of the key it names. signature: 64 bytes."""

    content: bytes
    key_id: str
    signature: bytes


def sign(pdf: bytes, signer: Signer) -> bytes:
    """The PDF with its line."""
    content = pdf if pdf.endswith(b"\n") else pdf + b"\n"
    line = f"%refundlens-evidence-pdf 1 {signer.public.id} {text64(signer.sign(content))}\n"
    return content + line.encode("ascii")


def read(pdf: bytes) -> Sealed | None:
    """None where a PDF does not end with such a line, or the line was changed."""
    found = _LINE.search(pdf)
    if found is None:
        return None
    try:
        signature = bytes64(found[2].decode("ascii"))
    except WrongKey:
        return None
    return Sealed(pdf[: found.start()], found[1].decode("ascii"), signature)
