"""How often a generator's mark is seen in the corner: of pictures that generators made, and of real photos.

    python -m tests.load.visible_marks COLLECTED [--family google] [--photos 1000]

In: a folder that `refundlens data collect` filled. Out: counts by generator and for authentic photos, at full size and
as chats deliver them (720 px, JPEG 75); the files of real photos in which one was seen; CPU milliseconds a picture.
"""

import argparse
import hashlib
import time
from collections import Counter
from pathlib import Path

from refundlens.datasets.collection import Entry, read_index
from refundlens.datasets.crops.masters import decode
from refundlens.datasets.degradations.apply import deliver
from refundlens.datasets.degradations.chains import NAMED
from refundlens.datasets.photos import UnreadablePhotoError
from refundlens.model.photo.visible_marks import find_visible_marks
from refundlens.model.progress import track

DELIVERIES = ("png", "q75_720")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--family", default="google", help="generators' family, as datasets.collection names it"
    )
    parser.add_argument("--photos", type=int, default=1000, help="real photos at most, the same in every run")
    given = parser.parse_args()
    entries = sorted(read_index(given.folder), key=lambda e: hashlib.sha256(e.file.encode()).digest())
    chosen = [e for e in entries if e.label == "authentic"][: given.photos]
    chosen += [e for e in entries if e.generated and e.family == given.family]
    seen: Counter[tuple[str, str]] = Counter()
    pictures: Counter[str] = Counter()
    wrong: list[str] = []
    spent = 0.0
    for entry in track(chosen, len(chosen), "marks"):
        try:
            pixels = decode(given.folder / entry.file)
        except UnreadablePhotoError:
            continue
        pictures[_class(entry)] += 1
        for delivery in DELIVERIES:
            sent = deliver(pixels, NAMED[delivery]).pixels
            began = time.process_time()
            found = find_visible_marks(sent)
            spent += time.process_time() - began
            if found:
                seen[_class(entry), delivery] += 1
                if entry.label == "authentic":
                    wrong.append(f"{entry.file} {delivery} {found[0].alike}")
    print("| pictures of | pictures | " + " | ".join(f"mark seen, {name}" for name in DELIVERIES) + " |")
    print("| --- | --- |" + " --- |" * len(DELIVERIES))
    for name, count in sorted(pictures.items()):
        print(f"| {name} | {count} | " + " | ".join(str(seen[name, one]) for one in DELIVERIES) + " |")
    print("\nreal photos in which one was seen:", *(wrong or ["none"]), sep="\n  ")
    print(f"\n{1000 * spent / max(1, len(DELIVERIES) * pictures.total()):.1f} CPU ms a picture")


def _class(entry: Entry) -> str:
    return "real photos" if entry.label == "authentic" else entry.generator[:48]


if __name__ == "__main__":
    main()
