"""Where `detect` has its photos judged: here, or by another RefundLens server. Both give the same lines.

In: a file. Out: its line and, if asked for, its heat map as a PNG. A file that cannot be judged gives an error line.

Turns the paths given to `detect` into single files, and reads one safely.

In: files and folders. Out: files in a fixed order: as given, folders recursively by name. Hidden files are skipped
inside folders; everything else there is tried, because a photo is known by its content, not by its name.

Writes heat maps into a folder under names that never collide: a.png, and a-2.png for the next file called a. What
they are worth goes under the same name into its subfolder `reliability`.

A photo that lies in that folder itself is never written over: its name counts as taken.

The detector as serving sees it, and how to get one. Loading is lazy: `refundlens --help` pays for nothing.
"""

import logging
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

from refundlens.model.bundle import BundleError
from refundlens.model.detection import Detection, ModelName
from refundlens.model.names import Defect
from refundlens.model.network.regions import heatmap_png
from refundlens.model.photo.image import ImageError, Limits
from refundlens.model.verdict.selection import with_reasons
from refundlens.serving.cli.common import in_order
from refundlens.serving.client import Client, ClientError, Json
from refundlens.serving.detection.references import Reference, with_references
from refundlens.serving.detection.schemas import Line, detection_line, error_line
from refundlens.serving.detection.views import told_together
from refundlens.serving.kit.language import Language


class Detecting(Protocol):
    """Anything that judges photos. Safe to call from several threads at once."""

    @property
    def name(self) -> ModelName: ...

    def detect(self, data: bytes, claim: Defect | None = None, language: Language = "en") -> Detection:
        """Judge the bytes of one picture. Raises `model.photo.image.ImageError` for what cannot be read."""
        ...


def load(bundle: Path | None, threads: int, trust_list: str = "") -> Detecting:
    """The detector of `bundle`, or the bundled one, with `threads` processors for each picture.

    trust_list: PEM certificates of those whose Content Credentials prove something.

    Raises `model.bundle.BundleError` where the file is missing or damaged; the message says what to do.
    """
    from refundlens.model.detect import Detector

    return Detector(bundle, threads=threads, trust_list=trust_list)


def files_under(paths: Iterable[Path]) -> Iterator[Path]:
    """Every file to look at. A path that cannot be looked into comes out as it is: reading it gives its error."""
    for path in paths:
        if _is_folder(path):
            yield from _folder(path)
        else:
            yield path


STANDARD_INPUT = Path("-")


def read_file(path: Path) -> bytes:
    """The bytes of a file, a pipe or, for "-", of standard input. Raises ImageError (not_found, not_a_file,
    too_many_bytes, unreadable_file)."""
    try:
        if path == STANDARD_INPUT:
            return _read_stream(sys.stdin.buffer)
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise ImageError("unreadable_file", f"the folder {path} cannot be opened: check its permissions")
        if stat.S_ISFIFO(found.st_mode):
            with path.open("rb") as pipe:
                return _read_stream(pipe)
        if not stat.S_ISREG(found.st_mode):
            raise ImageError("not_a_file", f"{path} is a device: give a file or a pipe")
        _refuse_large(found.st_size)
        return path.read_bytes()
    except FileNotFoundError as error:
        raise ImageError("not_found", f"{path} does not exist: check the name") from error
    except OSError as error:
        raise ImageError(
            "unreadable_file", f"{path} cannot be opened ({error.strerror}): check it"
        ) from error


def _read_stream(stream: BinaryIO) -> bytes:
    """All of a stream, which does not say how long it is; reading ends one byte past the limit."""
    data = stream.read(Limits().max_bytes + 1)
    _refuse_large(len(data))
    return data


def _refuse_large(size: int) -> None:
    """`probe` refuses such a file too; refusing it unread keeps it out of memory."""
    limit = Limits().max_bytes
    if size > limit:
        message = (
            f"the file has {size / 2**20:.1f} MiB and the limit is {limit / 2**20:.0f} MiB: make it smaller"
        )
        raise ImageError("too_many_bytes", message)


