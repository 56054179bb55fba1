"""What a file says about its own origin, as reasons. Metadata is text that anyone can write or strip.

In: a `Photo`. Out: `Reason`s: `declared` for what metadata says, `derived` and `observed` for facts of the file and for
what a signature proves. They stand beside the model's findings and never raise the probability; what they change about
the verdict is the table of `model.verdict.policy`. Never raises, whatever the bytes.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from urllib.parse import urlsplit

from refundlens.model.detection import Reason
from refundlens.model.names import Basis
from refundlens.model.photo.aigc import is_label, read_aigc
from refundlens.model.photo.camera import camera_of, maker_field_tools
from refundlens.model.photo.credentials import Credentials, read_credentials
from refundlens.model.photo.encoders import encoder_of
from refundlens.model.photo.generator_settings import (
    UNNAMED,
    generator_settings,
    is_settings,
    settings_program,
)
from refundlens.model.photo.image import Photo
from refundlens.model.photo.metadata import Metadata, read_metadata
from refundlens.model.photo.screenshot import has_screen_size, says_screenshot
from refundlens.model.photo.source_types import mentioned_source_types, source_types
from refundlens.model.photo.thumbnail import Preview, compare
from refundlens.model.photo.tools import (
    CREDIT_FIELDS,
    NAMING_FIELDS,
    Tool,
    claimed_tool,
    credited_tool,
    crediting_tool,
    named_tool,
    recorded_tool,
)
from refundlens.model.photo.visible_marks import find_visible_marks
from refundlens.model.photo.written_marks import find_written_marks
from refundlens.model.verdict.consistency import taken_at
from refundlens.model.verdict.texts import Language, is_word, reason_text

Finding = tuple[str, Basis, dict[str, object]]
"""Code, basis and the values of the sentence."""

LONGEST = 120
"""Characters of a metadata text that are repeated in a reason: it lands on pages and in evidence packs."""
MOST_NAMES = 40
"""Values of naming fields that are searched: a history names the same program over and over."""

_GENERATIVE_TYPE = re.compile(rb'\\{0,4}"genAIType\\{0,4}"\s{0,9}:\s{0,9}\\{0,4}"?-?(\d{1,9})')
_TAKEN = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]+")
_NOTES = (
    "live_photo_still",
    "first_frame_only",
    "transparency_on_white",
    "missing_end_marker",
    "stray_bytes",
)
_FAULTS = {
    "claimSignature": "fault.signature", "assertion.dataHash": "fault.picture", "assertion.bmffHash": "fault.picture",
    "assertion.boxesHash": "fault.picture", "assertion.hashedURI": "fault.statement",
    "signingCredential": "fault.certificate",
}  # fmt: skip
"""What a verifier's code means for people, by how it begins."""
_ACTION = re.compile(r"c2pa\.([A-Za-z_]+)")


@dataclass(frozen=True)
class File:
    """Everything that is read of a file, for those who turn it into findings."""

    photo: Photo
    metadata: Metadata
    credentials: Credentials | None
    preview: Preview | None

    @cached_property
    def names(self) -> list[str]:
        """The values of the fields that name a program."""
        metadata, found = self.metadata, self.credentials
        names = [
            text
            for key, text in metadata.exif.texts.items()
            if key.partition(" ")[0] in NAMING_FIELDS["exif"]
        ]
        camera = any(key.lower() == "make" for key in metadata.texts)
        names += [
            text
            for key, text in metadata.texts.items()
            if key.lower() in NAMING_FIELDS["text"] and not (camera and key.lower() == "model")
        ]
        names += [metadata.iptc.get(key, "") for key in NAMING_FIELDS["iptc"]]
        names += metadata.xmp.values(*NAMING_FIELDS["xmp"])
        names += [found.generator, *found.agents] if found is not None else []
        said = (name for name in dict.fromkeys(names) if name and not is_settings(name))
        return [*islice(said, MOST_NAMES)]

    @cached_property
    def credits(self) -> list[str]:
        """The lines that name a person or a firm, and that generators fill with their own name."""
        metadata = self.metadata
        credits = [text for key, text in metadata.texts.items() if key.lower() in CREDIT_FIELDS["text"]]
        credits += [metadata.iptc.get(key, "") for key in CREDIT_FIELDS["iptc"]]
        credits += metadata.xmp.values(*CREDIT_FIELDS["xmp"])
        return [*islice((text for text in dict.fromkeys(credits) if text), MOST_NAMES)]


