"""Quantisation tables measured on cameras' and messengers' files, as delivery chains use them.

Data in: a JSON list of {"tables": {"0": [64 ints], "1": [64 ints]}, "subsampling": "2x2", "q_est": 75, "n":
8566, ...} (tables row by row, not in zigzag order). Data out: `MeasuredTables`.
"""

import json
from dataclasses import dataclass
from pathlib import Path

TABLES = "quantisation_tables.json"
"""Their file: looked for beside a source's manifest, copied into the dataset for the loader."""
SUBSAMPLING = {"1x1": "4:4:4", "2x1": "4:2:2", "2x2": "4:2:0"}
"""Luma samples per chroma sample -> the name Pillow writes; the rarer ones (1x2, 4x1) it cannot write."""
LEAST_QUALITY, MOST_QUALITY = 30, 98
"""Estimated libjpeg qualities worth sending: outside them a picture is either destroyed or a camera's
original."""


@dataclass(frozen=True)
class MeasuredTables:
    """Luma and chroma tables (64 ints each, row by row) seen in `count` files."""

    tables: tuple[tuple[int, ...], ...]
    subsampling: str
    quality: int
    count: int


def load_tables(path: Path | str) -> list[MeasuredTables]:
    """Read the colour tables that Pillow can write and that a messenger would use, commonest first.

    Raises OSError if the file cannot be read, ValueError if nothing in it is usable.
    """
    entries = json.loads(Path(path).read_text(encoding="utf-8"))
    measured = []
    for entry in entries:
        tables = tuple(tuple(entry["tables"][key]) for key in sorted(entry["tables"]))[:2]
        quality = entry["q_est"] or 0
        usable = entry["subsampling"] in SUBSAMPLING and LEAST_QUALITY <= quality <= MOST_QUALITY
        if usable and len(tables) == 2 and all(len(table) == 64 and max(table) <= 255 for table in tables):
            subsampling = SUBSAMPLING[entry["subsampling"]]
            measured.append(MeasuredTables(tables, subsampling, int(quality), int(entry["n"])))
    if not measured:
        raise ValueError(f"{path} holds no usable quantisation tables")
    return sorted(measured, key=lambda tables: -tables.count)
