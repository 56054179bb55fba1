"""What services, the workflow and repositories raise where they will not do what was asked. Nothing here knows HTTP:
`serving.http.problems` has the one table of which error is answered with which status.

>>> raise Conflict("complaint_closed", "This complaint was confirmed before.")
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

Done = TypeVar("Done")


class DomainError(Exception):
    """code: programs may rely on it. detail: a sentence for people that tells the fix. values: what pages' own
    sentences about the code take; `says`: the name of their sentence where it is not the code."""

    def __init__(self, code: str, detail: str, **values: str) -> None:
        super().__init__(detail)
        self.code, self.detail, self.values = code, detail, values


class NotFound(DomainError):
    """It is not there, or not there for this caller."""

    def __init__(self, detail: str) -> None:
        super().__init__("not_found", detail)


class Forbidden(DomainError):
    """This caller may not."""

    def __init__(self, detail: str, code: str = "forbidden") -> None:
        super().__init__(code, detail)


class Conflict(DomainError):
    """Not in the state that things are in."""


class Invalid(DomainError):
    """What was sent does not fit."""


@dataclass(frozen=True)
class SentFile:
    """Of a file that came with others: its field, its number in it from 1, and the name that its sender gave it."""

    field: str
    number: int
    name: str = ""

    def __str__(self) -> str:
        return f"{self.field} {self.number}" + (f" ({self.name})" if self.name else "")


class UnreadableFiles(Invalid):
    """Of several files, some cannot be taken; none was. files: which, and the code of what is wrong with each."""

    def __init__(self, found: Sequence[tuple[SentFile, DomainError]]) -> None:
        said = "; ".join(f"{place}: {error.detail}" for place, error in found)
        super().__init__(found[0][1].code, said)
        self.files = [(place, error.code) for place, error in found]


def each_file(works: Iterable[tuple[SentFile, Callable[[], Done]]]) -> list[Done]:
    """What came of each file. All are tried, so that its sender hears of every one that is wrong at once. Raises
    UnreadableFiles."""
    done, wrong = [], []
    for place, work in works:
        try:
            done.append(work())
        except Invalid as error:
            wrong.append((place, error))
    if wrong:
        raise UnreadableFiles(wrong)
    return done


class TooMany(DomainError):
    """As many as this caller may have in a while. Ask again in an hour."""


class Gone(DomainError):
    """It was there once: erased, lost, or damaged."""


class Changed(DomainError):
    """The caller saw another version. version: the one there is now; none where there is nothing yet."""

    def __init__(self, version: int | None = None, detail: str | None = None) -> None:
        super().__init__(
            "changed_meanwhile",
            detail or "It was changed since you read it. Read it again, and decide again.",
        )
        self.version = version


class VersionMissing(DomainError):
    """The caller must say which version it saw."""

    def __init__(self) -> None:
        super().__init__("precondition_required", "Send If-Match with the ETag that you saw.")


def etag(version: int) -> str:
    """A version as callers name it (RFC 9110, 8.8.3)."""
    return f'"{version}"'


def check_version(seen: str | None, version: int, required: bool = False) -> None:
    """seen: the ETags of If-Match (RFC 9110, 13.1.1): who changes something says which version of it they saw. Raises
    Changed where it is another one, VersionMissing where they must say and do not."""
    if seen is None:
        if required:
            raise VersionMissing
        return
    tags = [tag.strip().removeprefix("W/") for tag in seen.split(",")]
    if "*" not in tags and etag(version) not in tags:
        raise Changed(version)
