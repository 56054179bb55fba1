"""Login by an OpenID Connect provider: authorization code with PKCE, state and nonce (OpenID Connect Core 1.0).

In: a browser that comes back from the provider. Out: the verified e-mail address, which is a login of ours or nobody's.
What must be known when it comes back lies sealed in a cookie of ten minutes; nothing is kept here.
"""

import asyncio
import json
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus

import httpx
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]
from cryptography.fernet import InvalidToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from refundlens.serving.kit.clock import Clock
from refundlens.serving.settings import Settings
from refundlens.serving.storage.secret import Secret

BACK = "/login/openid/back"
COOKIE = "refundlens_openid"
LIFE = 600
"""Seconds that somebody may take at the provider."""
TIMEOUT = 10.0
KNOWN_SECONDS = 600.0
"""That what the provider says of itself is believed: it changes with a migration of the provider, if ever."""
ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signatures by the provider's own key alone: none by a shared secret, and never none at all."""
LEEWAY = 60
"""Seconds that clocks may differ."""


class OpenIdError(Exception):
    """The login did not work; the message is for the log. code: which text the page says."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Begun:
    """url: where the browser goes. cookie: what it brings back."""

    url: str
    cookie: str


class Provider:
    """The provider of the settings, one a process. base: our own address, as browsers know it."""

    def __init__(self, settings: Settings, secret: Secret, clock: Clock) -> None:
        self._settings, self._secret, self._clock = settings, secret, clock
        self._known: dict[str, Any] = {}
        self._known_until = 0.0
        self._asking = asyncio.Lock()

    async def begin(self, base: str, way: str, draft: str = "") -> Begun:
        """Send a browser there. way: where it goes on afterwards; draft: token of what waits for its owner. Raises
        OpenIdError."""
        told = await self._told()
        kept = {name: secrets.token_urlsafe(32) for name in ("state", "nonce", "verifier")}
        asked = {
            "response_type": "code",
            "client_id": self._settings.oidc_client_id,
            "redirect_uri": f"{base}{BACK}",
            "scope": "openid email",
            "state": kept["state"],
            "nonce": kept["nonce"],
            "code_challenge": create_s256_code_challenge(kept["verifier"]),
            "code_challenge_method": "S256",
        }
        url = httpx.URL(told["authorization_endpoint"]).copy_merge_params(asked)
        until = self._clock().timestamp() + LIFE
        return Begun(
            str(url), self._secret.seal(json.dumps({**kept, "way": way, "draft": draft, "until": until}))
        )

    async def end(self, base: str, cookie: str, state: str, code: str) -> tuple[str, str]:
        """Address and way of who came back. Raises OpenIdError."""
        kept = self._kept(cookie, state)
        sent = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": f"{base}{BACK}",
            "code_verifier": kept["verifier"],
        }
        # RFC 6749, 2.3.1: both are form-encoded before they become a header
        secret = self._settings.oidc_client_secret.get_secret_value()
        by = (quote_plus(self._settings.oidc_client_id), quote_plus(secret))
        told = await self._told()
        async with httpx.AsyncClient(timeout=TIMEOUT) as client:
            try:
                token = (
                    (await client.post(told["token_endpoint"], data=sent, auth=by)).raise_for_status().json()
                )
                keys = (await client.get(told["jwks_uri"])).raise_for_status().json()
            except (httpx.HTTPError, ValueError) as error:
                raise OpenIdError("openid_failed", f"no token: {error}") from error
        return self._address(token, keys, kept["nonce"]), str(kept["way"])

    def wanted(self, cookie: str) -> tuple[str, str]:
        """Where a browser that comes back wanted to go, and the token of its draft, whatever becomes of it."""
        try:
            kept = self._opened(cookie)
        except OpenIdError:
            return "/", ""
        return str(kept["way"]), str(kept.get("draft", ""))

    def _opened(self, cookie: str) -> dict[str, Any]:
        try:
            kept: dict[str, Any] = json.loads(self._secret.unseal(cookie))
        except (InvalidToken, ValueError) as error:
            raise OpenIdError("openid_late", "there is no cookie of ours") from error
        return kept

    def _kept(self, cookie: str, state: str) -> dict[str, Any]:
        kept = self._opened(cookie)
        if kept["until"] < self._clock().timestamp():
            raise OpenIdError("openid_late", "it took too long")
        if not secrets.compare_digest(str(kept["state"]).encode(), state.encode()):
            raise OpenIdError("openid_late", "the state is another one")
        return kept

    def _address(self, token: dict[str, Any], keys: Any, nonce: str) -> str:
        """The verified address of an ID token that was signed by the provider for us, now, for this login."""
        rules = jwt.JWTClaimsRegistry(
            now=int(self._clock().timestamp()),
            leeway=LEEWAY,
            iss={"essential": True, "value": self._settings.oidc_issuer},
            aud={"essential": True, "value": self._settings.oidc_client_id},
            nonce={"essential": True, "value": nonce},
            exp={"essential": True},
            sub={"essential": True},
        )
        try:
            read = jwt.decode(str(token["id_token"]), KeySet.import_key_set(keys), algorithms=ALGORITHMS)
            rules.validate(read.claims)
        except (JoseError, KeyError, ValueError, TypeError) as error:
            raise OpenIdError("openid_failed", f"the ID token does not hold: {error!r}") from error
        address = read.claims.get("email")
        if not isinstance(address, str) or read.claims.get("email_verified") is not True:
            raise OpenIdError("openid_unverified", "the provider vouches for no address")
        return address

    async def _told(self) -> dict[str, Any]:
        """What the provider says of itself (OpenID Connect Discovery 1.0), asked once in a while and by one at a time:
        strangers may begin logins as often as they like."""
        async with self._asking:
            if self._clock().timestamp() >= self._known_until:
                self._known = await self._ask()
                self._known_until = self._clock().timestamp() + KNOWN_SECONDS
        return self._known

    async def _ask(self) -> dict[str, Any]:
        issuer = self._settings.oidc_issuer
        try:
            url = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
            async with httpx.AsyncClient(timeout=TIMEOUT) as client:
                told: dict[str, Any] = (await client.get(url)).raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise OpenIdError("openid_away", f"the provider cannot be reached: {error!r}") from error
        if told.get("issuer") != issuer:
            raise OpenIdError("openid_away", f"REFUNDLENS_OIDC_ISSUER must be {told.get('issuer')!r}")
        return told
