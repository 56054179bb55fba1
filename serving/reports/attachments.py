"""Files that a buyer attaches to an appeal beside photos: a receipt, a letter, a video of the unpacking.

In: uploads. Out: rows, whose bytes are in the file store. Nobody judges them and nothing opens them here: adjudicators
get them as downloads, exactly as they came. They go with the refund's photos (`serving.buyers.retention`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from refundlens.serving.kit.errors import Gone, Invalid, NotFound
from refundlens.serving.kit.ids import make_id
from refundlens.serving.kit.roles import Role
from refundlens.serving.storage.files import FileError, FileStore
from refundlens.serving.storage.tables import Appeal, AppealFile, Image, Report

MOST_FILES = 4
"""That an appeal may bring."""
LONGEST_NAME = 200
"""Characters of a file's name that are kept."""
_SIGNS = ((0, b"%PDF-", "application/pdf"), (4, b"ftyp", "video/mp4"), (0, b"\x1aE\xdf\xa3", "video/webm"))
"""Where which bytes stand in a kind of file that is taken; MP4 is QuickTime's `mov`, too."""


@dataclass(frozen=True)
class Attachment:
    """A file that is stored already."""

    sha256: str
    name: str
    media_type: str
    bytes: int


def prepare_attachment(files: FileStore, name: str | None, data: bytes) -> Attachment:
    """Store one. Raises Invalid for what is neither a document, a text nor a video."""
    kind = kind_of(data)
    shown = (name or "file").replace("\0", "").rsplit("/", 1)[-1].rsplit("\\", 1)[-1][
        -LONGEST_NAME:
    ] or "file"
    if kind is None:
        taken = "a PDF, a text, or an MP4, MOV or WebM video; send photos as photos"
        raise Invalid("unsupported_attachment", f"What comes with an appeal is {taken}.")
    return Attachment(files.put(data), shown, kind, len(data))


def kind_of(data: bytes) -> str | None:
    """The media type by the file's own bytes, whatever its name says; none for what is not taken.

    >>> kind_of(b"%PDF-1.7 ..."), kind_of("收据：128 元".encode()), kind_of(b"MZ\\x90\\x00")
    ('application/pdf', 'text/plain', None)
    """
    for start, sign, kind in _SIGNS:
        if data[start : start + len(sign)] == sign:
            return kind
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return None
    plain = text.strip() and all(letter.isprintable() or letter in "\r\n\t\f" for letter in text)
    return "text/plain" if plain else None


def keep_attachments(
    session: Session, appeal: Appeal, report: Report, prepared: Sequence[Attachment], now: datetime
) -> None:
    """Put them to an appeal."""
    session.add_all(
        AppealFile(
            id=make_id("afl", now),
            tenant_id=appeal.tenant_id,
            appeal_id=appeal.id,
            refund_id=report.refund_id,
            sha256=one.sha256,
            name=one.name,
            media_type=one.media_type,
            bytes=one.bytes,
            created_at=now,
        )
        for one in prepared
    )


def attached(session: Session, appeal: Appeal) -> Sequence[AppealFile]:
    """In the order in which they came."""
    asked = select(AppealFile).where(AppealFile.appeal_id == appeal.id).order_by(AppealFile.id)
    return session.execute(asked).scalars().all()


def sent_names(session: Session, appeal: Appeal) -> list[str]:
    """Names of all that its buyer sent with it, so that they see that it came: photos, which are the refund's now, and
    files."""
    photos = (
        select(Image.name)
        .join(Report, Report.refund_id == Image.refund_id)
        .where(Report.id == appeal.report_id, Image.supplied_by == Role.BUYER.value)
        .where(Image.created_at >= appeal.created_at)
        .order_by(Image.id)
    )
    names = [*session.execute(photos).scalars(), *(one.name for one in attached(session, appeal))]
    return [name for name in names if name]


def read(session: Session, files: FileStore, appeal: Appeal, identifier: str) -> tuple[AppealFile, bytes]:
    """A file and its bytes. Raises NotFound, Gone."""
    row = next((one for one in attached(session, appeal) if one.id == identifier), None)
    if row is None:
        raise NotFound(f"This appeal has no file {identifier}.")
    if row.erased_at is not None:
        raise Gone("file_erased", "This file was erased.")
    try:
        return row, files.get(row.sha256)
    except FileError as error:
        raise Gone("file_missing", "This file is not kept any more.") from error
