"""The pages for those who write programs against the API: quickstarts, reference with a try-it, webhooks. For all.

In: the application's OpenAPI document, `docs/examples`. Out: HTML. `reference` reads the document, `pages` draws. Pages
of our own: Swagger UI's are in English alone, fail axe and want a weaker Content-Security-Policy.
"""

from fastapi import APIRouter

from refundlens.serving.console.developers import pages

ROUTERS: tuple[APIRouter, ...] = (pages.router,)
