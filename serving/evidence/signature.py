"""Ed25519 signatures (RFC 8032), and the key by which they are checked, as a JSON Web Key (RFC 8037).

In: the service's secret. Out: a signer; and for those who check, a public key from a PEM file, a JSON Web Key or a set
of them. A key's id is its thumbprint (RFC 7638), so that it cannot be given to another key.

The last line of a pack's PDF: `%refundlens-evidence-pdf 1 <key id> <signature>`, over every byte before it.

In: a PDF. Out: the same with that line, and back. A comment after the end is allowed in PDF; readers pass it over.
"""

import base64
import binascii
import hashlib
import json
import re
from dataclasses import dataclass
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from refundlens.serving.storage.secret import Secret

ALGORITHM = "Ed25519"
_LABEL = "evidence signing"
_KEY_BYTES = 32


class WrongKey(ValueError):
    """What was given is no public key of ours; the message says what would be."""


@dataclass(frozen=True)
class PublicKey:
    """raw: 32 bytes."""

    raw: bytes

    @property
    def id(self) -> str:
        """Its thumbprint."""
        said = json.dumps(self._members(), sort_keys=True, separators=(",", ":"))
        return text64(hashlib.sha256(said.encode()).digest())

    @property
    def jwk(self) -> dict[str, str]:
        return {**self._members(), "kid": self.id, "use": "sig", "alg": "EdDSA"}

    @property
    def pem(self) -> str:
        """As openssl reads it."""
        key = Ed25519PublicKey.from_public_bytes(self.raw)
        return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode("ascii")

    def fits(self, signature: bytes, content: bytes) -> bool:
        """Whether the holder of this key signed these bytes."""
        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, content)
        except InvalidSignature:
            return False
        return True

    def _members(self) -> dict[str, str]:
        return {"crv": ALGORITHM, "kty": "OKP", "x": text64(self.raw)}


class Signer:
    """The service's key; the same as long as its secret is."""

    def __init__(self, secret: Secret) -> None:
        self._key = Ed25519PrivateKey.from_private_bytes(secret.derive(_LABEL))
        self.public = PublicKey(self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))

    def sign(self, content: bytes) -> bytes:
        """64 bytes; the same content, the same signature."""
        return self._key.sign(content)

    def seal(self, content: bytes) -> dict[str, str]:
        """The `signature` of a pack."""
        return {
            "algorithm": ALGORITHM,
            "key_id": self.public.id,
            "public_key": text64(self.public.raw),
            "value": text64(self.sign(content)),
        }


def read_keys(text: str) -> dict[str, PublicKey]:
    """Public keys by id, from PEM, a JSON Web Key, or a set of them. Raises WrongKey where there is none."""
    if text.lstrip().startswith("-----BEGIN"):
        found = [_from_pem(text)]
    else:
        try:
            said: Any = json.loads(text)
        except ValueError as error:
            raise WrongKey("this is no public key: give PEM, a JSON Web Key or a set of them") from error
        listed = said.get("keys", [said]) if isinstance(said, dict) else []
        found = [_from_jwk(one) for one in listed if isinstance(one, dict) and one.get("crv") == ALGORITHM]
    if not found:
        raise WrongKey("there is no Ed25519 key in it")
    return {key.id: key for key in found}


def text64(content: bytes) -> str:
    """base64url without padding, as JSON Web Keys have it."""
    return base64.urlsafe_b64encode(content).decode("ascii").rstrip("=")


def bytes64(text: object) -> bytes:
    """The other way. Raises WrongKey for what `text64` did not write."""
    try:
        content = base64.b64decode(str(text) + "=" * (-len(str(text)) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise WrongKey("this is not base64url") from error
    if text64(content) != text:  # bits that mean nothing must not be changed unseen
        raise WrongKey("this is not base64url")
    return content


def public_key(raw: bytes) -> PublicKey:
    """Raises WrongKey."""
    if len(raw) != _KEY_BYTES:
        raise WrongKey(f"an Ed25519 key has {_KEY_BYTES} bytes, this has {len(raw)}")
    return PublicKey(raw)


def _from_jwk(said: dict[str, Any]) -> PublicKey:
    return public_key(bytes64(said.get("x")))


def _from_pem(text: str) -> PublicKey:
    try:
        key = load_pem_public_key(text.encode())
    except ValueError as error:
        raise WrongKey(f"this PEM holds no public key: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise WrongKey("this PEM holds another kind of key; ours are Ed25519")
    return PublicKey(key.public_bytes(Encoding.Raw, PublicFormat.Raw))


_LINE = re.compile(rb"%refundlens-evidence-pdf 1 ([A-Za-z0-9_-]{43}) ([A-Za-z0-9_-]{86})\n\Z")


@dataclass(frozen=True)
class Sealed:
    """content: all before the line. key_id: of the key it names. signature: 64 bytes."""

    content: bytes
    key_id: str
    signature: bytes


def sign(pdf: bytes, signer: Signer) -> bytes:
    """The PDF with its line."""
    content = pdf if pdf.endswith(b"\n") else pdf + b"\n"
    line = f"%refundlens-evidence-pdf 1 {signer.public.id} {text64(signer.sign(content))}\n"
    return content + line.encode("ascii")


def read(pdf: bytes) -> Sealed | None:
    """None where a PDF does not end with such a line, or the line was changed."""
    found = _LINE.search(pdf)
    if found is None:
        return None
    try:
        signature = bytes64(found[2].decode("ascii"))
    except WrongKey:
        return None
    return Sealed(pdf[: found.start()], found[1].decode("ascii"), signature)
