"""The events that others are told of."""

from enum import StrEnum


class WebhookType(StrEnum):
    """Every event a webhook may carry."""

    DETECTION_COMPLETED = "detection.completed"
    REPORT_SUBMITTED = "report.submitted"
    REPORT_ESTABLISHED = "report.established"
    REPORT_NOT_ESTABLISHED = "report.not_established"
    REPORT_NEEDS_REVIEW = "report.needs_review"
    REPORT_DEADLINE_WARNING = "report.deadline_warning"
    REPORT_DEADLINE_PASSED = "report.deadline_passed"
    REPORT_WITHDRAWN = "report.withdrawn"
    APPEAL_OPENED = "appeal.opened"
    APPEAL_UPHELD = "appeal.upheld"
    APPEAL_OVERTURNED = "appeal.overturned"
    DISPUTE_OUTCOME_CHANGED = "dispute.outcome_changed"
    REFUND_REFUSED = "refund.refused"
    BUYER_INTEGRITY_CHANGED = "buyer.integrity_changed"
    MODEL_PROMOTED = "model.promoted"
    MODEL_ROLLED_BACK = "model.rolled_back"
    MODEL_DRIFTED = "model.drifted"
