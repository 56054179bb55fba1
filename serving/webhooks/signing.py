"""Signs messages as Standard Webhooks 1.0 says; receivers verify with any of its libraries.

In: the service's secret, an endpoint and which of its secrets count now, a message. Out: the three headers. No secret
is stored: each is derived from the service's own, the endpoint's id and a number that rotation raises.
"""

import base64
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from standardwebhooks import Webhook

from serving.identity.secret import Secret

PREFIX = "whsec_"
OVERLAP = timedelta(hours=24)
"""How long the secret before a rotation signs, too: a working day to give receivers the new one."""


@dataclass(frozen=True)
class Signer:
    """Whose secrets sign. number: the secret in use; previous_until: until then the one before it signs as well."""

    endpoint_id: str
    number: int
    previous_until: datetime | None

    def numbers(self, now: datetime) -> list[int]:
        """The secrets that count now, the newest first."""
        both = self.previous_until is not None and now < self.previous_until and self.number > 1
        return [self.number, self.number - 1] if both else [self.number]


def secret_text(secret: Secret, endpoint_id: str, number: int) -> str:
    """A secret as its receiver gets it: `whsec_` and 32 bytes in base64."""
    return PREFIX + base64.b64encode(secret.derive("webhook", endpoint_id, str(number))).decode()


def headers(secret: Secret, signer: Signer, message_id: str, payload: str, now: datetime) -> dict[str, str]:
    """The headers that prove a message is ours, was sent now, and is this one."""
    moment = now.astimezone(UTC)  # the library takes any zone for UTC
    signatures = [
        Webhook(secret_text(secret, signer.endpoint_id, number)).sign(message_id, moment, payload)
        for number in signer.numbers(now)
    ]
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
