"""Who is calling: a bearer key, or the page's own session.

In: a request. Out: the caller's id (never the key itself), or Problem 401. The demo key is made at first start, kept in
the data folder for its owner only, and printed by `serve`. The page gives its visitors a cookie made from it, so that
the page works without typing a key and the key never reaches the browser; the cookie counts only on requests from the
page itself.
"""

import hashlib
import hmac
import secrets
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends, Request, Response
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from serving.problems import Problem
from serving.settings import Settings

COOKIE = "refundlens_session"
_KEY_FILE = "demo.key"
_bearer = HTTPBearer(auto_error=False, description="An API key: the demo key that `refundlens serve` prints.")


def demo_key(settings: Settings) -> str | None:
    """The demo key, made now if there is none yet; None where the demo is switched off."""
    if not settings.demo:
        return None
    path = settings.data_dir / _KEY_FILE
    key = path.read_text(encoding="ascii").strip() if path.exists() else ""
    if not key:  # an empty file: the first start was cut off
        key = f"rl_demo_{secrets.token_urlsafe(24)}"
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(f"{key}\n", encoding="ascii")
    return key


class Keys:
    """The keys this service accepts, as hashes."""

    def __init__(self, settings: Settings) -> None:
        demo = demo_key(settings)
        keys = [key.get_secret_value() for key in settings.api_keys] + ([demo] if demo else [])
        self._owners = {_digest(key): f"key_{_digest(key)[:16]}" for key in keys}
        self._demo_owner = self._owners[_digest(demo)] if demo else None
        self._session = hmac.new(demo.encode(), b"page session", "sha256").hexdigest() if demo else None

    def owner(self, key: str) -> str | None:
        """The id behind a key, None for one we do not know."""
        return self._owners.get(_digest(key))

    def start_session(self, response: Response) -> None:
        """Let the visitor of the page use the demo key from the page."""
        if self._session:
            response.set_cookie(COOKIE, self._session, httponly=True, samesite="strict")

    def session_owner(self, request: Request) -> str | None:
        """The demo's id for a request from our own page. Raises Problem 403 for one from another site."""
        value = request.cookies.get(COOKIE)
        if not (value and self._session and hmac.compare_digest(value.encode(), self._session.encode())):
            return None
        if _from_elsewhere(request):
            raise Problem(403, "cross_site", "This session belongs to the page; other sites need an API key.")
        return self._demo_owner


def caller(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> str:
    """FastAPI dependency: the caller's id. Raises Problem 401."""
    keys: Keys = request.app.state.keys
    owner = keys.owner(credentials.credentials) if credentials else keys.session_owner(request)
    if owner is None:
        detail = "Send an API key as `Authorization: Bearer <key>`; `refundlens serve` prints a demo key."
        raise Problem(401, "unauthorized", detail, {"WWW-Authenticate": "Bearer"})
    return owner


Caller = Annotated[str, Depends(caller)]


def _from_elsewhere(request: Request) -> bool:
    """Whether another site's page sent this. Browsers leave Sec-Fetch-Site out on plain http beyond this machine;
    there the Origin, which every POST carries, must be the host that was asked."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site not in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host")


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()
