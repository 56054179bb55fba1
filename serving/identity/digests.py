"""How keys and session cookies are kept: as their SHA-256. They are random and long, so no salt and no slow hash."""

import hashlib


def digest(text: str) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()
