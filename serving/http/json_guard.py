"""Holds JSON to limits while it arrives, before anything is built of it.

In: the pieces of a body. Out: nothing, or Problem 413 as soon as there are too many values, too many in one list or
object, or too deep a nest. A body of 35 MB can hold twelve million lists, each of which would become an object of
Python and an error of its own. This is no parser: what passes is parsed by pydantic, which finds what is wrong with it.

Parsers that stream were tried on one photo of 48 MB in base64: ijson 3.6 (YAJL) takes 11 s, since it reads a string
anew with every piece, and ends the process at a number of 5000 digits; json-stream-rs-tokenizer 0.5 takes 1.9 s. Here
strings are skipped by `bytes.find`: 20 ms.
"""

import re
from dataclasses import dataclass, field

from refundlens.serving.http.problems import Problem

_STRUCTURE = re.compile(rb'["\[\]{},]')
_OPENS, _CLOSES, _COMMA = b"[{", b"]}", ord(",")
_QUOTE, _BACKSLASH = b'"', b"\\"


@dataclass(frozen=True)
class JsonLimits:
    """values: strings, lists, objects and commas in all. members: of one list or object. depth: lists and objects in
    one another. escapes: backslashes in all strings. gap: bytes without any of these outside of strings, such as the
    digits of a number."""

    values: int = 5_000
    members: int = 1_000
    depth: int = 32
    escapes: int = 100_000
    gap: int = 4_096


LIMITS = JsonLimits()
"""Our largest bodies, a refund with its photos or an event of a platform, have some two hundred values, six deep."""


@dataclass
class JsonGuard:
    """One body. length: bytes from its beginning that are JSON, none for all."""

    limits: JsonLimits = LIMITS
    length: int | None = None
    values: int = 0
    _members: list[int] = field(default_factory=list)
    _escapes: int = 0
    _gap: int = 0
    _in_string: bool = False
    _escaped: bool = False
    """Whether the last piece ended between a backslash and what it escapes."""

    def feed(self, piece: bytes) -> None:
        """Look at the next piece. Raises Problem 413."""
        if self.length is not None:
            piece = piece[: self.length]
            self.length -= len(piece)
        at = 0
        while at < len(piece):
            at = self._string(piece, at) if self._in_string else self._structure(piece, at)

    def _string(self, piece: bytes, at: int) -> int:
        """Go on to the end of the string, or of the piece."""
        if self._escaped:
            self._escaped = False
            at += 1
        end = piece.find(_QUOTE, at)
        slash = piece.find(_BACKSLASH, at, end if end >= 0 else len(piece))
        if slash >= 0:
            self._escapes += 1
            if self._escapes > self.limits.escapes:
                raise _refusal(f"its texts have more than {self.limits.escapes} backslashes")
            self._escaped = slash + 1 == len(piece)
            return slash + 2
        self._in_string = end < 0
        return end + 1 if end >= 0 else len(piece)

    def _structure(self, piece: bytes, at: int) -> int:
        """Go on to what comes after the next sign that is no plain value."""
        found = _STRUCTURE.search(piece, at)
        self._gap += (found.start() if found else len(piece)) - at
        if self._gap > self.limits.gap:
            raise _refusal(f"{self.limits.gap} bytes of it are neither a text nor an end of a value")
        if found is None:
            return len(piece)
        self._gap = 0
        self._count(found[0][0])
        return found.end()

    def _count(self, sign: int) -> None:
        if sign in _CLOSES:
            if self._members:
                self._members.pop()
            return
        self.values += 1
        if self.values > self.limits.values:
            raise _refusal(f"it has more than {self.limits.values} values")
        if sign in _OPENS:
            self._members.append(1)
            if len(self._members) > self.limits.depth:
                raise _refusal(f"its lists and objects are more than {self.limits.depth} deep")
        elif sign == _COMMA and self._members:
            self._members[-1] += 1
            if self._members[-1] > self.limits.members:
                raise _refusal(f"one list or object has more than {self.limits.members} members")
        elif sign == _QUOTE[0]:
            self._in_string = True


def _refusal(why: str) -> Problem:
    detail = f"The JSON of the request is not taken: {why}. Send what the documentation names, in several requests."
    return Problem(413, "too_large", detail, {"Connection": "close"})
