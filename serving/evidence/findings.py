"""What a check found, in one shape for people and programs."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "open", "failed"]
"""`note`: holds, with something to know. `open`: could not be checked with what is at hand; says what would help."""


@dataclass(frozen=True)
class Finding:
    """check: a stable name. detail: what was compared, and what it means."""

    check: str
    state: State
    detail: str


def failed(findings: Iterable[Finding]) -> bool:
    return any(finding.state == "failed" for finding in findings)
