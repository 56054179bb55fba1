"""Finds where else a picture was used: an index in memory that follows the table of prints.

In: a print and whose it is. Out: `Use`s, each checked against the table and patch by patch: an index only names
candidates, so that an erased photo is never found, however long the index still knows its number.

Each process has its own index, some 600 bytes a photo. It is made when it is first asked for, by what asks.
"""

import logging
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from refundlens.model.compare.index import HashIndex, entries
from refundlens.model.compare.prints import Print
from refundlens.model.compare.sameness import Sameness, same_picture
from refundlens.serving.reuse import catalogue
from refundlens.serving.storage.tables import Image, Refund

BATCH = 500
"""Prints read at a time; databases take some thousand values in a query."""
LATE = timedelta(seconds=60)
"""How long after its time a row may come to light: numbers are given before transactions end, and a transaction
that began earlier may end later."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Use:
    """A photo with the same picture. mirrored: it shows the mirror image. own: it is the asking tenant's; of another
    tenant's nothing is told but that it is there."""

    image: Image
    refund: Refund
    sameness: Sameness
    mirrored: bool
    own: bool


class Finder:
    """Safe to use from several threads."""

    def __init__(self) -> None:
        self._index = HashIndex()
        self._settled = 0
        """Every row up to this number is in the index."""
        self._known: set[int] = set()
        """Later rows that are, too."""
        self._following = threading.Lock()

    def __len__(self) -> int:
        """Codes in the index."""
        return len(self._index)

    def find(self, session: Session, tenant: str, asked: Print, now: datetime) -> list[Use]:
        """Photos of the tenant, and of those it shares with, that show this picture; the oldest first."""
        self.follow(session, now)
        found: dict[int, Use] = {}
        for print_, mirrored in ((asked, False), (asked.mirrored, True)):
            numbers = [hit.number for hit in self._index.search(print_.codes) if hit.number not in found]
            for row, image, refund in catalogue.candidates(session, numbers, tenant) if numbers else ():
                known = catalogue.read(row.content)
                sameness = None if known is None else same_picture(print_, known)
                if sameness is not None:
                    own = row.tenant_id == tenant
                    found[row.number] = Use(image, refund, sameness, mirrored, own)
        return [found[number] for number in sorted(found)]

    def follow(self, session: Session, now: datetime) -> None:
        """Take in the rows that came since; at once where another thread is at it already."""
        if not self._following.acquire(blocking=False):
            return
        try:
            while self._take(session, now):
                pass
        finally:
            self._following.release()

    def _take(self, session: Session, now: datetime) -> bool:
        """Take in some; whether there may be more."""
        start = max(self._known, default=self._settled)
        late = catalogue.numbers_after(session, self._settled, BATCH + len(self._known))
        fresh = [number for number, _ in late if number not in self._known][:BATCH]
        self._add(catalogue.contents(session, fresh) if fresh else {})
        self._known.update(fresh)
        for number, at in late:
            if at > now - LATE or number not in self._known:
                break
            self._settled = number
        self._known = {number for number in self._known if number > self._settled}
        return len(fresh) == BATCH and max(fresh) > start

    def _add(self, content: dict[int, bytes]) -> None:
        prints: list[tuple[int, Print]] = []
        for number, data in content.items():
            taken = catalogue.read(data)
            if taken is None:
                _log.warning("print %d is of another version; take it anew", number)
            else:
                prints.append((number, taken))
        self._index.add(*entries([(number, taken.indexed) for number, taken in prints]))
