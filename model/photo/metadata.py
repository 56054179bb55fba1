"""What the metadata blocks of a picture say, parsed; and which blocks were there and could not be read.

In: a `Photo`. Out: `Metadata`. Never raises: a broken block is an absent one, and `unread` names it. Containers are
walked by `model.photo.png`, `gif`, `webp`, ...; this module only knows what a kind of block means.
"""

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

from refundlens.model.photo.blocks import Block
from refundlens.model.photo.bmp import bmp_blocks
from refundlens.model.photo.encodings import guess_text, without_base64
from refundlens.model.photo.exif import Exif, read_exif
from refundlens.model.photo.gif import gif_blocks
from refundlens.model.photo.heif import heif_blocks
from refundlens.model.photo.image import Photo
from refundlens.model.photo.iptc import read_iptc
from refundlens.model.photo.jpeg_blocks import jpeg_blocks
from refundlens.model.photo.jumbf import is_credentials, mentions_credentials
from refundlens.model.photo.png import png_blocks
from refundlens.model.photo.tiff import inner_blocks, tiff_blocks
from refundlens.model.photo.webp import webp_blocks
from refundlens.model.photo.xmp import Xmp, read_xmp

_XMP_START = re.compile(rb".{0,40}?(?=<\?xpacket|<x:xmpmeta|<x:xapmeta|<rdf:RDF)", re.DOTALL)
"""What stands before XMP: a mark of its encoding, its address, a name of the writer's own."""
_EXIF_START = re.compile(rb".{0,12}?(?=II\*\0|MM\0\*)", re.DOTALL)
_LABEL = re.compile(
    rb"[\s\0]{0,16}(?:(?:TC260[\0:]|TC260:)?(?:AIGC)?\W{0,8})?\{.{0,400}?(?:AIGC|ContentProducer|exportType)",
    re.IGNORECASE | re.DOTALL,
)
"""How an AIGC label begins, which is read where it follows a picture or fills a block of its own."""
_FREE_PROPERTIES = (
    "UserComment", "description", "ImageDescription", "parameters", "title", "Instructions", "rights", "CreatorTool",
    "Headline", "Comment", "subject", "Label", "XPComment", "BaseURL",
)  # fmt: skip
"""XMP's properties of free text, in which labels and settings are met."""
MOST_TEXTS = 500
"""Texts of a file that are read, and of its EXIF blocks: generators write 30."""
MAX_TEXT = 1 << 20
"""Bytes of one text that are decoded: the largest ComfyUI workflows have some 300 kB."""


@dataclass(frozen=True)
class Metadata:
    """exif, xmp: parsed. iptc: texts by dataset name. texts: PNG texts by keyword, and comments ("comment").
    c2pa: the JUMBF bytes. trailer: bytes after the picture's end. unread: places of blocks that were there and were
    not read, or not to their end."""

    exif: Exif = field(default_factory=Exif)
    xmp: Xmp = field(default_factory=Xmp)
    iptc: dict[str, str] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    c2pa: bytes = b""
    trailer: bytes = b""
    unread: tuple[str, ...] = ()

    def kinds(self) -> list[str]:
        """The kinds of metadata that are there, as keys of model/texts's values or by their names."""
        there = {
            "EXIF": self.exif.tells or self.exif.thumbnail,
            "XMP": self.xmp.elements,
            "IPTC": self.iptc,
            "block.text": self.texts,
        }
        return [kind for kind, content in there.items() if content]

    @cached_property
    def free_texts(self) -> list[str]:
        """Every text in which a program may leave its settings or a label, whatever the field is called."""
        found = [*self.exif.texts.values(), *self.texts.values(), *self.iptc.values()]
        found += self.properties(*_FREE_PROPERTIES)
        return list(dict.fromkeys(found))

    def properties(self, *names: str) -> list[str]:
        """The values of XMP properties that may hold a text as Base64."""
        return [without_base64(value) for value in self.xmp.values(*names)]


def metadata_blocks(photo: Photo) -> Iterator[Block]:
    """The metadata blocks of a photo's container, in file order."""
    if photo.format in ("heic", "avif"):
        yield from heif_blocks(photo.data, photo.format)
        return
    walkers = {
        "jpeg": jpeg_blocks, "png": png_blocks, "webp": webp_blocks, "gif": gif_blocks, "tiff": tiff_blocks,
        "bmp": bmp_blocks,
    }  # fmt: skip
    yield from walkers[photo.format](photo.data)


