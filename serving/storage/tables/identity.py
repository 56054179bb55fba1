"""Who calls: tenants, their API keys, console sessions, and the answers their repeated requests get."""

from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from refundlens.serving.storage.base import DIGEST, ID, Base


class Tenant(Base):
    """A marketplace with its merchants, adjudicators and buyers. Nothing of one tenant is seen by another.

    settings: what it chose for itself, such as `hide_opinion`; absent means the service's default.
    """

    __tablename__ = "tenant"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)
    created_at: Mapped[datetime]


class ApiKey(Base):
    """A key, of which only the hash is kept. subject: the person or system that holds it, the same after rotation; a
    judge is known by it. account: the shop that a merchant's key acts for, none for other roles. login: an address its
    holder may log in with, by OpenID or by a password, kept as its hash."""

    __tablename__ = "api_key"
    __table_args__ = (
        Index("ix_api_key_tenant", "tenant_id", "id"),
        Index("ix_api_key_login", "login", unique=True),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    tenant_id: Mapped[str] = mapped_column(ID, ForeignKey("tenant.id"))
    name: Mapped[str] = mapped_column(String(200))
    role: Mapped[str] = mapped_column(String(20))
    scopes: Mapped[list[str]] = mapped_column(default=list)
    subject: Mapped[str] = mapped_column(String(120))
    account: Mapped[str | None] = mapped_column(String(120))
    digest: Mapped[str] = mapped_column(DIGEST, unique=True)
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    rotated_to: Mapped[str | None] = mapped_column(ID)
    login: Mapped[str | None] = mapped_column(String(254))
    password: Mapped[str | None] = mapped_column(String(200))


class ConsoleSession(Base):
    """A login of the console. digest: of the cookie's value; csrf: what its forms must bring back."""

    __tablename__ = "console_session"

    digest: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    key_id: Mapped[str] = mapped_column(ID, ForeignKey("api_key.id"), index=True)
    csrf: Mapped[str] = mapped_column(String(64))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime] = mapped_column(index=True)


class LoginDraft(Base):
    """What was typed into a form when its login had ended, while its owner is at the OpenID provider. digest: of the
    token in the browser's cookie; sealed: by the service's secret."""

    __tablename__ = "login_draft"

    digest: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    sealed: Mapped[str] = mapped_column(Text)
    expires_at: Mapped[datetime] = mapped_column(index=True)


class StoredAnswer(Base):
    """What a request with an Idempotency-Key was answered, written with what it did: both are there or neither."""

    __tablename__ = "stored_answer"

    tenant_id: Mapped[str] = mapped_column(ID, primary_key=True)
    owner: Mapped[str] = mapped_column(String(280), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(DIGEST)
    status: Mapped[int]
    headers: Mapped[dict[str, Any]] = mapped_column(default=dict)
    body: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime] = mapped_column(index=True)
