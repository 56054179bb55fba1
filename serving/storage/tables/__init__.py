"""All tables, so that importing this package knows every one of them."""

from refundlens.serving.storage.tables.buyers import Complaint, IntegrityEntry, Label
from refundlens.serving.storage.tables.events import (
    AuditEvent,
    Chain,
    Job,
    Lane,
    OutboxEvent,
    WebhookDelivery,
    WebhookEndpoint,
)
from refundlens.serving.storage.tables.identity import (
    ApiKey,
    ConsoleSession,
    LoginDraft,
    StoredAnswer,
    Tenant,
)
from refundlens.serving.storage.tables.models import ModelVersion, Rescore, ShadowAgreement
from refundlens.serving.storage.tables.refunds import DetectionRecord, Image, PhotoPrint, Refund, ReportText
from refundlens.serving.storage.tables.reports import (
    Appeal,
    AppealFile,
    Assignment,
    Decision,
    PhotoRequest,
    Refusal,
    Report,
    ReviewSample,
    SavedView,
    SecondOpinion,
)

__all__ = [
    "ApiKey",
    "Appeal",
    "AppealFile",
    "Assignment",
    "AuditEvent",
    "Chain",
    "Complaint",
    "ConsoleSession",
    "Decision",
    "DetectionRecord",
    "Image",
    "IntegrityEntry",
    "Job",
    "Label",
    "Lane",
    "LoginDraft",
    "ModelVersion",
    "OutboxEvent",
    "PhotoPrint",
    "PhotoRequest",
    "Refund",
    "Refusal",
    "Report",
    "ReportText",
    "Rescore",
    "ReviewSample",
    "SavedView",
    "SecondOpinion",
    "ShadowAgreement",
    "StoredAnswer",
    "Tenant",
    "WebhookDelivery",
    "WebhookEndpoint",
]
