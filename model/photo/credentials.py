"""Content Credentials (C2PA): who signed what about a picture, and whether the signature fits the file.

In: the file's bytes, its format, its JUMBF store and XMP. Out: `Credentials` or None. Never raises, and never fetches
anything: a manifest that lies elsewhere is named and left there. `c2pa-python` verifies; where it refuses a store, what
the store says is still read, and `state` says that nothing was proved.
Source: C2PA 2.2, 15 (validation), 18.15 (actions), 18.16 (ingredients).
"""

import io
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Literal

from refundlens.model.photo.cbor import cbor_texts
from refundlens.model.photo.jumbf import content_boxes, is_credentials, mentions_credentials
from refundlens.model.photo.xmp import Xmp

State = Literal["trusted", "valid", "invalid", "unreadable", "unchecked", "remote", "missing"]
"""trusted: the signature fits the file and the signer is on the trust list. valid: it fits, the signer is unknown.
invalid: it does not fit. unreadable: the store is damaged or incomplete. unchecked: no verifier is installed. remote:
the file only says where its credentials lie. missing: it says that they lie inside it, and they do not."""

MAX_MANIFESTS = 100
"""Manifests whose source types are read: a picture edited daily for a month has some 30."""
_MIME = {
    "jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp", "gif": "image/gif", "tiff": "image/tiff",
    "heic": "image/heic", "avif": "image/avif",
}  # fmt: skip
_OFFLINE = {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": True}
_SOFT_BINDING = "c2pa.soft-binding"
_NOT_A_FAULT = ("untrusted", "signingCredential.ocsp", "timeStamp.")
"""Parts of failure codes that speak of trust or time, not of the file."""


@dataclass(frozen=True)
class Credentials:
    """generator: the program that made the claim. signers: the certificate's organisation and name. actions: of the
    last manifest, in order. source_types: values that the last manifest declares; ingredient_types: those of the
    manifests before it. agents: programs that the actions name. ingredients: titles of what the picture was made from.
    marks: algorithms of the marks and fingerprints that bind the pixels to the credentials.
    faults: codes of what does not fit (`invalid`). remote: where the credentials lie."""

    state: State
    generator: str = ""
    signers: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    source_types: tuple[str, ...] = ()
    ingredient_types: tuple[str, ...] = ()
    agents: tuple[str, ...] = ()
    ingredients: tuple[str, ...] = ()
    marks: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    remote: str = ""


@dataclass
class _Said:
    generator: str = ""
    actions: list[str] = field(default_factory=list)
    source_types: list[str] = field(default_factory=list)
    agents: list[str] = field(default_factory=list)
    marks: list[str] = field(default_factory=list)


def read_credentials(
    data: bytes, fmt: str, store: bytes, xmp: Xmp, trust_list: str = ""
) -> Credentials | None:
    """The file's Content Credentials, None where it has none.

    trust_list: PEM certificates of the authorities whose signers this installation trusts; a signer's own is not looked
    at by the verifier.
    """
    places = xmp.values("provenance")
    remote = next((value for value in places if value.lower().startswith(("http://", "https://"))), "")
    if not is_credentials(store):
        if mentions_credentials(store):
            return _unverified(store, "unreadable")
        if any(value.startswith("self#jumbf") for value in places):
            return Credentials("missing")
        return Credentials("remote", remote=remote) if remote else None
    verifier = _verifier(trust_list, os.getpid())
    if verifier is None:
        return _unverified(store, "unchecked")
    library, context = verifier
    try:
        with library.Reader(_MIME[fmt], io.BytesIO(data), context=context) as reader:
            report, verdict = json.loads(reader.json()), reader.get_validation_state()
        return _verified(report, verdict)
    except Exception:
        # The library reports damage as C2paError; malformed reports of hostile stores surface as KeyError and its kin.
        return _unverified(store, "unreadable")


def can_verify() -> bool:
    """Whether the verifier is installed; without it credentials are named and not checked."""
    return _verifier("", os.getpid()) is not None


@cache
def _verifier(trust_list: str, process: int) -> tuple[Any, Any] | None:
    """The library and its settings; `process`, because its handles do not outlive a fork."""
    try:
        import c2pa
    except (ImportError, OSError):  # no wheel for this platform, or its library does not load
        return None
    settings: dict[str, Any] = {"verify": _OFFLINE}
    if trust_list:
        settings["trust"] = {"trust_anchors": trust_list}
    return c2pa, c2pa.Context(c2pa.Settings.from_dict(settings))


def _verified(report: dict[str, Any], verdict: str) -> Credentials:
    manifests: dict[str, dict[str, Any]] = report["manifests"]
    active = manifests[report["active_manifest"]]
    said = _said(active)
    others = [other for other in list(manifests.values())[:MAX_MANIFESTS] if other is not active]
    earlier = [value for other in others for value in _said(other).source_types]
    signature = active.get("signature_info") or {}
    names = dict.fromkeys(str(signature.get(key) or "") for key in ("issuer", "common_name"))
    faults = [
        str(status.get("code"))
        for status in report.get("validation_status") or []
        if not any(word in str(status.get("code")) for word in _NOT_A_FAULT)
    ]
    state: State = {"Trusted": "trusted", "Valid": "valid"}.get(verdict, "invalid")  # type: ignore[assignment]
    return Credentials(
        state=state,
        generator=said.generator,
        signers=tuple(name for name in names if name),
        actions=tuple(said.actions),
        source_types=tuple(dict.fromkeys(said.source_types)),
        ingredient_types=tuple(value for value in dict.fromkeys(earlier) if value not in said.source_types),
        agents=tuple(dict.fromkeys(said.agents)),
        ingredients=tuple(str(item.get("title") or "?") for item in active.get("ingredients") or []),
        marks=tuple(dict.fromkeys(said.marks)),
        faults=tuple(dict.fromkeys(faults)),
    )


def _said(manifest: dict[str, Any]) -> _Said:
    infos = manifest.get("claim_generator_info") or [{}]
    said = _Said(str(infos[0].get("name") or manifest.get("claim_generator") or ""))
    for assertion in manifest.get("assertions") or []:
        if str(assertion.get("label", "")).startswith("c2pa.actions"):
            for action in (assertion.get("data") or {}).get("actions") or []:
                said.actions.append(str(action.get("action", "")))
                agent = action.get("softwareAgent")
                said.agents.append(str(agent.get("name", "") if isinstance(agent, dict) else agent or ""))
        elif str(assertion.get("label", "")).startswith(_SOFT_BINDING):
            said.marks += _values(assertion.get("data"), "alg")
        said.source_types += _values(assertion.get("data"), "digitalSourceType")
    said.agents = [agent for agent in said.agents if agent]
    return said


def _is_called(name: str, key: str) -> bool:
    """Whether a name in JSON or CBOR is this key, with a namespace's prefix or without, in any case."""
    return name.rpartition(":")[2].lower() == key.lower()


def _values(value: Any, key: str) -> Iterator[str]:
    """Texts under a key, anywhere in JSON."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if _is_called(name, key) and isinstance(inner, str):
                yield inner.strip()
            else:
                yield from _values(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _values(inner, key)


def _unverified(store: bytes, state: State) -> Credentials:
    """What a store says, nothing of it proved."""
    said, claims = _Said(), []
    for label, kind, content in content_boxes(store):
        pairs = [*cbor_texts(content)] if kind == b"cbor" else [*_json_texts(kind, content)]
        for key, text in pairs:
            if _is_called(key, "digitalSourceType"):
                said.source_types.append(text.strip())
            elif key == "action":
                said.actions.append(text)
            elif key == "softwareAgent":
                said.agents.append(text)
            elif label.startswith(_SOFT_BINDING) and key == "alg":
                said.marks.append(text)
            elif label.startswith("c2pa.claim") and key in ("claim_generator", "name"):
                claims.append((key == "name", text))
    return Credentials(
        state=state,
        generator=max(claims, default=(False, ""))[1],
        actions=tuple(said.actions),
        source_types=tuple(dict.fromkeys(reversed(said.source_types))),
        agents=tuple(dict.fromkeys(said.agents)),
        marks=tuple(dict.fromkeys(said.marks)),
    )


def _json_texts(kind: bytes, content: bytes) -> Iterator[tuple[str, str]]:
    if kind == b"json":
        try:
            value = json.loads(content)
        except (ValueError, RecursionError):
            return
        for key in ("digitalSourceType", "action", "softwareAgent"):
            yield from ((key, text) for text in _values(value, key))