def _folder(folder: Path) -> Iterator[Path]:
    """Files of a folder and its subfolders by name. Links to folders are not followed: they may lead round."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:
        yield folder
        return
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = folder / entry.name
        if not _is_folder(path):
            yield path
        elif not path.is_symlink():
            yield from _folder(path)


def _is_folder(path: Path) -> bool:
    """False, too, for what may not be looked at (`Path.is_dir` raises there): reading it tells why."""
    return os.path.isdir(path)  # noqa: PTH112


Result = TypeVar("Result")

SERVERS_OWN = ("id", "created_at", "heatmap_url", "reliability_url")
"""What a server adds to the line of a detection."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class JudgedFile:
    """The line of one file and its heat map (grey PNG of the displayed size), None unless asked for.

    reliability: a PNG of what the heat map is worth where; none also where the model cannot tell. lost: the heat map
    was asked for and could not be kept.
    """

    line: Line
    heatmap: bytes | None = None
    reliability: bytes | None = None
    lost: bool = False

    @property
    def failed(self) -> bool:
        return self.lost or "error" in self.line


@dataclass(frozen=True)
class LocalLook:
    """A photo judged by itself, before the others of its claim are held against it."""

    path: Path
    data: bytes
    detection: Detection


Following = Callable[[Iterable[LocalLook | JudgedFile]], Iterable[LocalLook | JudgedFile]]
"""Shows how far a run is, and hands on what it is given."""


class Backend(Protocol):
    """Judges files. Safe to call from several threads at once."""

    def judge(self, path: Path) -> JudgedFile: ...

    def judge_together(self, paths: Sequence[Path], workers: int, follow: Following) -> Iterable[JudgedFile]:
        """Judge the photos of one claim, each by itself and then all held against each other."""
        ...


@dataclass(frozen=True)
class LocalBackend:
    """Judges with a detector in this process."""

    detector: Detecting
    claim: Defect | None = None
    references: Sequence[Reference] = ()
    language: Language = "en"
    heatmaps: bool = False

    def judge(self, path: Path) -> JudgedFile:
        """Raises BundleError: with a model that cannot judge, no file would fare better."""
        return self._guarded(path, lambda: self._told(self._see(path)))

    def judge_together(self, paths: Sequence[Path], workers: int, follow: Following) -> Iterator[JudgedFile]:
        def see(path: Path) -> LocalLook | JudgedFile:
            return self._guarded(path, lambda: self._see(path))

        seen = [*follow(in_order(see, paths, workers))]
        judged = [(one.data, one.detection) for one in seen if isinstance(one, LocalLook)]
        said = told_together(judged, self.language)
        for one in seen:
            if isinstance(one, JudgedFile):
                yield one
                continue
            added = said.get(one.detection.sha256, [])
            told = replace(one, detection=with_reasons(one.detection, added)) if added else one
            yield self._guarded(one.path, partial(self._told, told))

    def _guarded(self, path: Path, work: Callable[[], Result]) -> Result | JudgedFile:
        try:
            return work()
        except ImageError as error:
            return JudgedFile(error_line(str(path), error.code, error.message))
        except BundleError:
            raise
        except Exception:
            # One poisoned picture must not end the run of a whole folder; standard error tells what happened.
            _log.exception("%s could not be judged", path)
            message = "this picture could not be judged because of a fault in refundlens; please report it"
            return JudgedFile(error_line(str(path), "internal", message))

    def _see(self, path: Path) -> LocalLook:
        data = read_file(path)
        detection = self.detector.detect(data, self.claim, self.language)
        return LocalLook(path, data, with_references(detection, data, self.references, self.language))

    def _told(self, seen: LocalLook) -> JudgedFile:
        detection = seen.detection
        line = detection_line(str(seen.path), detection)
        if not self.heatmaps:
            return JudgedFile(line)
        heat, trust = (
            None if cells is None else heatmap_png(cells, detection.width, detection.height)
            for cells in (detection.heatmap, detection.reliabilitymap)
        )
        return JudgedFile(line, heat, trust)


