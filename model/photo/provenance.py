"""What a file says about its own origin, as reasons. Metadata is text that anyone can write or strip.

In: a `Photo`. Out: `Reason`s: `declared` for what metadata says, `derived` and `observed` for facts of the file. They
stand beside the model's findings and never change the probability. Never raises, whatever the bytes.
"""

import re
from collections.abc import Callable, Iterator

from refundlens.model.detection import Reason
from refundlens.model.names import Basis
from refundlens.model.photo.aigc import read_aigc
from refundlens.model.photo.image import Photo
from refundlens.model.photo.metadata import Metadata, read_metadata
from refundlens.model.photo.thumbnail import thumbnail_differs
from refundlens.model.verdict.texts import Language, reason_text

Finding = tuple[str, Basis, dict[str, object]]
"""Code, basis and the values of the sentence."""

LONGEST = 120
"""Characters of a metadata text that are repeated in a reason: it lands on pages and in evidence packs."""

_SOURCE = re.compile(r"digitalsourcetype/([A-Za-z]{3,60})", re.IGNORECASE)
_SOURCES = {
    "trainedalgorithmicmedia": "source.generated", "trainedalgorithmicdata": "source.generated",
    "compositewithtrainedalgorithmicmedia": "source.edited", "compositesynthetic": "source.edited",
    "digitalcapture": "source.camera", "computationalcapture": "source.camera",
}  # fmt: skip
"""IPTC's digital source types (cv.iptc.org/newscodes/digitalsourcetype); the rest is neither."""

_GENERATORS = re.compile(
    r"firefly|midjourney|dall[-·\s]e\b|stable\s?diffusion|comfyui|invokeai|novelai|automatic1111|ideogram|leonardo\.ai|"
    r"gpt-image|chatgpt|openai|made with google ai|google gemini|google imagen|grok imagine|flux\.1|black forest labs|"
    r"dreamina|doubao|豆包|即梦|jimeng|tongyi|通义|qwen-image|kling ?ai|可灵|seedream|liblib|runwayml",
    re.IGNORECASE,
)
_EDITORS = re.compile(
    r"photoshop|lightroom|gimp|meitu|美图|xiuxiu|snapseed|picsart|canva|vsco|醒图|xingtu|capcut|剪映|facetune|pixelmator|"
    r"affinity|paint\.net|pixlr|fotor|b612|faceu|轻颜|acdsee|photoscape|photodirector|airbrush|polarr|afterlight",
    re.IGNORECASE,
)
_GENERATIVE_TYPE = re.compile(rb'"genAIType"\s{0,9}:\s{0,9}"?(\d{1,9})')
_WEBUI = re.compile(r"Steps: \d{1,6}, .{0,2000}?(?:Sampler|CFG scale): ", re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]+")
_NOTES = ("first_frame_only", "transparency_on_white", "missing_end_marker")


def read_provenance(photo: Photo, language: Language = "en") -> list[Reason]:
    """Reasons that the file itself gives, what speaks of AI first. `metadata.none` where it says nothing at all."""
    metadata = read_metadata(photo)
    said = [finding for reader in _READERS for finding in reader(metadata)]
    if thumbnail_differs(photo, metadata.exif.thumbnail):
        said.append(("metadata.thumbnail_mismatch", "derived", {}))
    if not said:
        said.append(("metadata.none", "observed", {}))
    said += [(f"file.{note}", "observed", {}) for note in _NOTES if note in photo.notes]
    return [
        Reason(code=code, basis=basis, text=reason_text(code, language, **values), details=values)
        for code, basis, values in said
    ]


