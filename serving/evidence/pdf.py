"""A pack as A4 pages, in English and Chinese, with the pack's JSON attached, signed.

In: what was collected, who issues it, which language comes first. Out: a PDF that ends with a line in which the issuer
signs all bytes before it: what the pages show is as protected as the JSON they carry. Readers pass that line over.
"""

import json
from dataclasses import replace
from functools import partial
from typing import Any

from refundlens.model.verdict.texts import Language
from refundlens.serving.drawing import text as typeset
from refundlens.serving.drawing.pack import draw_pages
from refundlens.serving.drawing.pack_words import Pack
from refundlens.serving.evidence import pack
from refundlens.serving.evidence.material import Material
from refundlens.serving.evidence.pack import Issuing, canonical_json, join

ATTACHMENT = "evidence.json"


def pages(material: Material, issuing: Issuing, first: Language, with_photo: bool) -> "partial[bytes]":
    """What draws the pages, for `signature.sign`. material: with the photo's bytes, if they are there; with_photo:
    leave them in the JSON, too.

    Without a Chinese font on this machine the pages are in English alone. Raises OSError.
    """
    kept = material if with_photo else replace(material, photo=replace(material.photo, content=None))
    document = pack.document(kept, issuing)
    evidence = canonical_json(document)
    file = join(evidence, issuing.signer.seal(evidence))
    languages: list[Language] = [first, "en" if first == "zh" else "zh"]
    drawn = Pack(
        document,
        material.photo.content,
        material.heatmap,
        typeset.font_for(_all_text(document)),
        issuing.signer.public.id,
        issuing.now,
        (ATTACHMENT, file),
    )
    return partial(draw_pages, drawn, [one for one in languages if typeset.settable(one) == one])


def _all_text(document: dict[str, Any]) -> str:
    """What strangers may have written of what is drawn; the rest has our own characters alone."""
    told = json.dumps(document["reasons"], ensure_ascii=False)
    return "".join(mark for mark in told if mark.isprintable())