def read_provenance(photo: Photo, language: Language = "en", trust_list: str = "") -> list[Reason]:
    """Reasons that the file itself gives, what speaks of AI first. `metadata.none` where there is nothing at all,
    `metadata.silent` where there is metadata that tells nothing.

    trust_list: PEM certificates of those whose Content Credentials prove something here.
    """
    metadata = read_metadata(photo)
    file = File(
        photo,
        metadata,
        read_credentials(photo.data, photo.format, metadata.c2pa, metadata.xmp, trust_list),
        compare(photo, metadata.exif.thumbnail),
    )
    said = [finding for reader in _READERS for finding in reader(file)]
    if metadata.unread:
        said.append(("metadata.unread", "observed", {"places": listed(metadata.unread, 6)}))
    if not any(code.startswith("metadata.") for code, _, _ in said):
        kinds = metadata.kinds()
        said.append(
            ("metadata.silent", "observed", {"kinds": kinds}) if kinds else ("metadata.none", "observed", {})
        )
    said += [(f"file.{note}", "observed", {}) for note in _NOTES if note in photo.notes]
    return [
        Reason(code=code, basis=basis, text=reason_text(code, language, **values), details=values)
        for code, basis, values in said
    ]


def clean(text: str) -> str:
    """Metadata text fit to be shown: one line, no control or direction marks, at most LONGEST characters."""
    line = " ".join(_CONTROL.sub(" ", text[: 4 * LONGEST]).split())
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def listed(texts: Iterable[str], most: int) -> list[str]:
    """The first of some texts fit to be shown, together at most LONGEST characters: sentences join them as their
    language does."""
    kept: list[str] = []
    room = LONGEST
    for text in filter(None, map(clean, islice(texts, most))):
        if room <= 0:
            break
        kept.append(text if len(text) <= room else f"{text[: room - 1]}…")
        room -= len(text) + len(", ")
    return kept


def _aigc(file: File) -> Iterator[Finding]:
    label = read_aigc(file.metadata)
    if label is not None:
        producer = clean(label.producer) or "unnamed"
        yield "metadata.aigc_label", "declared", {"label": label.level, "producer": producer}


def _credentials(file: File) -> Iterator[Finding]:
    found = file.credentials
    if found is None:
        return
    if found.state == "remote":
        place = clean(urlsplit(found.remote).netloc) or "unnamed"
        yield "metadata.c2pa_remote", "declared", {"place": place}
        return
    if found.state == "missing":
        yield "metadata.c2pa_missing", "declared", {}
        return
    values: dict[str, object] = {"generator": clean(found.generator) or "unnamed"}
    if found.state in ("trusted", "valid", "invalid"):
        values["signer"] = listed(found.signers, MOST_NAMES) or "unnamed"
    if found.state == "invalid":
        values["fault"] = _fault(found.faults)
    proved = found.state in ("trusted", "invalid")
    yield f"metadata.c2pa_{found.state}", "derived" if proved else "declared", values
    if found.actions:
        actions = [_action(action) for action in dict.fromkeys(found.actions)][:8]
        steps: dict[str, object] = {"count": len(found.actions), "actions": actions}
        yield "metadata.c2pa_actions", "declared", steps
    if found.marks:
        yield "metadata.c2pa_marks", "declared", {"marks": listed(found.marks, 5)}
    if found.ingredients:
        titles = listed(found.ingredients, 5)
        yield "metadata.c2pa_ingredients", "declared", {"count": len(found.ingredients), "titles": titles}


def _fault(codes: tuple[str, ...]) -> str:
    return next(
        (fault for start, fault in _FAULTS.items() for code in codes if code.startswith(start)), "fault.other"
    )


