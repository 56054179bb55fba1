"""All tables, so that importing this package knows every one of them."""

from serving.db.tables.buyers import Complaint, IntegrityEntry, Label
from serving.db.tables.events import AuditEvent, Chain, OutboxEvent, WebhookDelivery, WebhookEndpoint
from serving.db.tables.identity import ApiKey, ConsoleSession, StoredAnswer, Tenant
from serving.db.tables.models import ModelVersion
from serving.db.tables.prints import PhotoPrint
from serving.db.tables.refunds import Image, Refund
from serving.db.tables.reports import Appeal, Decision, PhotoRequest, Refusal, Report, Screening
from serving.db.tables.work import Job

__all__ = [
    "ApiKey",
    "Appeal",
    "AuditEvent",
    "Chain",
    "Complaint",
    "ConsoleSession",
    "Decision",
    "Image",
    "IntegrityEntry",
    "Job",
    "Label",
    "ModelVersion",
    "OutboxEvent",
    "PhotoPrint",
    "PhotoRequest",
    "Refund",
    "Refusal",
    "Report",
    "Screening",
    "StoredAnswer",
    "Tenant",
    "WebhookDelivery",
    "WebhookEndpoint",
]
