"""Signed bundles: whoever can write to the database or the disk still cannot choose what judges.

In: a bundle's SHA-256, its signature, and the public keys of those who may sign. Out: nothing, or BundleError. The
signature is Ed25519 (RFC 8032) over a line that names the hash; it lies beside the bundle as `<bundle>.sig`, in base64,
and with the registry's facts. `refundlens models sign` makes it; the private key stays with whoever releases models.
"""

import base64
import binascii
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from refundlens.model.bundle import BundleError
from refundlens.serving.settings import Settings, SettingsError

_END = "-----END PUBLIC KEY-----"


def make_signature(sha256: str, key: bytes) -> str:
    """key: a private Ed25519 key in PEM, as `openssl genpkey -algorithm ed25519` writes it. Raises BundleError."""
    try:
        private = load_pem_private_key(key, None)
    except (TypeError, ValueError) as error:
        raise BundleError(f"this is no private key in PEM without a password ({error})") from error
    if not isinstance(private, Ed25519PrivateKey):
        raise BundleError("bundles are signed with Ed25519; make a key: openssl genpkey -algorithm ed25519")
    return base64.b64encode(private.sign(_line(sha256))).decode("ascii")


def signature_file(bundle: Path) -> Path:
    """Where a bundle's signature lies."""
    return bundle.with_name(f"{bundle.name}.sig")


def read_signature(bundle: Path) -> str | None:
    """What lies beside it; none where nothing does. Raises OSError."""
    beside = signature_file(bundle)
    return beside.read_text(encoding="ascii", errors="replace").strip() if beside.is_file() else None


def check_signature(settings: Settings, sha256: str, signature: str | None) -> None:
    """Raises BundleError where the settings name signers and none of them signed this; SettingsError where those cannot
    be read."""
    if settings.bundle_signers is None:
        return
    if signature is None:
        raise BundleError(
            f"the bundle {sha256[:12]} is not signed, and REFUNDLENS_BUNDLE_SIGNERS wants it to be; whoever may: "
            "refundlens models sign BUNDLE --key KEY"
        )
    try:
        given = base64.b64decode(signature, validate=True)
    except binascii.Error:
        given = b""
    for key in _signers(settings.bundle_signers):
        try:
            key.verify(given, _line(sha256))
            return
        except InvalidSignature:
            continue
    raise BundleError(
        f"the signature of the bundle {sha256[:12]} is of nobody whom REFUNDLENS_BUNDLE_SIGNERS names; use the bundle "
        "that was released, with its .sig"
    )


def _signers(path: Path) -> list[Ed25519PublicKey]:
    try:
        text = path.read_text(encoding="ascii")
        parts = [f"{part}{_END}\n" for part in text.split(_END) if "BEGIN PUBLIC KEY" in part]
        keys = [load_pem_public_key(part.encode()) for part in parts]
    except (OSError, ValueError) as error:
        raise SettingsError(f"REFUNDLENS_BUNDLE_SIGNERS: {error}") from error
    found = [key for key in keys if isinstance(key, Ed25519PublicKey)]
    if not found or len(found) < len(keys):
        raise SettingsError(
            f"REFUNDLENS_BUNDLE_SIGNERS: {path} must hold public Ed25519 keys in PEM, nothing else"
        )
    return found


def _line(sha256: str) -> bytes:
    """What is signed: nothing else that anybody signs looks like it."""
    return f"refundlens bundle 1 {sha256}\n".encode()
