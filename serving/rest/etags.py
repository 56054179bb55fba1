"""ETag and If-Match (RFC 9110, 13.1.1): who changes something says which version of it they saw."""

from typing import Annotated

from fastapi import Header

from serving.problems import Problem

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        description="the ETag you saw: refused with 412 when it was changed since",
        examples=['"3"'],
    ),
]


def etag(version: int) -> str:
    return f'"{version}"'


def check(if_match: str | None, version: int, required: bool = False) -> None:
    """Raises Problem 412 where the caller saw another version, 428 where it must say and does not."""
    if if_match is None:
        if required:
            raise Problem(428, "precondition_required", "Send If-Match with the ETag that you saw.")
        return
    seen = [tag.strip().removeprefix("W/") for tag in if_match.split(",")]
    if "*" not in seen and etag(version) not in seen:
        detail = "It was changed since you read it. Read it again, and decide again."
        raise Problem(412, "changed_meanwhile", detail, {"ETag": etag(version)})
