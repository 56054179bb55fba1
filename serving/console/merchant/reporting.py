"""One click on any number of photos: each refund's are one claim.

In: photos' ids. Out: reports, and how many photos could not be reported. A refund whose photos are refused (its time is
over, somebody else was faster) keeps the others from nothing.
"""

from collections.abc import Sequence

from serving.console.merchant import repository
from serving.identity.principal import Principal
from serving.problems import Problem
from serving.refunds import repository as refunds
from serving.reports import service
from serving.reports.schemas import MOST_PHOTOS, ReportIn
from serving.reports.service import Doing
from serving.rest.once import Made


def report_photos(doing: Doing, principal: Principal, photos: Sequence[str], note: str) -> Made:
    """Raises Problem 404 for a photo that is not the caller's; then, and where it is about a single claim, the problem
    of that claim, with nothing done."""
    found = repository.refunds_of(doing.session, principal, photos)
    missing = [photo for photo in photos if photo not in found]
    if missing:
        raise Problem(404, "not_found", f"There is no photo {missing[0]}.")
    claims: dict[str, list[str]] = {}
    for photo in sorted(photos, key=lambda photo: (found[photo].id, photo)):
        claims.setdefault(found[photo].refund_id, []).append(photo)
    for refund_id in claims:  # all before the first report: whoever holds the audit chain waits for no refund
        refunds.get(doing.session, principal, refund_id, lock=True)
    made: list[str] = []
    failed = 0
    parts = [
        (refund_id, whole[start : start + MOST_PHOTOS])
        for refund_id, whole in claims.items()
        for start in range(0, len(whole), MOST_PHOTOS)
    ]
    for refund_id, part in parts:
        asked = ReportIn(refund_id=refund_id, image=part, note=note)
        try:
            with doing.session.begin_nested():
                made += [report.id for report in service.submit(doing, principal, asked)]
        except Problem:
            if len(parts) == 1:
                raise
            failed += len(part)
    return Made({"reports": made, "failed": failed, "refunds": list(claims)})
