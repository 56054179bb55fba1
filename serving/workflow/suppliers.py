"""Who supplied a photo, and what follows: nobody is accused by a machine on his accuser's own upload.

In: a photo, and who reported it. Out: whether its verdict may stand without a person, and enter a buyer's record. Whom
the installation serves decides: one merchant's own judges what that merchant uploads, a marketplace does not.
"""

from refundlens.serving.kit.roles import Actor, Role
from refundlens.serving.settings import Settings
from refundlens.serving.storage.tables import Image
from refundlens.serving.workflow.states import Supplier

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
