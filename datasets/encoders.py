"""Counts which quantisation tables stand beside which maker's name: `python -m datasets.encoders FOLDER`.

In: a collected folder (`datasets.collection`: pictures and index.csv). Out: a table on standard output, a line a
checksum (`model.photo.encoders.checksum`): files, repositories, names beside it; training half only, as the lists of
`model.photo.encoders` were chosen.
"""

import argparse
from collections import Counter, defaultdict
from pathlib import Path

from refundlens.datasets.collection import read_index
from refundlens.datasets.splits import photo_split
from refundlens.model.photo.encoders import checksum
from refundlens.model.photo.jpeg import JpegFacts, parse_jpeg
from refundlens.model.photo.tools import named_tool

SHOWN = 60
"""Lines printed: rarer tables say nothing."""


def last_name(facts: JpegFacts) -> str:
    """Who the metadata names as the last to have saved the file: an editor before the camera."""
    tool = named_tool(facts.exif.texts.get("software", ""))
    if tool is not None:
        return tool.name
    return facts.exif.texts.get("make", "").split(" ")[0].upper() or "nobody"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    names: dict[int, Counter[str]] = defaultdict(Counter)
    repositories: dict[int, set[str]] = defaultdict(set)
    for entry in read_index(folder):
        if photo_split(entry.repository) != "train":
            continue
        facts = parse_jpeg((folder / entry.file).read_bytes())
        if facts is None or facts.exact_quality or not facts.tables:
            continue
        known = checksum(facts.tables)
        names[known][last_name(facts)] += 1
        repositories[known].add(entry.repository)
    for known in sorted(names, key=lambda key: -names[key].total())[:SHOWN]:
        count, places = names[known].total(), len(repositories[known])
        print(f"{known:08X}  {count:5} files  {places:3} repositories  {dict(names[known])}")


if __name__ == "__main__":
    main()