def _action(code: str) -> str:
    """The word for an action of the standard's list, or the code itself."""
    found = _ACTION.match(code)
    word = f"action.{found[1]}" if found else ""
    return word if is_word(word) else clean(code)


def _digital_source(file: File) -> Iterator[Finding]:
    found = file.credentials
    signed = found.source_types if found is not None and found.state == "trusted" else ()
    declared = [*file.metadata.xmp.values(*_SOURCE_TYPES)]
    declared += [text for name, text in file.metadata.texts.items() if _plain_name(name) in _SOURCE_TYPES]
    if found is not None:
        declared += [*found.source_types, *found.ingredient_types]
    proved = [known for value in signed for known in source_types(value)]
    for source, kind in dict.fromkeys(proved):
        values: dict[str, object] = {"source": source, "meaning": _meaning(source, kind)}
        yield (
            "metadata.c2pa_source",
            "derived",
            {"signer": listed(found.signers if found else (), MOST_NAMES), "class": kind, **values},
        )
    told = [known for value in declared for known in source_types(value)]
    told += [known for text in file.metadata.free_texts for known in mentioned_source_types(text)]
    told += [
        known for name in file.names for known in source_types(name[:LONGEST]) if known[1] in _AI_CLASSES
    ]
    open_ = dict.fromkeys(known for known in told if known not in proved)
    # credentials tell the history of all ingredients; each type is named once, AI first, at most three
    for source, kind in sorted(open_, key=lambda item: _CLASSES.index(item[1]))[:3]:
        values = {"source": clean(source), "meaning": _meaning(source, kind), "class": kind}
        yield "metadata.digital_source_type", "declared", values


_SOURCE_TYPES = ("digitalsourcetype", "digitalsourcefiletype")
"""The property's name, today's and that of older versions of the standard, in lower case."""
_NOTHING = re.compile(
    r"\W*(?:none|null|nil|no|not? (?:applicable|used|available|ai(?: (?:used|system|tools?))?)|n\W?a\W?|unknown|"
    r"false|0|无|無|没有|未使用(?:AI)?|不适用|否|なし|使用していません|該当なし|없음|해당 ?없음|"
    r"kein(?:e|er)?|nicht (?:verwendet|zutreffend)|nein|aucune?|sans objet|non|ning[uú]n[oa]?|no aplica|nenhum[a]?|"
    r"não (?:se aplica|usado)|nessun[oa]?|geen|niet van toepassing|ingen|inget|ei mitään|brak|nie dotyczy|žádn[áýé]|"
    r"nič|nincs|yok|hiçbiri|нет|ні|немає|не использовал[оа]сь|няма|κανένα|"
    r"tidak ada|không(?: có)?|ไม่มี|لا يوجد|لا شيء|אין|कोई नहीं)?\W*",
    re.IGNORECASE,
)
"""What forms write into a field that they leave empty."""
_NO_LETTERS = re.compile(r"[\W_]+")
_AI_CLASSES = ("generated", "edited")
_CLASSES = ("generated", "edited", "unknown", "other", "camera")


def _plain_name(name: str) -> str:
    """A property's name as a text's keyword: without prefix, spaces and case."""
    return _NO_LETTERS.sub("", name.rpartition(":")[2]).lower()


def _meaning(source: str, kind: str) -> str:
    """The words for a source type: its own, or its class's."""
    return f"source.{source}" if is_word(f"source.{source}") else f"source.{kind}"


def _ai_fields(file: File) -> Iterator[Finding]:
    """IPTC 2025.1's four fields about the AI system that made a picture."""
    xmp = file.metadata.xmp
    texts = {_plain_name(name): text for name, text in file.metadata.texts.items()}

    def said(*names: str) -> str:
        values = [*xmp.values(*names), *(texts.get(name.lower(), "") for name in names)]
        return next(
            (value for value in values if value and not (len(value) < LONGEST and _NOTHING.fullmatch(value))),
            "",
        )

    system, version = said("AISystemUsed"), said("AISystemVersionUsed")
    prompt = said("AIPromptInformation", "AIPromptWriterName")
    if system or version:
        yield "metadata.ai_system", "declared", {"tool": clean(f"{system} {version}")}
    if prompt:
        yield "metadata.ai_prompt", "declared", {"prompt": clean(prompt)}


