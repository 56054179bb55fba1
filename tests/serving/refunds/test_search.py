"""The search on PostgreSQL finds what it finds on SQLite (`tests/serving/console/test_history.py`), by its index."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import text

from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.refunds import search
from refundlens.serving.storage.secret import Secret

pytestmark = pytest.mark.slow

NOW = datetime(2026, 11, 22, 8, 0, tzinfo=UTC)
SECRET = Secret(b"0" * 32)


@pytest.mark.parametrize("read", [0, 10_000])
def test_postgresql_finds_any_part(
    postgres_url: str,
    with_tenant: Any,
    create_dispute: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    read: int,
) -> None:
    monkeypatch.setattr(search, "READ", read)
    database = with_tenant(postgres_url, NOW)
    said = ("袖口有一个破洞，请看图", "A 100% hole in the sleeve_x", "another shop's hole")
    with database.transaction() as session:
        ids = []
        for number, words in enumerate(said):
            one = create_dispute(session, NOW, buyer=SECRET.buyer("tnt_one", f"uid-{number}"), content=b"%d" % number,
                                 account="shop-2" if number == 2 else "shop-1")  # fmt: skip
            one.refund.claim_text = words
            search.index_report(session, one.report, one.refund)
            ids.append(one.report.id)
    merchant = Principal("tnt_one", "k", Role.MERCHANT, "clerk", "shop-1")
    with database.reading() as session:
        for typed, found in (("一个破洞", ids[:1]), ("SLEEVE hole", ids[1:2]), ("100%", ids[1:2]), ("sleeveyx", []),
                             ("another", []), ("uid-0", ids[:1]), ("merchant's", ids[1::-1])):  # fmt: skip
            got = search.find_reports(session, SECRET, merchant, typed).ids
            assert sorted(got) == sorted(found), typed
        with monkeypatch.context() as patched:  # a word of all is found in the newest rows, without the index
            patched.setattr(search, "MOST", 1)
            patched.setattr(search, "_gin", lambda *_: pytest.fail("the index was asked"))
            assert list(search.find_reports(session, SECRET, merchant, "merchant").ids) == ids[1:2]
        session.execute(text("SET enable_seqscan = off"))
        plan = session.execute(
            text(f"EXPLAIN SELECT number FROM report_text WHERE {search.GRAMS} @> refundlens_grams('sleeve')")
        ).scalars()
        assert "ix_report_text_grams" in "\n".join(plan)
