"""What can go wrong between a platform's words and ours. Every message says what to do; programs read `code`.

| error | code | when |
| --- | --- | --- |
| `UnreadableRefund` | `missing_field` | the platform's object lacks something that we cannot do without |
| | `malformed_field` | an amount, time, number or text that is not written as the platform writes it |
| | `wrong_object` | not a refund, refund message or dispute at all |
| `CannotAnswer` | `not_established` | only an established report can refuse a refund |
| | `not_refusable` | the platform does not let this refund be refused now; the text lists its barriers |
| | `wrong_platform` | a refund of another platform |
| | `message_length`, `proof_missing`, `proof_size`, `proof_format` | text or picture that the platform would reject |
| | `version_missing`, `phase_missing` | Tmall takes no refusal without them |
| | `identifier` | an id or time that the platform's call has no room for |
"""

from typing import Literal

ReadCode = Literal["missing_field", "malformed_field", "wrong_object"]
AnswerCode = Literal[
    "not_established", "not_refusable", "wrong_platform", "message_length", "proof_missing",
    "proof_size", "proof_format", "version_missing", "phase_missing", "identifier",
]  # fmt: skip


class PlatformError(ValueError):
    """Base of both. `code` is stable; the text is for people and names the remedy."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


class UnreadableRefund(PlatformError):
    """What the platform sent cannot be mirrored. Nothing was changed; `field` names the culprit."""

    def __init__(self, code: ReadCode, field: str, text: str) -> None:
        super().__init__(code, text)
        self.field = field


class CannotAnswer(PlatformError):
    """What we were asked to say cannot be said on this platform, or not now."""

    def __init__(self, code: AnswerCode, text: str) -> None:
        super().__init__(code, text)