def clean(text: str) -> str:
    """Metadata text fit to be shown: one line, no control or direction marks, at most LONGEST characters."""
    line = " ".join(_CONTROL.sub(" ", text[: 4 * LONGEST]).split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def _tools(metadata: Metadata) -> list[str]:
    """Everything that names the software that wrote the file, or its maker."""
    exif = metadata.exif.texts
    names = [exif.get("software", ""), exif.get("artist", ""), exif.get("description", "")]
    names += [metadata.texts.get(key, "") for key in ("Software", "Source", "Author", "comment")]
    for key in ("CreatorTool", "Credit", "AISystemUsed", "softwareAgent"):
        names += metadata.xmp_values(key)
    return [name for name in dict.fromkeys(names) if name]


def _aigc(metadata: Metadata) -> Iterator[Finding]:
    label = read_aigc(metadata)
    if label is not None:
        yield (
            "metadata.aigc_label",
            "declared",
            {"label": label.level, "producer": clean(label.producer) or "unnamed"},
        )


def _c2pa(metadata: Metadata) -> Iterator[Finding]:
    if b"jumb" in metadata.c2pa and b"c2pa" in metadata.c2pa:
        yield "metadata.c2pa", "declared", {"generator": clean(claim_generator(metadata.c2pa)) or "unnamed"}


def claim_generator(store: bytes) -> str:
    """The program that made a C2PA claim, found by its CBOR key; "" where none is named.

    A scan, not a parser: claims of version 1 hold `claim_generator` as text, version 2 a map with `name`.
    """
    for key, reach in ((b"claim_generator_info", 160), (b"claim_generator", 0)):
        at = store.rfind(key)
        if at < 0:
            continue
        at += len(key)
        if reach:
            name = store.find(b"\x64name", at, at + reach)
            if name < 0:
                continue
            at = name + 5
        text = _cbor_text(store, at)
        if text:
            return text
    return ""


def _cbor_text(store: bytes, at: int) -> str:
    """The CBOR text string that starts at this byte (RFC 8949, major type 3, lengths up to 65,535)."""
    head = store[at] if at < len(store) else 0
    extra = {0x78: 1, 0x79: 2}.get(head, 0)
    if not (0x60 <= head <= 0x77 or extra):
        return ""
    start = at + 1 + extra
    length = int.from_bytes(store[at + 1 : start], "big") if extra else head - 0x60
    return store[start : start + length].decode("utf-8", "replace")


def _digital_source(metadata: Metadata) -> Iterator[Finding]:
    declared = [*metadata.xmp_values("DigitalSourceType"), *metadata.xmp_values("DigitalSourcefileType")]
    declared.append(metadata.c2pa.decode("latin-1"))
    names = dict.fromkeys(name for text in declared for name in _SOURCE.findall(text))
    # A C2PA store tells the history of all ingredients; each type is named once, AI first, at most three.
    ranked = sorted(names, key=lambda name: _rank(_SOURCES.get(name.lower(), "source.other")))
    for name in ranked[:3]:
        meaning = _SOURCES.get(name.lower(), "source.other")
        yield "metadata.digital_source_type", "declared", {"source": name, "meaning": meaning}


def _rank(meaning: str) -> int:
    return ("source.generated", "source.edited", "source.other", "source.camera").index(meaning)


def _generator_settings(metadata: Metadata) -> Iterator[Finding]:
    texts = metadata.texts
    tool = None
    if "prompt" in texts and ("workflow" in texts or '"class_type"' in texts["prompt"]):
        tool = "ComfyUI"
    elif {"invokeai_metadata", "sd-metadata", "Dream"} & set(texts):
        tool = "InvokeAI"
    elif "NovelAI" in texts.get("Software", ""):
        tool = "NovelAI"
    elif "hf-job-id" in texts:
        tool = "Higgsfield"
    else:
        places = [texts.get("parameters", ""), texts.get("comment", ""), *metadata.exif.texts.values()]
        if any(_WEBUI.search(text[:65_536]) for text in places):
            tool = "Stable Diffusion web UI"
    if tool:
        yield "metadata.generator_parameters", "declared", {"tool": tool}


def _named_tools(metadata: Metadata) -> Iterator[Finding]:
    generators = [name for name in _tools(metadata) if _GENERATORS.search(name[:1000])]
    editors = [name for name in _tools(metadata) if _EDITORS.search(name[:1000]) and name not in generators]
    if generators:
        yield "metadata.generator_name", "declared", {"tool": clean(generators[0])}
    if editors:
        yield "metadata.editing_software", "declared", {"tool": clean(editors[0])}


def _generative_edit(metadata: Metadata) -> Iterator[Finding]:
    """Samsung's editor leaves its record after the picture; Apple names its tool in the credit line."""
    kinds = [int(kind) for kind in _GENERATIVE_TYPE.findall(metadata.trailer)]
    if b"PhotoEditor_Re_Edit_Data" in metadata.trailer and any(kinds):
        yield "metadata.generative_edit", "declared", {"tool": "Samsung PhotoEditor"}
    if any("photos clean up" in name.lower() for name in _tools(metadata)):
        yield "metadata.generative_edit", "declared", {"tool": "Apple Photos Clean Up"}


def _history(metadata: Metadata) -> Iterator[Finding]:
    actions = metadata.xmp_values("action") if "stEvt" in metadata.xmp else []
    if actions:
        shown = ", ".join(dict.fromkeys(actions[:50]))
        yield "metadata.edit_history", "declared", {"count": len(actions), "actions": clean(shown)}


def _camera(metadata: Metadata) -> Iterator[Finding]:
    make, model = metadata.exif.texts.get("make", ""), metadata.exif.texts.get("model", "")
    name = model if model.lower().startswith(make.lower()) else f"{make} {model}"
    if name.strip():
        yield "metadata.camera", "declared", {"camera": clean(name)}


_READERS: tuple[Callable[[Metadata], Iterator[Finding]], ...] = (
    _aigc, _c2pa, _digital_source, _generator_settings, _generative_edit, _named_tools, _history, _camera,
)  # fmt: skip
