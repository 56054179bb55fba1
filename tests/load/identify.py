"""Whether everything that `remove-ai-watermarks identify` recognises is recognised here, and how much faster.

    python -m venv OTHER && OTHER/bin/pip install remove-ai-watermarks
    python -m tests.load.identify OTHER/bin/python

In: the interpreter of an environment that holds the other tool, which is no dependency of ours. Files with every marker
of its tables are written: in each container, under each name. Out: which files either tool recognises, and milliseconds
a file, each file read for the first time by a process that has read others: ours for an opened photo; opening and
decoding it; the other's library from the path, without pixels; and its command line. Exit status 1 where the other
recognises a file that we do not.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from refundlens.model.photo.image import read_photo
from refundlens.model.photo.provenance import read_provenance
from refundlens.model.verdict.policy import evidence_of
from tests.model.photo import build
from tests.model.photo import test_variations as variations

OTHER = """
import json, sys, time
from pathlib import Path
from remove_ai_watermarks.identify import identify
for line in sys.stdin:
    began = time.perf_counter()
    report = identify(Path(line.strip()), check_visible=False, check_invisible=False)
    spent = 1000 * (time.perf_counter() - began)
    print(json.dumps([bool(report.is_ai_generated), [one.name for one in report.signals], spent]), flush=True)
