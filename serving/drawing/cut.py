"""Cuts characters out of a font, as a process of its own: `python -m refundlens.serving.drawing.cut`.

In: `Cut` as JSON on standard input. Out: the font file at its target. A whole Chinese font is seconds of Python's own
work, and in the process of the service everybody would wait for them.
"""

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass

LONGEST = 120.0
"""Seconds; a busy processor takes ten."""
_LAST = 19
"""The lowest priority: whoever has a photo judged goes first."""
_UNUSED = ("GSUB", "GPOS", "GDEF", "BASE", "VORG", "vhea", "vmtx")
"""Tables for shaping and vertical writing."""


@dataclass(frozen=True)
class Cut:
    """file, face: the whole font. text: the characters that are kept. target: the new file."""

    file: str
    face: int
    text: str
    target: str


def cut(wanted: Cut) -> None:
    """Have it done elsewhere, and wait. Raises OSError."""
    command = [sys.executable, "-P", "-m", __name__]
    try:
        subprocess.run(
            command,
            input=json.dumps(asdict(wanted)).encode(),
            capture_output=True,
            check=True,
            timeout=LONGEST,
        )
    except subprocess.SubprocessError as error:
        told = (getattr(error, "stderr", None) or b"").decode(errors="replace").strip().rpartition("\n")[2]
        raise OSError(f"{wanted.file} could not be cut: {told or error}") from error


def _cut_here(wanted: Cut) -> None:
    from fontTools import subset
    from fontTools.ttLib import TTFont

    options = subset.Options(layout_features=[], hinting=False, notdef_outline=True)
    options.drop_tables += _UNUSED
    with TTFont(wanted.file, fontNumber=wanted.face, lazy=True) as whole:
        cutter = subset.Subsetter(options)
        cutter.populate(text=wanted.text)
        cutter.subset(whole)
        whole.save(wanted.target)


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(_LAST)
    _cut_here(Cut(**json.load(sys.stdin)))
