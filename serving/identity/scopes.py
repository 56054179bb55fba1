"""Scopes narrow a key: `reports:read`, `detect:write`, `*:read`. A key without any may do all that its role may.

In: a key's scopes, the route that is asked and how. Out: whether it may. The first half is the part of the API, as its
path says after `/v1/` (`*` for all of it); `/v2` belongs to `detect`. Reading is GET and HEAD, all else is writing.
"""

import re
from collections.abc import Collection, Iterable


class IdentityError(Exception):
    """It was not done; the message tells a person why, and what to do. code: by which pages find their own words."""

    def __init__(self, message: str, code: str = "key_changed") -> None:
        super().__init__(message)
        self.code = code


SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_SCOPE = re.compile(r"(\*|[a-z][a-z0-9-]*):(read|write)")


def check_scopes(scopes: Iterable[str]) -> None:
    """Raises IdentityError for one that cannot be meant."""
    for scope in scopes:
        if not _SCOPE.fullmatch(scope):
            raise IdentityError(f"{scope} is no scope; write the part of the API, such as reports:read")


def scope_of(path: str, method: str) -> str:
    """What a request needs. path: the route's, `/v1/reports/{id}`."""
    version, _, rest = path.lstrip("/").partition("/")
    part = "detect" if version == "v2" else rest.partition("/")[0] if version == "v1" else version or "page"
    return f"{part}:{'read' if method in SAFE_METHODS else 'write'}"


def permits(scopes: Collection[str], wanted: str) -> bool:
    """Whether a key of these scopes may do what needs `wanted`."""
    return not scopes or wanted in scopes or f"*:{wanted.partition(':')[2]}" in scopes
