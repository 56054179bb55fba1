"""Draws a pack's document as A4 pages, in English and Chinese, with its file attached.

In: the document, the photo and the maps it tells of, a font. Out: a PDF, not signed yet: what draws a stranger's photo
is a process of its own (`kit.apart`) and has no key.
"""

import io
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import numpy as np
from fpdf import FPDF
from fpdf.enums import TextMode
from PIL import Image

from refundlens.model.photo.image import ImageError, read_photo
from refundlens.model.verdict.texts import Language
from refundlens.serving.drawing import text as typeset
from refundlens.serving.drawing.pack_words import Pack, audit_cells, hash_rows, model_rows, report_rows, say
from refundlens.serving.drawing.picture import FAINT, INK, TONES, boxed, heated, picture_file
from refundlens.serving.drawing.words import ReportFacts, Words, words
from refundlens.serving.workflow.states import ReportState

PANEL = 1000
"""Pixels of a panel's width: some 280 to an inch where it is printed."""
PANEL_QUALITY = 88
_WIDTH, _HEIGHT, _MARGIN, _FOOT = 595.28, 841.89, 42.0, 30.0
"""Points of an A4 page."""
_INNER = _WIDTH - 2 * _MARGIN
_LABEL = 112.0
_TALLEST = 1.15
"""A panel's height at most, in its width, so that facts and reasons fit on the first page."""
_TITLE, _HEADING, _TEXT, _SMALL = 20, 12, 9, 7.5
_LINE = 1.45
_MEASURE = 8
"""Pixels per point when text is measured: a font's widths are exact enough at eight times its size."""
_RULE = (205, 208, 212)
_FAMILY = "pack"
Panel = tuple[Literal["photo", "heat"], bytes]
"""What a picture shows, and its JPEG."""


def sheet_pdf(pack: Pack, languages: Sequence[Language]) -> bytes:
    """The PDF."""
    panels = _panels(pack)
    sheets = _Sheets(pack.document, pack.font, pack.now)
    for language in languages:
        _draw(sheets, pack.document, language, panels, pack.key_id)
    name, file = pack.attached
    sheets.embed_file(
        bytes=file, basename=name, mime_type="application/json", compress=True, modification_date=pack.now
    )
    return bytes(sheets.output())


class _Sheets(FPDF):
    """A4 pages of lines, tables and panels; `at` is where the next line goes, in points from the top."""

    def __init__(self, document: dict[str, Any], font: Any, now: datetime) -> None:
        super().__init__(unit="pt", format="A4")
        self.set_auto_page_break(False)
        self.add_font(_FAMILY, fname=font)
        self.set_font(_FAMILY, size=_TEXT)
        self.set_creation_date(now)
        self.set_title(f"RefundLens {document['detection']['id']}")
        self.set_creator("RefundLens")
        self.set_display_mode("fullwidth")
        self.at = _MARGIN
        self._foot = f"RefundLens · {document['detection']['id']} · {document['issued_at']}"

    def begin(self) -> None:
        """A new page."""
        self.add_page()
        self.at = _MARGIN
        self.set_font(_FAMILY, size=_SMALL)
        self.set_text_color(*FAINT)
        self.text(_MARGIN, _HEIGHT - _FOOT, self._foot)
        number = f"{self.page_no()}"
        self.text(_WIDTH - _MARGIN - self.get_string_width(number), _HEIGHT - _FOOT, number)

    def room(self, height: float) -> None:
        """A new page where less than that is left."""
        if self.at + height > _HEIGHT - _FOOT - 2 * _TEXT:
            self.begin()

    def write_lines(
        self, text: str, size: float, colour: tuple[int, int, int] = INK, left: float = _MARGIN,
        width: float = _INNER, bold: bool = False,
    ) -> None:  # fmt: skip
        """A paragraph. Text is cleaned and cut as in pictures."""
        for line in _wrapped(text, size, width):
            self.room(size * _LINE)
            self.place(line, left, self.at + size, size, colour, bold)
            self.at += size * _LINE

    def place(
        self,
        text: str,
        left: float,
        baseline: float,
        size: float,
        colour: tuple[int, int, int],
        bold: bool = False,
    ) -> None:
        """One line. Bold is drawn with an outline: the machine's font comes in one weight."""
        self.set_font(_FAMILY, size=size)
        self.set_text_color(*colour)
        self.set_draw_color(*colour)
        with self.local_context(
            text_mode=TextMode.FILL_STROKE if bold else TextMode.FILL, line_width=size / 55
        ):
            self.text(left, baseline, text)

    def heading(self, text: str) -> None:
        """Starts a part."""
        self.room(5 * _HEADING)
        self.at += _HEADING * 0.9
        self.write_lines(text, _HEADING, bold=True)
        self.set_draw_color(*_RULE)
        self.set_line_width(0.6)
        self.line(_MARGIN, self.at, _WIDTH - _MARGIN, self.at)
        self.at += 4

    def rows(self, rows: list[tuple[str, str]]) -> None:
        """Names and values."""
        for name, value in rows:
            lines = _wrapped(value, _TEXT, _INNER - _LABEL) or ["–"]
            self.room(len(lines) * _TEXT * _LINE)
            self.place(name, _MARGIN, self.at + _TEXT, _TEXT, FAINT)
            for line in lines:
                self.place(line, _MARGIN + _LABEL, self.at + _TEXT, _TEXT, INK)
                self.at += _TEXT * _LINE


