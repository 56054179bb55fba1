"""What can be done with the registry: a version added, shown photos, promoted, rolled back.

In: a session whose transaction the caller ends, who does it, and the time. Out: rows. Every change of stage is in the
audit log of the tenant whose person made it; a new champion is told to the webhooks of every tenant, since it judges
the photos of all. Processes follow by themselves (`serving.registry.follower`).
"""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from refundlens.serving.events import audit, outbox
from refundlens.serving.events.audit import Fact, text_hash
from refundlens.serving.events.outbox import WebhookType
from refundlens.serving.identity import tenants
from refundlens.serving.kit.clock import rfc3339
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.errors import Conflict, Forbidden, Invalid, NotFound, check_version
from refundlens.serving.kit.principal import OURSELVES, Principal
from refundlens.serving.kit.roles import Role
from refundlens.serving.registry import repository, rescoring, stages
from refundlens.serving.registry.bundles import BundleFacts
from refundlens.serving.registry.stages import Stage
from refundlens.serving.storage.tables import ModelVersion

SHARE = 0.1
"""Of the photos, that a shadow is shown unless told otherwise; as REFUNDLENS_SHADOW_SHARE."""


SERVICE = replace(OURSELVES, tenant=tenants.DEFAULT)
"""The service itself, which registers what it is shipped with."""


def find(session: Session, version: str) -> ModelVersion:
    """Raises NotFound."""
    found = repository.find_version(session, version)
    if found is None:
        raise _unknown(version)
    return found


def check_operator(by: Principal) -> None:
    """One model judges for all tenants: those who run the installation choose and describe it, and nobody else's
    engineers. Raises Forbidden."""
    if by.tenant != tenants.DEFAULT:
        raise Forbidden("One model judges for all tenants; engineers of the tenant `default` change it.")


def add(session: Session, by: Principal, bundle: BundleFacts, now: datetime) -> ModelVersion:
    """A candidate, whose bytes are stored already; the version that is there where the very bundle is known.

    Raises Conflict where another bundle has its name and version."""
    known = repository.by_sha256(session, bundle.name.sha256)
    if known is not None:
        return known
    if repository.find_version(session, bundle.id) is not None:
        detail = f"Another bundle is {bundle.id} already. Export this one with another --version."
        raise Conflict("version_taken", detail)
    row = ModelVersion(
        id=bundle.id,
        revision=1,
        sha256=bundle.name.sha256,
        name=bundle.name.name,
        version=bundle.name.version,
        stage=Stage.CANDIDATE.value,
        bytes=bundle.size,
        card=bundle.card,
        facts=bundle.facts,
        added_at=now,
        changed_at=now,
    )
    session.add(row)
    session.flush()
    facts = {"sha256": row.sha256}
    audit.append(session, by.tenant, now, by.actor, Fact("model.added", row.id, after=row.stage, data=facts))
    return row


def install(session: Session, version: str, now: datetime, reason: str | None) -> None:
    """Make it the champion without a gate or a choice: as the service does with what it is shipped with."""
    rows = repository.locked(session)
    _enthrone(session, SERVICE, rows[version], rows, now, reason, [])


def promote(
    context: Context,
    version: str,
    reason: str | None = None,
    force: bool = False,
    if_match: str | None = None,
) -> ModelVersion:
    """Make it the champion. force: for admins, though the gate says that something is missing; needs a reason.

    Raises Forbidden, NotFound, Conflict, Changed, Invalid."""
    session, by, now = context.session, context.principal, context.now
    row, rows = _locked(session, by, version, if_match)
    if row.stage == Stage.CHAMPION:
        raise Conflict("already_champion", f"{row.id} is the champion already.")
    forced = _passed(by, row, reason, force)
    _enthrone(session, by, row, rows, now, reason, forced)
    return row


def rollback(context: Context, version: str, reason: str, if_match: str | None = None) -> ModelVersion:
    """Take the champion `version` back: the one before it is champion again. Gives that one. Raises NotFound,
    Conflict, Changed."""
    session, by, now = context.session, context.principal, context.now
    row, rows = _locked(session, by, version, if_match)
    if row.stage != Stage.CHAMPION:
        raise Conflict("not_champion", f"{row.id} is not the champion, so it cannot be rolled back.")
    if row.previous is None:
        detail = f"There was no champion before {row.id}. Promote another version instead."
        raise Conflict("nothing_before", detail)
    back = rows[row.previous]
    _move(session, by, now, row, Stage.RETIRED, "model.rolled_back", reason, {"restored": back.id})
    _move(session, by, now, back, Stage.CHAMPION, "model.restored", reason, {"instead_of": row.id})
    back.promoted_at, back.chosen = now, True
    session.flush()
    rescoring.ask(session, back.id, now)
    _publish(session, now, WebhookType.MODEL_ROLLED_BACK, back, row)
    return back


