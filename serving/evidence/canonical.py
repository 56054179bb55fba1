"""The one way a pack is written: `{"evidence":…,"signature":…}`, keys sorted, no spaces, UTF-8.

In: a document and a way to sign bytes. Out: the file, and back. What is signed stands in the file as it is, between the
first `{"evidence":` and the last `,"signature":`, so that a program in any language can cut it out and check it without
writing JSON itself.
"""

import json
from typing import Any

FIRST, SECOND = b'{"evidence":', b',"signature":'


class PackError(ValueError):
    """A file that is no evidence pack; the message says why."""


def canonical(document: dict[str, Any]) -> bytes:
    """Raises ValueError for numbers that JSON has not."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def join(evidence: bytes, signature: dict[str, str]) -> bytes:
    """The file. evidence: a canonical document."""
    return FIRST + evidence + SECOND + canonical(signature) + b"}"


def split(file: bytes) -> tuple[bytes, dict[str, Any], dict[str, Any]]:
    """What was signed, the same as a document, the signature. Raises PackError for what was not written by `join`."""
    middle = file.rfind(SECOND)
    if not file.startswith(FIRST) or middle < 0 or not file.endswith(b"}"):
        raise PackError("this is no evidence pack: it does not begin and end as one")
    evidence, tail = file[len(FIRST) : middle], file[middle + len(SECOND) : -1]
    try:
        document, signature = json.loads(evidence), json.loads(tail)
    except (ValueError, RecursionError) as error:
        raise PackError(f"this is no evidence pack any more: it is not JSON ({error})") from error
    if not isinstance(document, dict) or not isinstance(signature, dict):
        raise PackError("this is no evidence pack: its parts are no JSON objects")
    if not all(isinstance(value, str) for value in signature.values()) or canonical(signature) != tail:
        raise PackError("this is no evidence pack any more: its signature was written again")
    return evidence, document, signature
