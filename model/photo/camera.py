"""What speaks for a camera: its name, and facts that agree with it and that a careless forger gets wrong.

In: `Metadata`, `JpegFacts` and the preview's likeness. Out: `Camera` or None. Everything here can be forged with effort
(`exiftool -TagsFromFile`), so it supports a photo and proves nothing.
Source of the maker notes' headers: exiftool's MakerNotes.pm, by name and prefix; their content is not read.
"""

import re
from dataclasses import dataclass

from refundlens.model.photo.encoders import encoder_of
from refundlens.model.photo.exif import Exif
from refundlens.model.photo.generator_settings import is_settings
from refundlens.model.photo.jpeg import JpegFacts
from refundlens.model.photo.tools import credited_tool

MAKERS = re.compile(
    r"apple|samsung|huawei|honor|xiaomi|redmi|poco|oppo|vivo|oneplus|realme|google|motorola|nokia|hmd global|"
    r"sony|lge?\b|"
    r"lg electronics|meizu|zte|nubia|lenovo|tecno|infinix|itel|nothing|asus|htc|blackberry|rim\b|tcl|sharp|"
    r"fairphone|smartisan|"
    r"letv|leeco|coolpad|gionee|hisense|doogee|ulefone|oukitel|cubot|umidigi|black ?shark|micromax|wiko|alcatel|"
    r"canon|nikon|fujifilm|fuji photo|olympus|om digital|panasonic|leica|pentax|ricoh|sigma|hasselblad|"
    r"phase one|casio|"
    r"kodak|eastman|minolta|konica|sanyo|epson|seiko epson|hewlett|hp\b|toshiba|jvc|polaroid|vivitar|benq|agfa|"
    r"samsung techwin|kyocera|"
    r"contax|mamiya|dji|gopro|insta360|arashi vision|parrot|skydio|yi technology|xiaoyi|ge\b|general imaging|"
    r"praktica|rollei|"
    r"iqoo|lemobile|lava\b|agm\b|teclast|360\b|qiku|blackview|unihertz|cmf\b|fujitsu|crosscall|blu\b|gigaset|"
    r"traveler|medion|sealife|flir|microsoft|amazon|palm|sony ericsson|camera fv-5|jenoptik|trust\b",
    re.IGNORECASE,
)
"""Makers of cameras and phones. A Make outside the list is a device's, or whatever someone wrote there."""
MAKER_NOTES: tuple[tuple[bytes, str], ...] = (
    (b"Apple iOS", "apple"), (b"Nikon\0", "nikon"), (b"OLYMP", "olympus"), (b"OM SYSTEM", "om digital"),
    (b"Panasonic", "panasonic"), (b"FUJIFILM", "fujifilm"), (b"SONY", "sony"), (b"LEICA", "leica"),
    (b"PENTAX", "pentax"), (b"AOC\0", "pentax"), (b"RICOH", "ricoh"), (b"Ricoh", "ricoh"), (b"SIGMA", "sigma"),
    (b"FOVEON", "sigma"), (b"QVC\0", "casio"), (b"KDK", "kodak"), (b"Eastman", "kodak"), (b"HUAWEI", "huawei"),
    (b"KYOCERA", "kyocera"), (b"MINOL", "minolta"), (b"SANYO", "sanyo"), (b"EPSON", "epson"), (b"htc", "htc"),
    (b"HDRP", "google"), (b"MOT\0", "motorola"), (b"LGE", "lg"), (b"DJI", "dji"), (b"Xiaomi", "xiaomi"),
)  # fmt: skip
"""How makers' own blocks begin, by a part of the Make; Canon, Samsung and others begin without a name."""
MOST = 60
"""Characters of a make or model that are believed to be one: the longest real one has 41."""
SETTINGS_OF_A_SHOT = 3
"""Of exposure time, aperture, sensitivity and focal length, how many a camera's file has at least."""


@dataclass(frozen=True)
class Camera:
    """name: make and model. known: whether the maker makes cameras or phones. agreeing, against: keys of
    model/texts's values for facts that fit the name, and that do not."""

    name: str
    known: bool
    agreeing: tuple[str, ...] = ()
    against: tuple[str, ...] = ()


def camera_of(exif: Exif, facts: JpegFacts | None, same_preview: bool | None) -> Camera | None:
    """The camera that EXIF names; None where it names none, or where Make and Model hold something else.

    same_preview: whether the preview shows the picture; None where there is none.
    """
    make, model = exif.texts.get("make", "").strip(), exif.texts.get("model", "").strip()
    if not (make or model):
        return None
    if any(_is_no_name(text) for text in (make, model)):
        return None
    name = model if make and model.lower().startswith(make.split()[0].lower()) else f"{make} {model}".strip()
    known = bool(MAKERS.match(make) or (not make and MAKERS.match(model)))
    agreeing: list[str] = []
    against: list[str] = []
    if len(exif.exposure) >= SETTINGS_OF_A_SHOT:
        agreeing.append("camera.settings")
    note = next((maker for prefix, maker in MAKER_NOTES if exif.maker_note.startswith(prefix)), None)
    if note is not None:
        (agreeing if note in make.lower() else against).append("camera.maker_note")
    if same_preview is not None:
        (agreeing if same_preview else against).append("camera.preview")
    encoder = encoder_of(facts) if facts else None
    if encoder is not None and encoder.kind == "camera":
        (agreeing if encoder.name.lower() in make.lower() else against).append("camera.tables")
    elif encoder is not None and (encoder.kind == "editor" or encoder.name == "mozjpeg"):
        against.append("camera.tables")
    return Camera(name, known, tuple(agreeing), tuple(against))


def _is_no_name(text: str) -> bool:
    """Whether a Make or Model holds a workflow, a generator's name or other text that is no device."""
    return len(text) > MOST or _is_generator(text) or is_settings(text) or "{" in text


def maker_field_tools(exif: Exif) -> list[str]:
    """The tools that Make or Model names where a camera should stand (Ideogram does so); none as a rule."""
    return [text for text in (exif.texts.get("make", ""), exif.texts.get("model", "")) if _is_generator(text)]


def _is_generator(text: str) -> bool:
    return credited_tool(text) is not None