def shadow(
    context: Context,
    version: str,
    share: float = SHARE,
    if_match: str | None = None,
) -> ModelVersion:
    """Show it a share of the photos, 0 to 1, instead of whichever was shown them; 0 ends that. Raises NotFound,
    Conflict, Changed."""
    session, by, now = context.session, context.principal, context.now
    row, rows = _locked(session, by, version, if_match)
    if row.stage == Stage.CHAMPION:
        raise Conflict("is_champion", f"{row.id} is the champion; it sees every photo.")
    if share == 0:
        if row.stage != Stage.SHADOW:
            raise Conflict("not_shadow", f"{row.id} is shown no photos.")
        _move(session, by, now, row, _rest(row), "model.shadow_ended", None, {})
        return row
    for other in rows.values():
        if other.stage == Stage.SHADOW and other is not row:
            _move(session, by, now, other, _rest(other), "model.shadow_ended", None, {"replaced_by": row.id})
    _move(session, by, now, row, Stage.SHADOW, "model.shadowed", None, {"share": share})
    row.share = share
    session.flush()
    return row


def _locked(
    session: Session, by: Principal, version: str, if_match: str | None
) -> tuple[ModelVersion, dict[str, ModelVersion]]:
    """The version and all of them, to be changed. Raises Forbidden, NotFound, Changed."""
    check_operator(by)
    rows = repository.locked(session)
    row = rows.get(version)
    if row is None:
        raise _unknown(version)
    check_version(if_match, row.revision)
    return row, rows


def _enthrone(
    session: Session,
    by: Principal,
    row: ModelVersion,
    rows: dict[str, ModelVersion],
    now: datetime,
    reason: str | None,
    forced: list[str],
) -> None:
    old = next((one for one in rows.values() if one.stage == Stage.CHAMPION), None)
    replaces = None if old is None else old.id
    if old is not None:
        _move(session, by, now, old, Stage.RETIRED, "model.retired", reason, {"replaced_by": row.id})
    facts = {"replaces": replaces, "forced": forced}
    _move(session, by, now, row, Stage.CHAMPION, "model.promoted", reason, facts)
    row.previous, row.promoted_at, row.chosen = replaces, now, by != SERVICE
    session.flush()
    if old is not None:  # the first model of all is no news
        rescoring.ask(session, row.id, now)
        _publish(session, now, WebhookType.MODEL_PROMOTED, row, old)


def _passed(by: Principal, row: ModelVersion, reason: str | None, force: bool) -> list[str]:
    """What an admin passed over, as codes."""
    found = stages.promotion_blockers(row)
    if force and by.role not in (Role.ADMIN, Role.SYSTEM):
        raise Forbidden("Only an admin may force a promotion.")
    if force and not reason:
        raise Invalid("reason_required", "Say in `reason` why this version is promoted all the same.")
    if found and not force:
        why = "; ".join(one.text for one in found)
        raise Conflict("not_fit", f"{row.id} cannot be promoted: {why}.")
    return [one.code for one in found]


def _move(
    session: Session,
    by: Principal,
    now: datetime,
    row: ModelVersion,
    stage: Stage,
    action: str,
    reason: str | None,
    data: dict[str, Any],
) -> None:
    """One change of stage and its line in the audit log. At once in the database: there is one champion at most."""
    before = row.stage
    row.stage, row.share, row.reason = stage.value, None, reason
    row.revision, row.changed_at = row.revision + 1, now
    session.flush()
    facts = {"sha256": row.sha256, "reason": None if reason is None else text_hash(reason), **data}
    audit.append(session, by.tenant, now, by.actor, Fact(action, row.id, before, stage.value, facts))


def _rest(row: ModelVersion) -> Stage:
    """What a shadow is when it is shown nothing more."""
    return Stage.CANDIDATE if row.promoted_at is None else Stage.RETIRED


def _publish(
    session: Session, now: datetime, kind: WebhookType, champion: ModelVersion, before: ModelVersion
) -> None:
    data = {
        "id": champion.id,
        "name": champion.name,
        "version": champion.version,
        "sha256": champion.sha256,
        "instead_of": before.id,
        "at": rfc3339(now),
    }
    for tenant in tenants.list_tenants(session):
        outbox.publish(session, tenant.id, now, kind, champion.id, data)


def _unknown(version: str) -> NotFound:
    return NotFound(f"There is no model version {version}.")
