"""What services, the workflow and repositories raise where they will not do what was asked. Nothing here knows HTTP:
`serving.http.problems` has the one table of which error is answered with which status.

>>> raise Conflict("complaint_closed", "This complaint was confirmed before.")
"""


class DomainError(Exception):
    """code: programs may rely on it. detail: a sentence for people that tells the fix."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


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
