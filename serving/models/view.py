"""A version as JSON, for the API, the command line and the console alike."""

from collections.abc import Sequence
from typing import Any

from serving.clock import rfc3339
from serving.db.tables import AuditEvent, ModelVersion
from serving.models import gate


def show(row: ModelVersion) -> dict[str, Any]:
    """A line of the list: what it is, its figures, its calibration in a few numbers, what keeps it from promotion."""
    calibration = row.facts["calibration"]
    conditions = calibration["conditions"]
    return {
        "id": row.id,
        "name": row.name,
        "version": row.version,
        "sha256": row.sha256,
        "bytes": row.bytes,
        "stage": row.stage,
        "share": row.share,
        "previous": row.previous,
        "reason": row.reason,
        "added_at": rfc3339(row.added_at),
        "promoted_at": None if row.promoted_at is None else rfc3339(row.promoted_at),
        "changed_at": rfc3339(row.changed_at),
        "dataset": row.facts["dataset"],
        "figures": row.facts["figures"],
        "calibration": {
            "limit": calibration["limit"],
            "confidence": calibration["confidence"],
            "conditions": len(conditions),
            "with_threshold": sum(one["threshold"] is not None for one in conditions),
        },
        "missing": [{"code": one.code, "text": one.text} for one in gate.missing(row)],
    }


def show_whole(row: ModelVersion, history: Sequence[AuditEvent]) -> dict[str, Any]:
    """With its card, every condition of its calibration, and what the caller's people did to it."""
    return {
        **show(row),
        "card": row.card,
        "conditions": row.facts["calibration"]["conditions"],
        "history": [_event(one) for one in history],
    }


def _event(row: AuditEvent) -> dict[str, Any]:
    return {
        "at": rfc3339(row.at),
        "action": row.action,
        "role": row.role,
        "actor": row.actor,
        "before": row.before,
        "after": row.after,
        "data": row.data,
    }
