"""All routers of the workflow, in one place. A new subject: its package, and a line here."""

from fastapi import APIRouter

from serving.buyers import endpoints as buyers
from serving.complaints import endpoints as complaints
from serving.console import merchant, review
from serving.evidence import endpoints as evidence
from serving.labels import endpoints as labels
from serving.models import endpoints as models
from serving.refunds import endpoints as refunds
from serving.refunds.schemas import RefundIn
from serving.reports import endpoints as reports
from serving.track import endpoints as track
from serving.webhooks import endpoints as webhooks
from serving.webhooks import stream

WORKFLOW: tuple[APIRouter, ...] = (
    refunds.router,
    reports.router,
    evidence.router,
    buyers.router,
    complaints.router,
    labels.router,
    models.router,
    webhooks.router,
    stream.router,
    track.router,
)
CONSOLE: tuple[APIRouter, ...] = (*merchant.ROUTERS, *review.ROUTERS)
"""The console's pages."""
BODY_MODELS = [RefundIn]
"""Models that OpenAPI must know although no parameter names them: the endpoint reads its body itself."""
