"""The pages for those who write programs against the API: quickstarts, reference with a try-it, webhooks. For everybody.

In: the application's OpenAPI document, `docs/examples`. Out: HTML. `reference` reads the document, `pages` draws. A page
of our own, since Swagger UI's and Scalar's are in English, fail axe and want a weaker Content-Security-Policy.
"""

from fastapi import APIRouter

from refundlens.serving.console.developers import pages

ROUTERS: tuple[APIRouter, ...] = (pages.router,)