def _draw(
    sheets: _Sheets, document: dict[str, Any], language: Language, panels: list[Panel], key_id: str
) -> None:
    """All pages of one language."""
    body = {**document["detection"], "reasons": document["reasons"][language]}
    said = words(body, _facts(document, language), document["photo"]["supplied_by"], language)
    sheets.begin()
    _band(sheets, said, language)
    _pictures(sheets, document, said, panels, language)
    for fact in said.facts:
        sheets.write_lines(fact, _TEXT)
    sheets.heading(say("reasons", language))
    for reason in said.reasons:
        sheets.write_lines(f"• {reason}", _TEXT)
    sheets.at += _SMALL
    for line in said.footer:
        sheets.write_lines(line.replace("   ", " · "), _SMALL, FAINT)
    sheets.begin()
    sheets.heading(say("model", language))
    sheets.rows(model_rows(document, language))
    sheets.heading(say("report", language))
    if document["report"] is None:
        sheets.write_lines(say("no_report", language), _TEXT)
    else:
        sheets.rows(report_rows(document["report"], language))
    if document["audit"] is not None:
        _audit(sheets, document["audit"], language)
    sheets.heading(say("hashes", language))
    sheets.rows(hash_rows(document, key_id, language))
    sheets.heading(say("verify", language))
    for name in ("how", "how_key", "how_numbers", "limits"):
        sheets.write_lines(say(name, language), _TEXT)


def _band(sheets: _Sheets, said: Words, language: Language) -> None:
    """The verdict in words, on its colour."""
    lines = _wrapped(said.heading, _TITLE, _INNER)
    height = _MARGIN + (len(lines) + 0.2) * _TITLE * _LINE + _TEXT * _LINE
    sheets.set_fill_color(*TONES[said.tone])
    sheets.rect(0, 0, _WIDTH, height, style="F")
    white = (255, 255, 255)
    sheets.at = _MARGIN * 0.6
    sheets.write_lines(f"RefundLens · {say('pack', language)}", _TEXT, white)
    sheets.write_lines(said.heading, _TITLE, white, bold=True)
    sheets.write_lines(said.subheading, _TEXT + 1, white)
    sheets.at = height + _TEXT


def _pictures(
    sheets: _Sheets, document: dict[str, Any], said: Words, panels: list[Panel], language: Language
) -> None:
    """Photo and heat map side by side, or what there is of them."""
    captions = {"photo": said.photo, "heat": said.heat}
    gap = 14.0
    width = (_INNER - gap) / 2
    top, lowest = sheets.at, sheets.at
    for index, (shows, content) in enumerate(panels):
        with Image.open(io.BytesIO(content)) as picture:
            ratio = picture.height / picture.width
        wide = width if ratio <= _TALLEST else width * _TALLEST / ratio
        left = _MARGIN + index * (width + gap)
        sheets.image(io.BytesIO(content), left, top, wide, wide * ratio)
        sheets.place(captions[shows], left, top + wide * ratio + _SMALL * 1.4, _SMALL, FAINT)
        lowest = max(lowest, top + wide * ratio + _SMALL * 2.4)
    sheets.at = lowest
    if document["heatmap"] is None:
        sheets.write_lines(said.no_heat, _SMALL, FAINT)
    if (state := document["photo"]["state"]) != "kept":
        sheets.write_lines(say(f"photo_{state}", language), _TEXT)
    sheets.at += _SMALL


def _audit(sheets: _Sheets, audit: dict[str, Any], language: Language) -> None:
    """A table of the rows, and the end of the chain."""
    sheets.heading(say("audit", language))
    lefts = [_MARGIN + offset for offset in (0, 34, 152, 272, 400)]
    names = ("row", "time", "event", "change", "hash")
    lines = [[say(name, language) for name in names], *(audit_cells(one, language) for one in audit["rows"])]
    for number, cells in enumerate(lines):
        sheets.room(_SMALL * _LINE)
        for left, cell in zip(lefts, cells, strict=True):
            sheets.place(cell, left, sheets.at + _SMALL, _SMALL, INK if number else FAINT)
        sheets.at += _SMALL * _LINE
    sheets.at += 3
    sheets.write_lines(say("head", language, **audit["head"]), _SMALL)


def _facts(document: dict[str, Any], language: Language) -> ReportFacts | None:
    report = document["report"]
    if report is None:
        return None
    decided = report["decided_at"]
    return ReportFacts(
        report_id=report["id"],
        refund_id=report["refund_id"],
        state=ReportState(report["state"]),
        decided_by=report["decided_by"],
        decided_at=None if decided is None else datetime.fromisoformat(decided),
        bound=report["false_accusation_bound"],
        claim_reason=report["rule_text"].get(language, ""),
    )


def _panels(pack: Pack) -> list[Panel]:
    """JPEGs of the photo and of its heat map, as far as they are there."""
    pixels, found = None, pack.document["detection"]
    if pack.photo is not None:
        try:
            pixels = read_photo(pack.photo).pixels
        except ImageError:  # it could be opened once, when it was judged; the pack is worth giving without it
            pixels = None
    panels: list[Panel] = []
    if pixels is not None:
        boxes = [region["box"] for region in found["regions"]]
        panels.append(("photo", _jpeg(boxed(pixels, boxes, PANEL))))
    if pack.heatmap is not None:
        blank = np.full((found["height"], found["width"], 3), 255, np.uint8)
        panels.append(("heat", _jpeg(heated(blank if pixels is None else pixels, pack.heatmap, PANEL))))
    return panels


def _jpeg(panel: Image.Image) -> bytes:
    return picture_file(panel, "JPEG", quality=PANEL_QUALITY)


def _wrapped(text: str, size: float, width: float) -> list[str]:
    face = typeset.font(round(size * _MEASURE))
    return typeset.wrap(text, face, round(width * _MEASURE))