def _generator_settings(file: File) -> Iterator[Finding]:
    tool, place = generator_settings(file.metadata), "settings.metadata"
    if tool is None and file.photo.hidden is not None:
        tool, place = settings_program(file.photo.hidden) or UNNAMED, "settings.pixels"
    if tool:
        yield "metadata.generator_parameters", "declared", {"tool": tool, "place": place}


def _named_tools(file: File) -> Iterator[Finding]:
    named: list[tuple[Tool, str]] = [(tool, name) for name in file.names if (tool := named_tool(name))]
    named += [(tool, text) for text in file.credits if (tool := crediting_tool(text))]
    named += [said for text in file.metadata.free_texts if (said := claimed_tool(text))]
    found = file.credentials
    signers = found.signers if found is not None and found.state in ("trusted", "valid") else ()
    titles = [file.metadata.texts.get(key, "") for key in ("Title", "Description")]
    titles.append(file.metadata.exif.texts.get("description", ""))
    named += [
        (tool, text)
        for text in (*_credits(file.metadata), *signers, *titles)
        if (tool := credited_tool(text))
    ]
    keywords = islice(file.metadata.texts, MOST_NAMES)
    named += [(tool, key) for key in keywords if (tool := credited_tool(key)) and tool.kind == "generator"]
    named += [(tool, text) for text in maker_field_tools(file.metadata.exif) if (tool := named_tool(text))]
    codes = {
        "metadata.generator_name": [name for tool, name in named if tool.kind == "generator"],
        "metadata.generative_edit": [name for tool, name in named if tool.kind == "generative_editor"],
        "metadata.editing_software": [name for tool, name in named if tool.kind == "editor"],
    }
    for code, names in codes.items():
        if names:
            yield code, "declared", {"tool": clean(names[0])}
    by_google = found is not None and any("Google" in name for name in found.signers)
    types = (*found.source_types, *found.ingredient_types) if found is not None else ()
    by_ai = any(known[1] in _AI_CLASSES for value in types for known in source_types(value))
    # Google signs its cameras' photos, too
    if any(tool.name == "Google AI" for tool, _ in named) or (by_google and by_ai):
        yield "metadata.synthid", "declared", {}
    known = {name for _, name in named}
    others = [name for name in file.names if name not in known]
    software = [name for name in others if name in file.metadata.exif.texts.values()]
    if software and not named:
        yield "metadata.software", "declared", {"tool": clean(software[0])}


def _samsung(file: File) -> Iterator[Finding]:
    """Samsung's editor leaves its record after the picture, of a crop, too."""
    trailer = file.metadata.trailer
    if b"PhotoEditor_Re_Edit_Data" in trailer:
        generative = any(int(kind) for kind in _GENERATIVE_TYPE.findall(trailer))
        code = "metadata.generative_edit" if generative else "metadata.editing_software"
        yield code, "declared", {"tool": "Samsung PhotoEditor"}


def _history(file: File) -> Iterator[Finding]:
    record = file.metadata.xmp.values("History", "parameters")
    made = next((tool for text in record if (tool := recorded_tool(text))), None)
    if made is not None:
        yield "metadata.generative_edit", "declared", {"tool": made.name}
    steps = file.metadata.xmp.values("action")
    if steps:
        actions = listed(dict.fromkeys(steps[:50]), len(steps))
        yield "metadata.edit_history", "declared", {"count": len(steps), "actions": actions}


