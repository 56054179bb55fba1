"""What was typed into a form when its login had ended, kept while its owner is at the OpenID provider.

In: a draft and the secret. Out: a token for the owner's cookie; the draft, sealed, until it is asked for with the token
or its time is over. Browsers whose scripts run keep their drafts themselves.
"""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.orm import Session

from refundlens.serving.identity.keys import digest
from refundlens.serving.storage.secret import Secret
from refundlens.serving.storage.tables import LoginDraft


def keep_draft(session: Session, secret: Secret, text: str, now: datetime, life: timedelta) -> str:
    """The token of a draft that is kept for so long. Those whose time is over go."""
    session.execute(delete(LoginDraft).where(LoginDraft.expires_at <= now))
    token = secrets.token_urlsafe(32)
    session.add(LoginDraft(digest=digest(token), sealed=secret.seal(text), expires_at=now + life))
    return token


def find_draft(session: Session, secret: Secret, token: str, now: datetime) -> str | None:
    """The draft of a token, none where its time is over."""
    row = session.get(LoginDraft, digest(token))
    return None if row is None or row.expires_at <= now else secret.unseal(row.sealed)


def forget_draft(session: Session, token: str) -> None:
    session.execute(delete(LoginDraft).where(LoginDraft.digest == digest(token)))
