"""What challengers said beside champions, kept across processes and restarts.

In: the tallies of an engine's shadow, every few seconds. Out: one row for each pair of challenger and champion, and the
report that people read before they promote.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from refundlens.serving.engine.shadow import Contrast, ShadowTally, worst_of
from refundlens.serving.storage.tables import ShadowAgreement


def keep_tallies(session: Session, tallies: Sequence[ShadowTally], now: datetime) -> None:
    """Add what one process counted."""
    for tally in tallies:
        key = tally.challenger.sha256, tally.champion.sha256
        row = session.get(ShadowAgreement, key, with_for_update=True)
        if row is None:
            row = ShadowAgreement(
                challenger=key[0], champion=key[1], photos=0, difference=0.0, champion_seconds=0.0,
                challenger_seconds=0.0, verdicts={}, worst=[], updated_at=now,
            )  # fmt: skip
            session.add(row)
        known = Counter(row.verdicts) + Counter({">".join(pair): n for pair, n in tally.verdicts.items()})
        row.verdicts = dict(known)
        row.photos += tally.verdicts.total()
        row.difference += tally.difference
        row.champion_seconds += tally.seconds[0]
        row.challenger_seconds += tally.seconds[1]
        before = [Contrast(sha256, (first, second), apart) for sha256, first, second, apart in row.worst]
        row.worst = [[one.sha256, *one.verdicts, one.difference] for one in worst_of([*before, *tally.worst])]
        row.updated_at = now


def of_challenger(session: Session, sha256: str) -> Sequence[ShadowAgreement]:
    """Its rows, the newest first."""
    asked = select(ShadowAgreement).where(ShadowAgreement.challenger == sha256)
    return session.execute(asked.order_by(ShadowAgreement.updated_at.desc())).scalars().all()
