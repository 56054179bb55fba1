"""Checks a pack, with what is at hand: its bytes alone, a key, the photo, the model.

In: an opened pack. Out: findings. Whatever was changed since the pack was signed fails the signature; the other checks
say what it is, and hold what was signed against itself. No network, no database.

Opens a pack: the JSON, or the PDF that carries it.

In: bytes of a file that anybody may have made. Out: an `Opened`, or PackError. Nothing is checked here.

What a check found, in one shape for people and programs.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

from refundlens.serving.evidence import signature as trailer
from refundlens.serving.evidence.pack import FORMAT, PackError, canonical_json, split
from refundlens.serving.evidence.signature import ALGORITHM, PublicKey, Sealed, bytes64, public_key

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


ATTACHMENT = "evidence.json"
_PDF = b"%PDF-"


@dataclass(frozen=True)
class Opened:
    """evidence: the bytes that were signed. document: the same as JSON. pages: of a PDF, the line that signs it; none
    where it has none. is_pdf: whether there are pages at all."""

    evidence: bytes
    document: dict[str, Any]
    signature: dict[str, Any]
    is_pdf: bool = False
    pages: Sealed | None = None


def open_pack(file: bytes) -> Opened:
    """Raises PackError for what is no pack."""
    if not file.startswith(_PDF):
        return Opened(*split(file))
    return Opened(*split(_attached(file)), is_pdf=True, pages=trailer.read(file))


def _attached(pdf: bytes) -> bytes:
    """The JSON that a PDF carries."""
    import io
    import logging

    from pypdf import PdfReader

    logging.getLogger("pypdf").setLevel(logging.CRITICAL)  # it tells what it mends; we tell what is wrong
    try:
        found = PdfReader(io.BytesIO(pdf), strict=False).attachments.get(ATTACHMENT)
    except Exception as error:  # pypdf raises many kinds for files that somebody damaged
        raise PackError(f"this PDF cannot be read: {type(error).__name__}: {error}") from error
    if not found:
        raise PackError(f"this PDF carries no {ATTACHMENT}; pages without it prove nothing")
    return bytes(found[0])


_SUM = 1e-6
"""How far probabilities that must add up to 1 may be off: they are doubles of single-precision numbers."""


def verify(opened: Opened, keys: Mapping[str, PublicKey] | None, photo: bytes | None) -> list[Finding]:
    """keys: of the issuer, by id, none where nobody gave any. photo: the file that is said to be the one."""
    document = opened.document
    checks: list[tuple[str, Callable[[], list[Finding]]]] = [
        ("form", lambda: [_form(opened)]),
        ("signature", lambda: _signature(opened, keys)),
        ("maps", lambda: _maps(document)),
        ("photo", lambda: [_photo(document, photo)]),
        ("audit", lambda: _audit(document)),
        ("detection", lambda: [_detection(document)]),
    ]
    found: list[Finding] = []
    for name, check in checks:
        try:
            found += check()
        except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
            detail = f"this part is not as this program writes it ({type(error).__name__}: {error})"
            found.append(Finding(name, "failed", detail))
    return found


def photo_of(document: dict[str, Any], given: bytes | None) -> bytes | None:
    """The photo's bytes: the file given, else the pack's own; none where neither is the one that was judged."""
    said = document["photo"]
    content = given if given is not None else content_of(said["base64"]) if said["base64"] else None
    fits = content is not None and hashlib.sha256(content).hexdigest() == said["sha256"]
    return content if fits else None


def _form(opened: Opened) -> Finding:
    if opened.document.get("format") != FORMAT:
        said = str(opened.document.get("format"))[:60]
        return Finding("form", "failed", f"the format is {said!r}; this program reads {FORMAT}")
    if canonical_json(opened.document) != opened.evidence:
        return Finding("form", "failed", "the JSON is not written as a pack is: somebody wrote it again")
    return Finding("form", "ok", f"{FORMAT}, issued {opened.document['issued_at']}")


def _signature(opened: Opened, keys: Mapping[str, PublicKey] | None) -> list[Finding]:
    said = opened.signature
    own = public_key(bytes64(said["public_key"]))
    if said["algorithm"] != ALGORITHM or said["key_id"] != own.id or set(said) != _MEMBERS:
        return [Finding("signature", "failed", "the signature does not name its key rightly")]
    if keys is not None and own.id not in keys:
        given = ", ".join(keys)
        detail = (
            f"signed with key {own.id}, which is not the issuer's ({given}): somebody else made this pack"
        )
        return [Finding("signature", "failed", detail)]
    key = own if keys is None else keys[own.id]
    if not key.fits(bytes64(said["value"]), opened.evidence):
        return [Finding("signature", "failed", "the pack was changed after it was signed")]
    found = [_signed(key, keys)]
    if opened.is_pdf:
        found.append(_pages(opened, key))
    return found


_MEMBERS = {"algorithm", "key_id", "public_key", "value"}


def _signed(key: PublicKey, keys: Mapping[str, PublicKey] | None) -> Finding:
    if keys is not None:
        return Finding("signature", "ok", f"signed with the key you gave, {key.id}; unchanged since")
    detail = (
        f"unchanged since it was signed with key {key.id}. That key came with the pack, so this does NOT show who "
        "signed: anybody could have. Give the issuer's key with --key"
    )
    return Finding("signature", "note", detail)


def _pages(opened: Opened, key: PublicKey) -> Finding:
    pages = opened.pages
    if pages is None or pages.key_id != key.id or not key.fits(pages.signature, pages.content):
        detail = (
            "the PDF was changed after it was issued, or was saved anew by another program: do not trust what its "
            "pages show; the attached JSON is judged by the other checks"
        )
        return Finding("pages", "failed", detail)
    return Finding("pages", "ok", "the PDF is byte for byte as it was issued")


def _maps(document: dict[str, Any]) -> list[Finding]:
    found = []
    for name in ("heatmap", "reliability"):
        said = document[name]
        if said is None:
            continue
        fits = hashlib.sha256(content_of(said["base64"])).hexdigest() == said["sha256"]
        detail = (
            f"SHA-256 {said['sha256'][:16]}…"
            if fits
            else "the picture is not the one of the SHA-256 beside it"
        )
        found.append(Finding(name, "ok" if fits else "failed", detail))
    return found or [Finding("heatmap", "open", "the pack has no heat map: it was erased with its photo")]


def _photo(document: dict[str, Any], given: bytes | None) -> Finding:
    said = document["photo"]
    if said["sha256"] != document["detection"]["sha256"]:
        return Finding("photo", "failed", "the pack speaks of one photo, its detection of another")
    if given is None and not said["base64"]:
        detail = f"not at hand; give the file with --photo. Its SHA-256 must be {said['sha256']}"
        return Finding("photo", "open", detail)
    if photo_of(document, given) is None:
        which = "the file you gave" if given is not None else "the picture in the pack"
        return Finding("photo", "failed", f"{which} is not the photo that was judged: its SHA-256 differs")
    return Finding("photo", "ok", f"the photo that was judged, SHA-256 {said['sha256'][:16]}…")


def _audit(document: dict[str, Any]) -> list[Finding]:
    audit, report = document["audit"], document["report"]
    if audit is None:
        return [
            Finding("audit", "open", "the pack speaks of no report, so there are no rows of the audit log")
        ]
    rows = audit["rows"]
    for one in rows:
        if not one["actor_withheld"] and _row_hash(one["row"]) != one["hash"]:
            return [Finding("audit", "failed", f"row {one['row']['seq']} is not what its hash was made of")]
    if (fault := _links(rows, audit["head"], report)) is not None:
        return [Finding("audit", "failed", fault)]
    withheld = sum(one["actor_withheld"] for one in rows)
    detail = (
        f"{len(rows) - withheld} of {len(rows)} rows hashed again, in order, up to {report['state']}; the log ended "
        f"with {audit['head']['seq']}:{audit['head']['hash']}, which the issuer's `refundlens audit verify` takes as "
        "--anchor"
    )
    if withheld:
        detail += f". {withheld} name a person who is not named here; `?names=include` has them checked, too"
    return [Finding("audit", "note" if withheld else "ok", detail)]


def _row_hash(row: dict[str, Any]) -> str:
    """As `serving.events.audit` makes it."""
    text = json.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _links(rows: list[dict[str, Any]], head: dict[str, Any], report: dict[str, Any]) -> str | None:
    """What is wrong between the rows."""
    if not rows:
        return "a report without a row in the audit log"
    for before, after in pairwise(rows):
        first, second = before["row"]["seq"], after["row"]["seq"]
        if second <= first:
            return f"row {second} stands after row {first}"
        if second == first + 1 and after["row"]["previous"] != before["hash"]:
            return f"row {second} does not follow row {first}: one of them was put in another's place"
    last = rows[-1]
    if last["row"]["seq"] > head["seq"] or (
        last["row"]["seq"] == head["seq"] and last["hash"] != head["hash"]
    ):
        return "the last row does not fit the end of the log"
    if any(one["row"]["object"] != report["id"] for one in rows):
        return "a row is about another report"
    states = [one["row"]["after"] for one in rows if one["row"]["after"]]
    if not states or states[-1] != report["state"]:
        return f"the report is said to be {report['state']}, the log says otherwise"
    return None


SIGNED = "policy.signed_ai"
"""The reason that says so where a trusted signature made the verdict."""


def _detection(document: dict[str, Any]) -> Finding:
    """The numbers against each other, and against the calibration beside them."""
    body = document["detection"]
    probability, kinds = body["probability"], body["kind"]
    if abs(sum(kinds.values()) - 1) > _SUM or abs(1 - kinds["authentic"] - probability) > _SUM:
        return Finding("detection", "failed", "the probabilities do not add up")
    if body["verdict"] == "fake" and body["false_accusation_bound"] is None:
        return Finding("detection", "failed", "called fake without a false-accusation bound")
    facts = document["model"]["calibration"]
    if facts is None:
        return Finding(
            "detection", "ok", "the numbers agree with each other; no calibration is told beside them"
        )
    if any(reason["code"] == SIGNED for reason in body["reasons"]):
        detail = (
            "the verdict rests on the file's signed Content Credentials, not on the calibration's threshold"
        )
        return Finding("detection", "note", detail)
    threshold = facts["threshold"]
    if body["verdict"] == "fake" and (threshold is None or probability < threshold):
        return Finding("detection", "failed", "called fake below the calibration's own threshold")
    return Finding(
        "detection", "ok", "the numbers agree with each other and with the calibration's threshold"
    )


def content_of(text: object) -> bytes:
    try:
        return base64.b64decode(str(text), validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error