def _camera(file: File) -> Iterator[Finding]:
    preview, facts = file.preview, file.photo.jpeg
    camera = camera_of(file.metadata.exif, facts, preview.same if preview else None)
    if camera is not None:
        name = clean(camera.name)
        yield ("metadata.camera" if camera.known else "metadata.device"), "declared", {"camera": name}
        if camera.known and len(camera.agreeing) >= 2:
            yield "metadata.camera_agrees", "derived", {"camera": name, "facts": list(camera.agreeing)}
        if camera.known and camera.against:
            yield "metadata.camera_contradicted", "derived", {"camera": name, "facts": list(camera.against)}
    taken = _TAKEN.match(file.metadata.exif.texts.get("taken", ""))
    if taken is not None and taken_at(shown := "{}-{}-{} {}:{}".format(*taken.groups())) is not None:
        yield "metadata.taken", "declared", {"taken": shown}
    if preview is not None and not preview.same:
        yield "metadata.thumbnail_mismatch", "derived", {}
    elif preview is not None and preview.orientation != 1:
        yield "file.preview_rotated", "derived", {}
    encoder = encoder_of(facts) if facts else None
    if encoder is not None and encoder.kind != "library":
        shown = f"encoder.{encoder.name}"
        yield "file.encoder", "derived", {"encoder": shown if is_word(shown) else encoder.name}
    if says_screenshot(file.metadata):
        yield "file.screenshot", "declared", {}
    elif (
        camera is None
        and file.photo.format in ("png", "jpeg")
        and has_screen_size(file.photo.width, file.photo.height)
    ):
        yield "file.screen_size", "derived", {}


def _visible_marks(file: File) -> Iterator[Finding]:
    for mark in find_visible_marks(file.photo.pixels):
        yield "file.visible_mark", "derived", {"tool": mark.tool}
    for written in find_written_marks(file.photo.pixels):
        place = f"corner.{written.corner}"
        yield (
            "file.written_mark",
            "derived",
            {"mark": written.text, "corner": place, "box": list(written.box)},
        )


def _other_texts(file: File) -> Iterator[Finding]:
    """Credit and description, where they name no tool: what is there is said to be there."""
    metadata = file.metadata
    said = {name for name in file.credits if crediting_tool(name)}
    credits = [text for text in _credits(metadata) if text not in said]
    credit = next((text for text in credits if _says_nothing(text)), "")
    if credit:
        yield "metadata.credit", "declared", {"credit": clean(credit)}
    texts = [*(metadata.exif.texts.get(key, "") for key in ("description", "comment", "user_comment"))]
    texts += [metadata.iptc.get("caption", ""), *_described(metadata), *metadata.xmp.values("description")]
    text = next((text for text in texts if text and _says_nothing(text)), "")
    if text:
        yield "metadata.description", "declared", {"text": clean(text)}


def _described(metadata: Metadata) -> Iterator[str]:
    """Texts under the names that hold a description; others are dates, sizes and settings of the writer."""
    return (
        text
        for name, text in metadata.texts.items()
        if name.lower() in ("comment", "description", "title", "caption")
    )


def _credits(metadata: Metadata) -> Iterator[str]:
    """Names of persons and firms to whom the picture is credited."""
    credits = [metadata.iptc.get(key, "") for key in ("credit", "byline", "copyright")]
    credits += metadata.xmp.values(
        "Credit",
        "creator",
        "rights",
        "contributor",
        "publisher",
        "CaptionWriter",
        "ImageCreatorName",
        "Owner",
    )
    credits += [metadata.exif.texts.get(key, "") for key in ("artist", "copyright", "xp_author", "computer")]
    credits += [metadata.texts.get(key, "") for key in ("Author", "Artist", "Copyright", "Creator")]
    return (text for text in credits if text)


def _says_nothing(text: str) -> bool:
    """Whether a text tells nothing of how the picture was made: no settings, no label, no "made with ..."."""
    return not (is_settings(text) or is_label(text) or claimed_tool(text) or credited_tool(text))


_READERS: tuple[Callable[[File], Iterator[Finding]], ...] = (
    _aigc, _credentials, _digital_source, _ai_fields, _generator_settings, _samsung, _named_tools, _history, _camera,
    _visible_marks, _other_texts,
)  # fmt: skip
