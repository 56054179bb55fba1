"""What `refundlens serve` holds to where others can reach it: no demo, no short keys, and files for their owner alone.

In: the settings and the address to listen on. Out: settings fit for it, and sentences about what was changed; or
SettingsError.
"""

import os
from contextlib import suppress
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from refundlens.serving.settings import Settings, SettingsError

LEAST_KEY = 16
"""Characters of a key from the environment: 96 bits where it is random, more than anybody can try."""
OWNER_ONLY = 0o077
"""Mask of what is made: files 0600, folders 0700."""


def is_loopback(host: str) -> bool:
    """Whether nobody but this machine is meant."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return False


def fit_for(settings: Settings, host: str) -> tuple[Settings, list[str]]:
    """Settings with the demo switched off where others can come, and what is to be told. Raises SettingsError."""
    _check_keys(settings)
    public = urlsplit(settings.public_url).hostname
    others = not is_loopback(host) or (public is not None and not is_loopback(public))
    if not (settings.demo and others):
        return settings, []
    where = host if not is_loopback(host) else settings.public_url
    told = (
        f"The demo (its key, and visitors without one) is off: others can reach {where}, and it is for this machine "
        "alone. REFUNDLENS_DEMO=false says so from the start; `refundlens keys create` makes keys."
    )
    return settings.model_copy(update={"demo": False}), [told]


def keep_for_owner(folder: Path) -> None:
    """Have everything that this process makes readable for its owner alone, and the data folder at once; what lies in
    it is reached through it only. Raises OSError."""
    os.umask(OWNER_ONLY)
    folder.mkdir(parents=True, exist_ok=True)
    with suppress(PermissionError):  # somebody else's, who has given it to us as it is
        folder.chmod(0o700)


def _check_keys(settings: Settings) -> None:
    for entry in settings.api_keys:
        key = entry.get_secret_value().rpartition(":")[2]
        if len(key) < LEAST_KEY:
            raise SettingsError(
                f"REFUNDLENS_API_KEYS: the key that begins with {key[:2]}… has {len(key)} characters; {LEAST_KEY} are "
                "the least. `refundlens keys create` makes good ones"
            )
