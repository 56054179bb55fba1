"""The service's one secret, and everything derived from it by name (HKDF's idea, RFC 5869: HMAC with a label).

In: REFUNDLENS_SECRET, or a file in the data folder made at first start. Out: buyers' keyed hashes, webhook secrets,
signatures of status links. Whoever has the database alone can neither name a buyer nor sign anything.
"""

import hmac
import secrets
from pathlib import Path

from serving.settings import Settings

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

    def buyer(self, tenant: str, reference: str) -> str:
        """A buyer's name in our records: differs from tenant to tenant, tells nothing of the platform's reference."""
        return self.derive("buyer", tenant, reference).hex()


def read_secret(settings: Settings) -> Secret:
    """The settings' secret, else that of the data folder, made now if there is none. Raises OSError."""
    given = settings.secret.get_secret_value() if settings.secret else ""
    if given:
        return Secret(given.encode())
    path = settings.data_dir / _FILE
    for _ in range(2):
        try:
            value = path.read_text(encoding="ascii").strip()
            if value:
                return Secret(bytes.fromhex(value))
        except FileNotFoundError:
            pass
        _make(path)
    raise OSError(f"{path}: no secret can be kept there")


def _make(path: Path) -> None:
    """Write a new secret, whole or not at all, and never over another process's."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    partial.touch(mode=0o600)
    partial.write_text(f"{secrets.token_hex(_BYTES)}\n", encoding="ascii")
    try:
        path.hardlink_to(partial)
    except FileExistsError:
        pass  # another process was first
    finally:
        partial.unlink()
