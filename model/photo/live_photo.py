"""Live photos in one file, as iPhone tools and Chinese cloud drives export them (LIVP): a ZIP archive of a still
picture and its short video.

In: bytes. Out: the still's bytes; None for everything else, other archives among it. The archive is believed nothing:
it has few files, their names say nothing, and no more is unpacked than is asked for.
Source: PKWARE's APPNOTE 6.3.10, 4.3 (end of central directory, ZIP64's) and 4.4.4 (general purpose bits).
"""

import io
import struct
import zipfile

from refundlens.model.photo.formats import sniff, zip_end

MAX_FILES = 8
"""Files in the archive: the still, the video, and what macOS puts beside each."""
MAX_DIRECTORY = 1 << 14
"""Bytes of the archive's list of files: eight long names with all their extras have some 4,000."""
_ZIP64, _ZIP64_BYTES = b"PK\x06\x07", 20
"""What stands before the last record where another one replaces it, for archives beyond 4 GB; its bytes."""
_PACKINGS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 1
_HEAD = 512
"""Bytes by which a file's kind is told."""
_VIDEO = (b"ftyp", b"moov", b"mdat", b"wide")


def is_archive(data: bytes) -> bool:
    return data.startswith(b"PK\x03\x04")


def still_of(data: bytes, most: int) -> bytes | None:
    """The still of a live photo, cut off after `most` bytes and one; None where the file is no archive of one picture
    and at most one video, or is damaged. An archive of a picture alone counts: the video was left out."""
    if not is_archive(data) or not _is_small(data):
        return None
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            files = [one for one in archive.infolist() if not _is_beside(one)]
            if any(one.compress_type not in _PACKINGS or one.flag_bits & _ENCRYPTED for one in files):
                return None
            heads = [_start(archive, one, _HEAD) for one in files]
            stills = [one for one, head in zip(files, heads, strict=True) if sniff(head) is not None]
            videos = sum(head[4:8] in _VIDEO and sniff(head) is None for head in heads)
            if len(stills) != 1 or videos > 1 or len(files) != 1 + videos:
                return None
            return _start(archive, stills[0], most + 1)
    except Exception:
        # On damaged archives the library raises whatever it stumbles over: BadZipFile, struct.error, IndexError ...
        return None


def _is_small(data: bytes) -> bool:
    """Whether the archive's list of files is one that is read in no time, as its last record says; ZIP64's own record
    would be believed instead."""
    at = zip_end(data)
    if at is None or data[max(0, at - _ZIP64_BYTES) : at].startswith(_ZIP64):
        return False
    count, size = struct.unpack_from("<HL", data, at + 10)
    return bool(count <= MAX_FILES and size <= MAX_DIRECTORY)


def _is_beside(file: zipfile.ZipInfo) -> bool:
    """Folders, and what macOS keeps beside a file."""
    return (
        file.filename.endswith("/")
        or file.filename.startswith("__MACOSX/")
        or file.filename.rpartition("/")[2] == ".DS_Store"
    )


def _start(archive: zipfile.ZipFile, file: zipfile.ZipInfo, most: int) -> bytes:
    with archive.open(file) as packed:
        return packed.read(most)
