"""Finds reports by any part of their refund's number, of what was said or of what was bought, and by their buyer.

In: what somebody typed. Out: reports' ids, the newest first, `MOST` of them at most. Parts with a space between must
all be there. A buyer is found by the platform's whole reference, of which only the keyed hash is kept, or by the
beginning of that hash as pages show it (`buyer:5f0c2e7d`).

Two ways to the same answer, so that neither a shop with ten reports nor a marketplace with a million waits: where few
rows can be meant they are read one by one; else the index of three characters at a time finds them.
"""

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, column, func, literal_column, select, text, true, update
from sqlalchemy.orm import Session, aliased

from refundlens.serving.kit.principal import Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.storage.secret import Secret
from refundlens.serving.storage.tables import Refund, Report, ReportText

MOST = 1_000
"""Reports that a search gives; a person types another word before they turn fifty pages."""
READ = 10_000
"""Rows that are read one by one: some ten milliseconds."""
PEEKED = 5_000
"""The same where PostgreSQL's index is asked next: a word that many reports have is found in the newest, and the index
would give half of all rows for it, in no order."""
GRAM = 3
"""Characters of a part that the index knows."""
HITS = 3 * READ
"""Of the index, the newest, that are looked through for a shop's own."""
TAKEN = 2_000
"""Of them at a time: a page of the whole tenant needs no second turn."""
GRAMS = "refundlens_grams((report_text.refund_number || ' ' || report_text.words)::text)"
"""As the index on PostgreSQL is of it, to the letter."""
MOST_PARTS = 8
MOST_KEY = 255
"""Characters of a product that reports are narrowed by: some grow when they are made plain."""
BUYER = "buyer:"
_ESCAPE = "\\"


@dataclass(frozen=True)
class Found:
    """ids: the newest first. more: whether older ones were left out."""

    ids: Sequence[str]
    more: bool


def index_report(session: Session, report: Report, refund: Refund) -> None:
    """Have a new report found."""
    session.add(
        ReportText(
            tenant_id=report.tenant_id,
            account=report.account,
            report_id=report.id,
            refund_id=refund.id,
            refund_number=refund.refund_id,
            words=_words(refund, report.note),
        )
    )


def index_words(session: Session, refund: Refund) -> None:
    """Have its reports found by the words and the product that it has now."""
    notes = select(Report.id, Report.note).where(Report.refund_id == refund.id)
    for identifier, note in session.execute(notes).all():
        session.execute(
            update(ReportText).where(ReportText.report_id == identifier).values(words=_words(refund, note))
        )


def index_product(session: Session, refund: Refund) -> None:
    """Have its reports narrowed to by the product that it has now."""
    session.execute(update(Report).where(Report.refund_id == refund.id).values(product=known_by(refund)))


def known_by(refund: Refund) -> str | None:
    """Its product's number, else its title; none where nobody named it."""
    named = refund.product_id or refund.product_title
    return None if named is None else product_key(named)


def product_key(named: str) -> str | None:
    """As reports have it and as it is asked for: without the blanks that the plain form of some signs begins with."""
    return _plain(named).strip()[:MOST_KEY].strip() or None


def _words(refund: Refund, note: str) -> str:
    said = (refund.claim_text, note, refund.product_id, refund.product_title)
    return _plain(" ".join(part for part in said if part))


def find_reports(session: Session, secret: Secret, principal: Principal, typed: str) -> Found:
    """Those that this caller may see."""
    parts = _plain(typed).split()[:MOST_PARTS]
    if not parts:
        return Found([], False)
    said, more = _by_words(session, principal, parts)
    ids = sorted({*said, *_by_buyer(session, secret, principal, typed.strip())}, reverse=True)
    return Found(ids[:MOST], more or len(ids) > MOST)


def _plain(said: str) -> str:
    """Chinese keyboards type digits, letters and commas in full width or not, as it happens."""
    return unicodedata.normalize("NFKC", said)


