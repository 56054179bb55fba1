"""How many missed fakes a tenant accepts where no person looks: its own limit on the miss bound, or the installation's.

In: a miss bound (`model.detection`): at most so many manipulated photos are called `authentic` in a photo's condition.
Out: whether `authentic` may settle a report by itself. It protects merchants as the limit on false accusations protects
buyers; unlike that one it is theirs to choose.
"""

from sqlalchemy import select
from sqlalchemy.orm import Session

from refundlens.serving.settings import Settings
from refundlens.serving.storage.tables import Tenant

SETTING = "miss_limit"
"""In a tenant's settings."""


def chosen_by(session: Session, settings: Settings, tenant: str) -> float:
    """0 to 1. What a tenant's settings hold and is no such number counts as nothing chosen."""
    settled = session.execute(select(Tenant.settings).where(Tenant.id == tenant)).scalar_one_or_none() or {}
    own = settled.get(SETTING)
    if isinstance(own, int | float) and not isinstance(own, bool) and 0 <= own <= 1:
        return float(own)
    return settings.miss_limit


def within(bound: float | None, largest: float) -> bool:
    """Whether a photo with this miss bound may be settled without a person; never one without a bound."""
    return bound is not None and bound <= largest