@dataclass(frozen=True)
class RemoteBackend:
    """Judges by posting to the /v1/detect of another server. `references` are (name, bytes)."""

    client: Client
    claim: Defect | None = None
    references: Sequence[tuple[str, bytes]] = ()
    heatmaps: bool = False

    def judge(self, path: Path) -> JudgedFile:
        try:
            return self._judge(path)
        except (ImageError, ClientError) as error:
            return JudgedFile(error_line(str(path), error.code, error.message))

    def judge_together(self, paths: Sequence[Path], workers: int, follow: Following) -> Iterator[JudgedFile]:
        """In one request, as long as the photos fit into one."""
        read: dict[int, bytes] = {}
        failed: dict[int, JudgedFile] = {}
        for place, path in enumerate(paths):
            try:
                read[place] = read_file(path)
            except ImageError as error:
                failed[place] = JudgedFile(error_line(str(path), error.code, error.message))
        pictures = [(paths[place].name, data) for place, data in read.items()]
        try:
            answers = (
                self.client.detect(pictures, self.claim, self.references, one_claim=True) if read else []
            )
            told = dict(zip(read, answers, strict=True))
        except ClientError as error:
            failed |= {
                place: JudgedFile(error_line(str(paths[place]), error.code, error.message)) for place in read
            }
            told = {}
        for place, path in enumerate(paths):
            yield failed[place] if place in failed else self._followed(path, told[place])

    def _judge(self, path: Path) -> JudgedFile:
        [answer] = self.client.detect((path.name, read_file(path)), self.claim, self.references)
        return self._told(path, answer)

    def _followed(self, path: Path, answer: Json) -> JudgedFile:
        try:
            return self._told(path, answer)
        except ClientError as error:
            return JudgedFile(error_line(str(path), error.code, error.message))

    def _told(self, path: Path, answer: Json) -> JudgedFile:
        if "error" in answer:
            return JudgedFile(error_line(str(path), answer["error"]["code"], answer["error"]["message"]))
        line = {key: value for key, value in answer.items() if key not in SERVERS_OWN} | {"file": str(path)}
        if not self.heatmaps:
            return JudgedFile(line)
        beside = answer.get("reliability_url")  # an older server gives none
        picture = self.client.picture
        return JudgedFile(line, picture(answer["heatmap_url"]), picture(beside) if beside else None)


RELIABILITY = "reliability"


class HeatmapFolder:
    """A folder of heat maps for one run. Names are told apart without case: some file systems do not know it."""

    def __init__(self, folder: Path, photos: Iterable[Path] = ()) -> None:
        """Creates the folder. photos: files to be judged, none of which may be touched. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        here = folder.resolve()
        self._taken = {
            photo.stem.casefold()
            for photo in photos
            if _is_png(photo) and photo.parent.resolve() in (here, here / RELIABILITY)
        }

    def write(self, photo: Path, png: bytes, reliability: bytes | None = None) -> Path:
        """Store the heat map of a photo, with its reliability map where there is one; say where. Raises OSError."""
        target = self._folder / f"{self._free_stem(photo.stem)}.png"
        target.write_bytes(png)
        if reliability is not None:
            beside = self._folder / RELIABILITY / target.name
            beside.parent.mkdir(exist_ok=True)
            beside.write_bytes(reliability)
        return target

    def _free_stem(self, stem: str) -> str:
        candidate, number = stem, 1
        while candidate.casefold() in self._taken:
            number += 1
            candidate = f"{stem}-{number}"
        self._taken.add(candidate.casefold())
        return candidate


def _is_png(photo: Path) -> bool:
    return photo.suffix.casefold() == ".png"
