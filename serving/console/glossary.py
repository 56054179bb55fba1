"""GET /glossary: what the words on the pages mean, one sentence each, for everybody.

In: nothing. Out: a page in the visitor's language; the words are those of `docs/terms.md`.
"""

from fastapi import APIRouter, Request, Response

from refundlens.serving.console.page import open_page
from refundlens.serving.http.pages import PageRoute

TERMS = (
    "report",
    "fake",
    "no_trace",
    "inconclusive",
    "established",
    "not_established",
    "bound",
    "miss_bound",
    "probability",
    "heat_map",
    "reliability",
    "noise",
    "condition",
    "appeal",
    "supplied",
    "integrity",
)
"""In the order in which somebody meets them; the texts have a word and its meaning for each."""

router = APIRouter(include_in_schema=False, route_class=PageRoute)


@router.get("/glossary")
async def glossary(request: Request) -> Response:
    return await open_page(request, "glossary.html", "glossary", terms=TERMS)
