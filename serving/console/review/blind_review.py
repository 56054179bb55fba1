"""Whether a judge may see what the model thinks of a photo already.

In: a report and who looks. Out: yes or no. A tenant whose setting `hide_opinion` is true wants its judges to look for
themselves first: verdict, probability, maps and the model's reasons stay hidden until the judge has said a first
impression, or asked for them. That is audited as `review.opinion_shown`, which is no step of the report's own timeline:
merchants and buyers are not told how a judge works.
"""

from sqlalchemy.orm import Session

from refundlens.serving.console.review import repository
from refundlens.serving.events import audit
from refundlens.serving.events.audit import Fact
from refundlens.serving.kit.context import Context
from refundlens.serving.kit.principal import Principal
from refundlens.serving.storage.tables import Report

SETTING = "hide_opinion"
ACTION = "review.opinion_shown"
IMPRESSIONS = ("fake", "genuine", "unsure", "none")
"""What a judge may say before; `none` asks to see without saying anything."""


def hidden_here(session: Session, tenant: str) -> bool:
    """Whether this tenant hides opinions at all."""
    return repository.settings(session, tenant).get(SETTING) is True


def may_see(session: Session, principal: Principal, report: Report) -> bool:
    """Whether this person may see what the model thinks of this report's photo."""
    if not hidden_here(session, principal.tenant) or report.decided_by == principal.subject:
        return True
    return repository.done_by(session, principal.tenant, report.id, ACTION, principal.subject)


def show(context: Context, report: Report, impression: str) -> None:
    """Record that this person sees it from now on, and what they thought before."""
    if not may_see(context.session, context.principal, report):
        fact = Fact(ACTION, report.id, data={"impression": impression, "version": report.version})
        audit.append(context.session, report.tenant_id, context.now, context.principal.actor, fact)
