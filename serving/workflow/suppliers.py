"""Who supplied a photo and who named the buyer, and what follows: nobody is accused by a machine on his accuser's own
upload, nor on his accuser's word for whose refund it is.

In: a photo, and who reported it. Out: whether its verdict may stand without a person, and enter a buyer's record. Whom
the installation serves decides: one merchant's own judges what that merchant uploads, a marketplace does not.
"""

from refundlens.serving.kit.roles import Actor, Role
from refundlens.serving.settings import Settings
from refundlens.serving.storage.tables import Image, Refund
from refundlens.serving.workflow.states import Supplier

ERASED = "erased"
"""`Refund.buyer_named_by` of a buyer that was erased: nobody names another, or the same again."""
_OF_ROLE = {Role.BUYER: Supplier.BUYER, Role.MERCHANT: Supplier.MERCHANT}


def supplier_of(actor: Actor) -> Supplier:
    """Adjudicators and administrators act for the platform."""
    return _OF_ROLE.get(actor.role, Supplier.PLATFORM)


def is_independent(settings: Settings, image: Image, reported_by: str) -> bool:
    """Whether somebody else than the accuser supplied it. Of photos from before that was written down, nobody knows.
    reported_by: the accuser's subject, who may hold a key of any role."""
    if settings.single_merchant:
        return True
    others = (Supplier.PLATFORM, Supplier.BUYER)
    return image.supplied_by in others and image.uploaded_by != reported_by


def has_known_buyer(settings: Settings, refund: Refund) -> bool:
    """Whether somebody else than the shop says whose refund it is."""
    return settings.single_merchant or refund.buyer_named_by == Supplier.PLATFORM
