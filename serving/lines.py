"""The line that `detect --json` prints for a photo: the contract's object, or a clear error. In input order."""

from typing import Any, TypedDict

from model.detection import Detection


class ErrorBody(TypedDict):
    """Why a file got no verdict. `code` is stable; `message` says the fix."""

    code: str
    message: str


Line = dict[str, Any]


def detection_line(file: str | None, detection: Detection) -> Line:
    """The contract's line for a photo that was judged. `file` comes first, as there."""
    return {"file": file, **detection.public()}


def error_line(file: str | None, code: str, message: str) -> Line:
    """The contract's line for a file that was not."""
    return {"file": file, "error": ErrorBody(code=code, message=message)}