def read_metadata(photo: Photo) -> Metadata:
    """Whatever metadata the photo's file holds."""
    blocks = [_by_content(block) for block in metadata_blocks(photo)]
    if photo.format != "tiff":
        blocks += [inner for block in blocks if block.kind == "exif" for inner in inner_blocks(block.content)]
    unread = [
        block.place for block in blocks if not block.whole or (block.kind == "unknown" and block.content)
    ]

    packets = [block for block in blocks if block.kind == "xmp"]
    xmp = read_xmp(*(block.content for block in packets))
    unread += [packets[-1].place] if packets and not xmp.whole else []

    exif = Exif()
    for block in blocks:
        if block.kind == "exif":
            found = read_exif(block.content)
            unread += [] if found.readable else [block.place]
            exif, whole = _merged(exif, found)
            unread += [] if whole else [block.place]

    iptc: dict[str, str] = {}
    for block in blocks:
        if block.kind == "iptc":
            said, whole = read_iptc(block.content)
            iptc = {**said, **iptc}
            unread += [] if whole else [block.place]

    stores = sorted(
        (block for block in blocks if block.kind == "c2pa"), key=lambda one: not is_credentials(one.content)
    )
    store = b"".join(block.content for block in stores)
    unread += [block.place for block in stores if not mentions_credentials(store)]
    unread += [
        block.place for block in blocks if block.kind == "trailer" and not is_known_trailer(block.content)
    ]

    texts: dict[str, str] = {}
    for block in blocks:
        if block.kind == "text" and len(texts) == MOST_TEXTS:
            unread.append(block.place)
            break
        if block.kind == "text":
            name = block.name if block.name not in texts else f"{block.name} {len(texts)}"
            texts[name] = guess_text(block.content[:MAX_TEXT])
    return Metadata(
        exif=replace(exif, texts=_plain(exif.texts)),
        xmp=xmp,
        iptc=_plain(iptc),
        texts=_plain(texts),
        c2pa=store,
        trailer=b"".join(block.content for block in blocks if block.kind == "trailer"),
        unread=tuple(dict.fromkeys(unread)),
    )


def _by_content(block: Block) -> Block:
    """XMP is met under many names of PNG texts and in comments, labels and EXIF in blocks that a writer made up: they
    say themselves what they are."""
    if block.kind not in ("text", "unknown"):
        return block
    head = block.content[:128]
    start = _XMP_START.match(head)
    if start and (block.kind == "unknown" or not start[0].strip(b"\xef\xbb\xbf \r\n\t")):
        return replace(block, kind="xmp", content=block.content[start.end() :])
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) and _XMP_START.match(
        head.replace(b"\0", b"")
    ):
        return replace(block, kind="xmp")
    if block.kind == "unknown" and (start := _EXIF_START.match(head)):
        return replace(block, kind="exif", content=block.content[start.end() :])
    if block.kind == "unknown" and _LABEL.match(block.content[:600]):
        return replace(block, kind="text", name="AIGC" if b"AIGC" not in block.content[:32] else block.place)
    return block


def _plain(texts: dict[str, str]) -> dict[str, str]:
    """Texts without the empty ones; what one holds as Base64 in its stead."""
    return {name: without_base64(text) for name, text in texts.items() if text}


def is_known_trailer(content: bytes) -> bool:
    """Whether what follows a picture is another picture, a motion photo's video, or a record that is read."""
    content = content.lstrip(b"\0")  # padding, or the upper bytes of a box's length
    video = content[1:5] == b"ftyp"
    records = content.endswith(b"SEFT") or b"MotionPhoto_Data" in content[:64]
    return video or records or content.startswith(b"\xff\xd8\xff") or bool(_LABEL.match(content))


def _merged(first: Exif, other: Exif) -> tuple[Exif, bool]:
    """Two EXIF blocks of one file: the first one speaks where both do; what the other says instead is kept beside, as
    far as there are not too many texts. And whether all that it says is kept."""
    if first == Exif():
        return other, True
    texts, whole = first.texts, other.texts.items() <= first.texts.items()
    if not whole and len(texts) < MOST_TEXTS:
        instead = {
            f"{name} {len(first.texts)}": text
            for name, text in other.texts.items()
            if first.texts.get(name, text) != text
        }
        texts, whole = {**other.texts, **first.texts, **instead}, True
    merged = replace(
        first,
        texts=texts,
        maker_note=first.maker_note or other.maker_note,
        exposure=first.exposure | other.exposure,
        thumbnail=first.thumbnail or other.thumbnail,
        tells=first.tells or other.tells,
    )
    return merged, whole