"""
NAMES = (
    "Adobe Firefly", "DALL-E 3", "Midjourney", "Stable Diffusion", "ComfyUI", "AUTOMATIC1111", "InvokeAI",
    "Google Imagen", "gpt-image-1", "Nano Banana", "NightCafe", "Ideogram AI", "Leonardo.Ai", "FLUX.1 [dev]",
    "DreamStudio", "NovelAI", "reve.com", "Luma AI", "Aphrodite AI", "Apple Photos Clean Up",
    "Apple Photos Generative Edit", "fal-ai/flux", "Apple Image Playground",
)  # fmt: skip
SIGNERS = (
    "OpenAI", "Google LLC", "Adobe Inc.", "Microsoft Corporation", "Stability AI Ltd", "Black Forest Labs Inc.",
    "BytePlus Pte. Ltd.", "Dreamina", "Amazon Web Services, Inc.", "Canva", "fal - Features & Labels Inc.",
    "Bria Artificial Intelligence", "Ideogram, Inc", "xAI Grok Imagine", "RUNWAY AI, INC.", "Samsung Galaxy",
)  # fmt: skip
KINDS = ("JPEG", "PNG", "WEBP", "HEIC", "AVIF")


def files() -> Iterator[tuple[str, str, bytes]]:
    """(what it is, file name's ending, bytes) of a file for every marker."""
    for name in NAMES:
        yield f"exif software {name}", "jpg", variations._in_exif(software=name.encode())
        yield f"exif artist {name}", "jpg", variations._in_exif(artist=name.encode())
        yield f"exif make {name}", "jpg", variations._in_exif(make=name.encode())
        yield f"xmp creator tool {name}", "jpg", variations.NAMING["xmp creator tool"](name)
        for key in ("Software", "Source", "Title"):
            yield f"png {key} {name}", "png", build.png({key: name})
    for code in ("trainedAlgorithmicMedia", "compositeSynthetic", "compositeWithTrainedAlgorithmicMedia"):
        for place, write in variations.XMP_CONTAINERS.items():
            yield f"{code} in {place}", place.split(",")[0][:4], write(build.source_xmp(code))
    for place, writer in variations.TEXT_PLACES.items():
        yield f"label in {place}", "png" if "png" in place else "jpg", writer(variations._WRAPPED)
    for place, body in variations.AIGC_XMP.items():
        yield f"label in xmp, {place}", "jpg", variations._app1(build.xmp(body))
    yield "label as png text", "png", build.png({"AIGC": json.dumps(variations._LABEL)})
    for name, (texts, _) in variations.SETTINGS.items():
        yield f"settings, {name}", "png", build.png(texts)
    for key in ("parameters", "prompt", "negative_prompt", "workflow", "comfyui", "sd-metadata", "invokeai_metadata",
                "dream", "sd:prompt", "generation_data", "ai_metadata", "hf-job-id"):  # fmt: skip
        yield f"keyword {key}", "png", build.png({key: "x"})
    for kind in ("AISystemUsed", "AISystemVersionUsed", "AIPromptInformation", "AIPromptWriterName"):
        yield kind, "jpg", variations._app1(build.xmp(f"<Iptc4xmpExt:{kind}>a</Iptc4xmpExt:{kind}>"))
    trailer = b'PhotoEditor_Re_Edit_Data{"genAIType":1}SEFT'
    yield "samsung", "jpg", build.saved("JPEG") + trailer
    for kind in KINDS:
        ending = kind.lower().replace("jpeg", "jpg")
        yield f"signed {kind}", ending, build.signed(build.saved(kind), f"image/{kind.lower()}")
        yield (
            f"signed camera {kind}",
            ending,
            build.signed(build.saved(kind), f"image/{kind.lower()}", "digitalCapture"),
        )
        yield f"plain {kind}", ending, build.saved(kind)
    for signer in SIGNERS:
        yield f"signed by {signer}", "jpg", build.signed(build.saved("JPEG"), "image/jpeg", signer=signer)
    place = "<dcterms:provenance>https://cai-manifests.adobe.com/manifests/urn-1</dcterms:provenance>"
    yield "cloud manifest", "jpg", variations._app1(b"<x>" + place.encode() + b"</x>")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "python", type=Path, help="interpreter of the environment that holds remove-ai-watermarks"
    )
    given = parser.parse_args()
    missed, counts = [], [0, 0]
    ours_ms, opening_ms, others_ms, command_ms = [], [], [], []
    with tempfile.TemporaryDirectory() as folder:
        written = []
        for number, (what, ending, data) in enumerate(files()):
            written.append((what, Path(folder) / f"{number}.{ending}", data))
            written[-1][1].write_bytes(data)
        asked = "\n".join(str(path) for _, path, _ in written)
        answer = subprocess.run(
            [given.python, "-c", OTHER], input=asked, text=True, capture_output=True, check=True
        )
        for (what, path, _), line in zip(written, answer.stdout.splitlines(), strict=True):
            theirs, signals, spent = json.loads(line)
            began = time.perf_counter()
            photo = read_photo(path.read_bytes())
            opened = time.perf_counter()
            reasons = read_provenance(photo)
            ours_ms.append(1000 * (time.perf_counter() - opened))
            opening_ms.append(1000 * (opened - began))
            others_ms.append(spent)
            ours = evidence_of(reasons) in ("signed_ai", "declared_ai")
            counts[0] += theirs
            counts[1] += ours
            if (theirs and not ours) or (signals and [one.code for one in reasons] == ["metadata.none"]):
                missed.append(f"{what}: {signals}; here {[one.code for one in reasons]}")
        for _, path, _ in written[:3]:
            began = time.perf_counter()
            subprocess.run(
                [given.python.parent / "remove-ai-watermarks", "identify", path],
                capture_output=True,
                check=False,
            )
            command_ms.append(1000 * (time.perf_counter() - began))
    print(
        f"{len(written)} files; AI recognised by the other in {counts[0]}, here in {counts[1]}; "
        f"missed here {len(missed)}"
    )
    for line in missed:
        print("  ", line)
    ours_median = median(ours_ms)
    print(f"here {ours_median:.2f} ms a file (median; mean {sum(ours_ms) / len(ours_ms):.2f})")
    print(f"before it, opening and decoding the file: {median(opening_ms):.2f} ms")
    for name, spent in (("the other's library", others_ms), ("the other's command line", command_ms)):
        print(f"{name} {median(spent):.1f} ms, {median(spent) / ours_median:.0f} times as long")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