def _by_buyer(session: Session, secret: Secret, principal: Principal, reference: str) -> Sequence[str]:
    if reference.startswith(BUYER):
        shown = reference.removeprefix(BUYER).lower()
        whose = and_(Refund.buyer >= shown, Refund.buyer < f"{shown}g")  # behind f comes no hexadecimal digit
    else:
        whose = Refund.buyer == secret.buyer(principal.tenant, reference)
    query = select(Report.id).join(Refund, Refund.id == Report.refund_id)
    query = query.where(Refund.tenant_id == principal.tenant, whose)
    if principal.role is Role.MERCHANT:
        query = query.where(Refund.account == principal.account)
    return session.execute(query.order_by(Report.id.desc()).limit(MOST)).scalars().all()


def _by_words(session: Session, principal: Principal, parts: Sequence[str]) -> tuple[Sequence[str], bool]:
    """Reports' ids, and whether there may be older ones."""
    newest = select(ReportText.number).where(_own(principal)).order_by(ReportText.number.desc())
    many = session.execute(newest.offset(READ).limit(1)).first() is not None
    if not (many and any(len(part) >= GRAM for part in parts)):
        found = _read(session, principal, parts, READ)
        return found, many or len(found) == MOST
    if session.get_bind().dialect.name == "sqlite":
        return _fts5(session, principal, parts)
    found = _read(session, principal, parts, PEEKED)
    return (found, True) if len(found) == MOST else _gin(session, principal, parts)


def _read(session: Session, principal: Principal, parts: Sequence[str], newest: int) -> Sequence[str]:
    """Of so many rows, one by one."""
    rows = select(ReportText).where(_own(principal)).order_by(ReportText.number.desc()).limit(newest)
    read = aliased(ReportText, rows.subquery())
    query = select(read.report_id).where(*(_has(_said(read), part) for part in parts))
    return session.execute(query.order_by(read.number.desc()).limit(MOST)).scalars().all()


def _fts5(session: Session, principal: Principal, parts: Sequence[str]) -> tuple[Sequence[str], bool]:
    """Takes hits from the index as long as the caller's own are too few, and looks at each once."""
    phrases = ('"{}"'.format(part.replace('"', '""')) for part in parts if len(part) >= GRAM)
    asked = text(
        "SELECT rowid AS number FROM report_search WHERE report_search MATCH :phrases ORDER BY rowid DESC LIMIT :hits"
    ).bindparams(phrases=" AND ".join(phrases), hits=HITS)
    short = [_has(_said(ReportText), part) for part in parts if len(part) < GRAM]
    found: list[str] = []
    seen = 0
    for hits in session.execute(asked.columns(column("number"))).scalars().partitions(TAKEN):
        these = select(
            func.json_each(json.dumps(hits)).table_valued("value").c.value
        )  # as one value: 2,000 take long
        own = select(ReportText.report_id).where(ReportText.number.in_(these), _own(principal), *short)
        found += session.execute(own.order_by(ReportText.number.desc())).scalars()
        seen += len(hits)
        if len(found) >= MOST:
            return found[:MOST], True
    return found, seen == HITS


def _gin(session: Session, principal: Principal, parts: Sequence[str]) -> tuple[Sequence[str], bool]:
    """The index alone first: a plan that begins with a shop's rows would split each into characters again."""
    grams: ColumnElement[list[str]] = literal_column(GRAMS)
    asked = (grams.op("@>")(func.refundlens_grams(part)) for part in parts if len(part) >= GRAM)
    hits = aliased(ReportText, select(ReportText).where(*asked).cte("hits").prefix_with("MATERIALIZED"))
    query = select(hits.report_id).where(_own(principal, hits), *(_has(_said(hits), part) for part in parts))
    found = session.execute(query.order_by(hits.number.desc()).limit(MOST)).scalars().all()
    return found, len(found) == MOST


def _own(principal: Principal, rows: type[ReportText] = ReportText) -> ColumnElement[bool]:
    shop = rows.account == principal.account if principal.role is Role.MERCHANT else true()
    return and_(rows.tenant_id == principal.tenant, shop)


def _said(rows: type[ReportText]) -> ColumnElement[str]:
    return rows.refund_number + " " + rows.words


def _has(said: ColumnElement[str], part: str) -> ColumnElement[bool]:
    plain = part.replace(_ESCAPE, _ESCAPE * 2).replace("%", f"{_ESCAPE}%").replace("_", f"{_ESCAPE}_")
    return said.ilike(f"%{plain}%", escape=_ESCAPE)
