"""What the administrators' pages share: who may see them, and their navigation.

In: a visit. Out: a page with a row of the subjects above it.
"""

from typing import Annotated

from fastapi import Depends
from fastapi.responses import HTMLResponse

from refundlens.serving.console.page import Visit, page, visits
from refundlens.serving.http.problems import Problem
from refundlens.serving.kit.language import texts
from refundlens.serving.kit.roles import Role

Admin = Annotated[Visit, Depends(visits(Role.ADMIN))]
SUBJECTS = {
    "people": "/admin/keys",
    "webhooks": "/admin/webhooks",
    "audit": "/admin/audit",
    "complaints": "/complaints",
    "buyers": "/admin/buyers",
    "settings": "/admin/settings",
    "health": "/admin/health",
}
"""Pages in the order of their navigation, with their addresses; each has the texts `admin_{subject}`."""


def sheet(
    visit: Visit, subject: str, failed: Problem | None = None, template: str | None = None, **values: object
) -> HTMLResponse:
    """The page of a subject. failed: why a form did nothing. template: another than the subject's."""
    return page(
        visit,
        f"admin/{template or subject}.html",
        f"admin_{subject}",
        failed.status if failed else 200,
        a=texts("admin", visit.language),
        subjects=SUBJECTS,
        subject=subject,
        failed=failed,
        **values,
    )
