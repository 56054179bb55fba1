"""Lists of public pictures that are already real or already edited, with who made them.

In: a folder that `refundlens data collect` filled: pictures and `index.csv` (one row a picture: class, pair, mask,
generator, repository, licence). Out: `Entry` records with their generator's family and the split they may be used in.

A photo's split follows its repository, a generated picture's split its generator: what calibration counts misses on was
made by editors that training never saw.
"""

import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from refundlens.datasets.splits import photo_split

INDEX = "index.csv"
Label = Literal["authentic", "ai_generated", "ai_edited", "photoshopped", "input"]
LABELS: tuple[Label, ...] = get_args(Label)
Role = Literal["train", "watch"]
Family = Literal["openai", "google", "flux", "stable_diffusion", "midjourney_dalle", "newer", "gan", "other"]
FAMILIES: tuple[tuple[Family, str], ...] = (
    ("openai", r"gpt-image"),
    ("google", r"gemini|nano-banana|imagen|prompt-to-prompt|vovv"),
    ("flux", r"flux|ace\+\+|fireflow|kontext|insert anything|\buno\b|rf-solver"),
    ("midjourney_dalle", r"midjourney|dall-e"),
    ("newer", r"qwen|seedream|kolors|omnigen|hunyuan|auraflow|titan|cosmos"),
    (
        "gan",
        r"lama|\bmat\b|deepfill|aot-gan|pconv|gmcnn|mi-gan|hifill|resunet|madf|picnet|palette|partial conv",
    ),
    (
        "stable_diffusion",
        r"stable diffusion|\bsd\b|\bsd[ 123x]|sd1|sd2|sd3|sdxl|ic-light|pix2pix|mag-edit|geoedit|powerpaint|prefpaint"
        r"|ultraedit|pixelhacker|objectstitch|controlcom|libcom|blended|brushnet|cascade|lcm|anyedit|smarteraser",
    ),
)
"""Family by what a generator's name holds; the first that fits counts, so an editor on FLUX is FLUX."""
UNSEEN = re.compile(r"dall-e 2|kolors|omnigen|\bmat\b|powerpaint|mag-edit|ace\+\+", re.IGNORECASE)
"""Generators that training never sees: probabilities and miss bounds are counted on them. One or two of each family
that has several, so that no family is lost to training."""
PHOTO_INPUTS = frozenset(
    {
        "geo-edit/geo-edit.github.io", "pix2pixzero/pix2pixzero.github.io", "MAG-Edit/MAG-Edit.github.io",
        "zhaoyuzhi/deepfillv2", "pipizhu998/mig-inpaint-experiments", "muset-ai/awesome-nanobanana2",
        "HaozheZhao/UltraEdit", "duxingren14/Hifill-tensorflow", "ironjr/lama-single-file",
        "visibl-ai/sdxl-outpaint-diffusers",
        "poorya96/Object-Removal-Using-OpenCV---Stable-Diffusion",
    }
)  # fmt: skip
"""Repositories whose inputs are photos by eye; those of the others are partly generated themselves."""
UNCLEAN = ("NOT CLEAN", "INCONSISTENT")
"""Notes on inputs that carry a hole or a mark, and on masks that do not fit: no twins."""
FED = "snapshot"
"""Owner of the made-up repositories that a snapshot's photos stand under (`datasets.snapshot.join`)."""
UNLOCATED = "UNLOCATED"
"""Note on manipulated pictures of which nobody said how or where."""
RETOUCHED = ("EDITED-BY", "EDITOR-EXIF")
"""Notes on photos in which an editor's name stands: not strictly authentic."""
FRAME = 0.04
"""Share of each side cut off generated pictures: pix2pix-zero's come in a white frame."""
CORNER = 0.1
"""Share cut off below and on the right where a sparkle, signature or logo may sit."""
MARKED = re.compile(r"gemini|nano-banana|dall-e|vovv", re.IGNORECASE)
"""Generators that sign the corner; the mark must not be learned instead of the picture."""


class CollectionError(ValueError):
    """A list of pictures that cannot be used; the message says what to do."""


@dataclass(frozen=True)
class Entry:
    """One listed picture. file, pair, mask: names in the collection's folder, "" for none. quality: estimated libjpeg
    quality of the file, none where it is no JPEG or unknown."""

    file: str
    split: str
    label: Label
    kind: str
    pair: str
    mask: str
    generator: str
    repository: str
    group: str
    licence: str
    note: str
    quality: int | None

    @property
    def generated(self) -> bool:
        return self.label in ("ai_generated", "ai_edited")

    @property
    def family(self) -> Family:
        return family_of(self.generator)

    @property
    def retouched(self) -> bool:
        return any(word in self.note for word in RETOUCHED)

    @property
    def unclean(self) -> bool:
        return any(word in self.note for word in UNCLEAN)

    @property
    def fed(self) -> bool:
        """A photo of a dispute that people judged: training sees it, calibration never."""
        return self.repository.startswith(f"{FED}/")

    @property
    def unlocated(self) -> bool:
        return UNLOCATED in self.note

    @property
    def photo_input(self) -> bool:
        """An editor's input that shows a photo, so that training may take it for authentic."""
        return self.label == "input" and not self.unclean and self.repository in PHOTO_INPUTS

    @property
    def unseen(self) -> bool:
        """Made by a generator that training is kept from."""
        return self.generated and not self.fed and bool(UNSEEN.search(self.generator))

    def usable_for(self, role: "Role") -> bool:
        """Whether training may see it, or whether it watches training: other generators, other repositories."""
        if self.split != "train":
            return False
        if self.fed:
            return role == "train"
        if self.generated:
            return self.unseen == (role == "watch")
        if self.label == "authentic":
            return photo_split(self.repository) in (("train",) if role == "train" else ("watch", "test"))
        return role == "train"

    @property
    def margins(self) -> tuple[float, float, float, float]:
        """Shares of the sides [top, right, bottom, left] that training leaves out."""
        if not self.generated:
            return 0.0, 0.0, 0.0, 0.0
        corner = CORNER if MARKED.search(self.generator) else FRAME
        return FRAME, corner, corner, FRAME


def family_of(generator: str) -> Family:
    """The family of a generator's name as the lists spell it; "other" where none is known."""
    name = generator.lower()
    return next((family for family, pattern in FAMILIES if re.search(pattern, name)), "other")


def read_index(folder: Path) -> list[Entry]:
    """All entries of a collected folder whose picture is there. Raises CollectionError where it is no such folder."""
    path = folder / INDEX
    if not path.is_file():
        raise CollectionError(f"{folder} has no {INDEX}: collect it with `refundlens data collect`")
    with path.open(newline="", encoding="utf-8") as file:
        entries = [_entry(row) for row in csv.DictReader(file)]
    return [entry for entry in entries if (folder / entry.file).is_file()]


def _entry(row: dict[str, str]) -> Entry:
    label = row["class"]
    if label not in LABELS:
        raise CollectionError(f"{row['file']}: class {label!r} is none of {', '.join(LABELS)}")
    return Entry(
        row["file"], row["split"], label, row["kind"], row["pair"], row["mask"], row["generator"], row["repo"],
        row["group"] or row["repo"], row["licence"], row["note"], int(row["jpeg_quality"] or 0) or None,
    )  # fmt: skip


def by_file(entries: Iterable[Entry]) -> dict[str, Entry]:
    return {entry.file: entry for entry in entries}
