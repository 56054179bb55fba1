"""The service's one secret, and everything derived from it by name (HKDF's idea, RFC 5869: HMAC with a label).

In: REFUNDLENS_SECRET, or a file in the data folder made at first start. Out: buyers' keyed hashes, webhook secrets,
signatures of status links, and seals around what must be read again, such as others' tokens. Whoever has the database
alone can neither name a buyer nor sign or open anything.
"""

import base64
import errno
import hmac
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet

from refundlens.serving.settings import Settings

_FILE = "secret.key"
_BYTES = 32


class Secret:
    """value: at least 32 bytes. All processes on one database must have the same."""

    def __init__(self, value: bytes) -> None:
        self._value = value

    def derive(self, label: str, *parts: str) -> bytes:
        """32 bytes that nobody can guess, always the same for the same label and parts."""
        message = "\x1f".join([label, *(f"{len(part)}:{part}" for part in parts)])
        return hmac.digest(self._value, message.encode(), "sha256")

    def seal(self, text: str) -> str:
        """The text, for the database: encrypted and signed (Fernet)."""
        return self._fernet().encrypt(text.encode()).decode()

    def unseal(self, sealed: str) -> str:
        """Raises `cryptography.fernet.InvalidToken` for what was sealed with another secret."""
        return self._fernet().decrypt(sealed.encode()).decode()

    def _fernet(self) -> Fernet:
        return Fernet(base64.urlsafe_b64encode(self.derive("seal")))

    def buyer(self, tenant: str, reference: str) -> str:
        """A buyer's name in our records: differs from tenant to tenant, tells nothing of the platform's reference."""
        return self.derive("buyer", tenant, reference).hex()


def read_secret(settings: Settings) -> Secret:
    """The settings' secret, else that of the data folder, made now if there is none. Raises OSError."""
    given = settings.secret.get_secret_value() if settings.secret else ""
    if given:
        return Secret(given.encode())
    path = settings.data_dir / _FILE
    return Secret(bytes.fromhex(kept(path, lambda: secrets.token_hex(_BYTES))))


def kept(path: Path, make: Callable[[], str]) -> str:
    """The line that a file holds; made at first, once, however many processes start together. Raises OSError."""
    for _ in range(2):
        with suppress(FileNotFoundError):
            value = path.read_text(encoding="ascii").strip()
            if value:
                return value
            path.unlink()  # a start that was cut off left it empty
        _make(path, make())
    raise OSError(errno.EIO, "no secret can be kept there", str(path))


def _make(path: Path, value: str) -> None:
    """Write it, whole or not at all, for its owner only, on disk before anybody uses it, and never over another's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    partial.touch(mode=0o600)
    try:
        with partial.open("w", encoding="ascii") as file:
            file.write(f"{value}\n")
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(partial)
    except FileExistsError:
        pass  # another process was first
    finally:
        partial.unlink()
