"""Keys: made, shown once, over in time, taken back, replaced; every one of it in the audit chain."""

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from refundlens.serving.events.verify import verify
from refundlens.serving.identity import keys
from refundlens.serving.identity.keys import Authentication, NewKey
from refundlens.serving.identity.scopes import IdentityError
from refundlens.serving.kit.roles import SYSTEM, Role
from refundlens.serving.storage.database import Database
from refundlens.serving.storage.tables import AuditEvent

Make = Callable[..., NewKey]


@pytest.fixture
def opens(with_default: Database, moving_clock: Any) -> Callable[[NewKey], Authentication | None]:
    def ask(key: NewKey) -> Authentication | None:
        with with_default.reading() as session:
            return keys.authenticate_key(session, key.text, moving_clock())

    return ask


def _actions(database: Database) -> list[tuple[str, str]]:
    with database.reading() as session:
        assert verify(session, "tnt_one").broken is None
        rows = session.execute(select(AuditEvent).where(AuditEvent.tenant_id == "tnt_one")).scalars()
        return [(row.action, row.object_id) for row in rows]


def test_a_key_is_shown_once_and_only_its_hash_is_kept(
    make_key: Make, with_default: Database, tmp_path: Path
) -> None:
    made = make_key()
    assert re.fullmatch(r"rl_[0-9A-Z]{8}_[A-Za-z0-9_-]{43}", made.text)
    assert made.text.split("_")[1] == made.row.id[-8:], "a key found somewhere can be told from the list"
    secret = made.text.split("_", 2)[2].encode()
    with_default.close()
    files = [path.read_bytes() for path in tmp_path.glob("refundlens.db*")]
    assert files and not any(secret in content for content in files)
    assert any(made.row.digest.encode() in content for content in files)


def test_a_key_opens_as_what_it_was_made(
    make_key: Make, opens: Callable[[NewKey], Authentication | None]
) -> None:
    found = opens(make_key(Role.MERCHANT, subject="till 3", account="shop", scopes=["reports:read"]))
    assert found is not None
    who = found.principal
    assert (who.tenant, who.role, who.subject, who.account) == ("tnt_one", Role.MERCHANT, "till 3", "shop")
    assert who.scopes == {"reports:read"}
    judge = opens(make_key(name="alice"))
    assert judge and (judge.principal.subject, judge.principal.account) == ("alice", None)
    shop = opens(make_key(Role.MERCHANT, name="one-man shop"))
    assert shop and shop.principal.account == "one-man shop"
    assert make_key().text != make_key().text


@pytest.mark.parametrize(
    "wish",
    [
        {"role": Role.ADJUDICATOR, "account": "shop"},
        {"role": Role.SYSTEM},
        {"role": Role.BUYER},
        {"role": Role.ADMIN, "scopes": ["everything"]},
        {"role": Role.ADMIN, "scopes": ["reports:delete"]},
    ],
)
def test_what_makes_no_sense_is_refused(make_key: Make, with_default: Database, wish: dict[str, Any]) -> None:
    with pytest.raises(IdentityError):
        make_key(**wish)
    assert _actions(with_default) == [], "nothing was done"


def test_a_key_ends_in_time_and_not_before(
    make_key: Make, opens: Callable[[NewKey], Authentication | None], moving_clock: Any
) -> None:
    made = make_key(expires_at=moving_clock() + timedelta(days=1))
    moving_clock.forward(hours=23, minutes=59)
    assert opens(made)
    moving_clock.forward(minutes=1)
    assert opens(made) is None
    with pytest.raises(IdentityError, match="over at once"):
        make_key(expires_at=moving_clock())


def test_a_revoked_key_stays_revoked(
    make_key: Make,
    opens: Callable[[NewKey], Authentication | None],
    with_default: Database,
    moving_clock: Any,
) -> None:
    made, other = make_key(), make_key()
    with with_default.transaction() as session:
        keys.revoke(session, made.row.id, moving_clock(), SYSTEM)
    first = moving_clock()
    moving_clock.forward(days=1)
    with with_default.transaction() as session:
        assert keys.revoke(session, made.row.id, moving_clock(), SYSTEM).revoked_at == first
    assert opens(made) is None and opens(other)
    assert _actions(with_default) == [
        ("key.created", made.row.id), ("key.created", other.row.id), ("key.revoked", made.row.id),
    ]  # fmt: skip


def test_a_rotated_key_keeps_who_it_is_for_and_overlaps(
    make_key: Make,
    opens: Callable[[NewKey], Authentication | None],
    with_default: Database,
    moving_clock: Any,
) -> None:
    life = timedelta(days=30)
    old = make_key(Role.MERCHANT, account="shop", scopes=["*:read"], expires_at=moving_clock() + life)
    before = opens(old)
    moving_clock.forward(days=20)
    with with_default.transaction() as session:
        new = keys.rotate_key(session, old.row.id, moving_clock(), SYSTEM, overlap=timedelta(hours=2))
    after = opens(new)
    assert before and after and after.until == moving_clock() + life
    for what in ("tenant", "role", "subject", "account", "scopes", "owner", "key_owner"):
        assert getattr(before.principal, what) == getattr(after.principal, what), what
    assert after.principal.key_id != before.principal.key_id
    moving_clock.forward(hours=1)
    assert opens(old), "both work meanwhile"
    moving_clock.forward(hours=1)
    assert opens(old) is None and opens(new)
    assert [action for action, _ in _actions(with_default)] == ["key.created", "key.rotated", "key.created"]


def test_what_is_over_or_replaced_is_not_rotated(
    make_key: Make,
    opens: Callable[[NewKey], Authentication | None],
    with_default: Database,
    moving_clock: Any,
) -> None:
    soon = moving_clock() + timedelta(hours=1)
    old, gone = make_key(expires_at=soon), make_key()

    def rotate(key_id: str, tenant: str | None = None) -> NewKey:
        with with_default.transaction() as session:
            return keys.rotate_key(session, key_id, moving_clock(), SYSTEM, tenant)

    with with_default.transaction() as session:
        keys.revoke(session, gone.row.id, moving_clock(), SYSTEM)
    for key_id, tenant in ((gone.row.id, None), ("key_none", None), (old.row.id, "tnt_two")):
        with pytest.raises(IdentityError):
            rotate(key_id, tenant)
    rotate(old.row.id)
    with pytest.raises(IdentityError, match="replaced"):
        rotate(old.row.id)
    moving_clock.forward(hours=1)
    assert opens(old) is None, "an overlap lengthens no life"


def test_lists_keep_to_their_tenant(make_key: Make, with_default: Database) -> None:
    one, two = make_key(), make_key(tenant="tnt_two")
    with with_default.reading() as session:
        assert [row.id for row in keys.list_keys(session, "tnt_one")] == [one.row.id]
        assert {row.id for row in keys.list_keys(session)} == {one.row.id, two.row.id}
