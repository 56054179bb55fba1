"""Photos that a merchant passes on and the platform vouches for: its key signs the photo's hash.

In: a tenant's settings, with an Ed25519 public key (RFC 8032) for each platform; a photo's signature. Out: whether the
platform vouches. What is signed names refund, shop and buyer, too, so that no photo can be moved to another claim:

>>> statement("taobao", "shop-42", "20261122000123", "open_uid_8f3a", "9f86").decode()
'{"account":"shop-42","buyer":"open_uid_8f3a","platform":"taobao","refund_id":"20261122000123","sha256":"9f86"}'
"""

import base64
import json
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from refundlens.serving.kit.errors import Invalid

SETTING = "platform_keys"
"""In a tenant's settings: platform to the base64 of its key's 32 bytes."""
Signature = bytes
"""64 of them (RFC 8032)."""


def statement(platform: str, account: str, refund_id: str, buyer: str, sha256: str) -> bytes:
    """What the platform signs: JSON with sorted keys, no spaces, UTF-8. buyer: the platform's own reference."""
    said = {
        "account": account,
        "buyer": buyer,
        "platform": platform,
        "refund_id": refund_id,
        "sha256": sha256,
    }
    return json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def check_platform_signature(settings: dict[str, Any], platform: str, signature: bytes, said: bytes) -> None:
    """settings: the tenant's. Raises Invalid."""
    known = settings.get(SETTING, {}).get(platform)
    if known is None:
        detail = (
            f"No key of {platform or 'this platform'} is known; `refundlens tenants platform-key` adds one."
        )
        raise Invalid("platform_key_missing", detail)
    try:
        Ed25519PublicKey.from_public_bytes(base64.b64decode(known)).verify(signature, said)
    except (InvalidSignature, ValueError) as error:
        detail = (
            "This signature is not the platform's over this photo, refund, shop and buyer; send the photo without it, "
            "or have the platform sign it again."
        )
        raise Invalid("wrong_signature", detail) from error


def key_of_pem(pem: bytes) -> str:
    """What `SETTING` keeps of a public key. Raises ValueError for what is no Ed25519 key in PEM."""
    key = load_pem_public_key(pem)
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("the key is no Ed25519 key; make one with `openssl genpkey -algorithm ed25519`")
    return base64.b64encode(key.public_bytes_raw()).decode()
