"""Fields of forms as the API's own models read them, so that pages and API hold the same limits."""

from typing import TypeVar

from pydantic import BaseModel, ValidationError
from starlette.datastructures import FormData

from serving.intake import faults
from serving.problems import Problem

Asked = TypeVar("Asked", bound=BaseModel)


def text(form: FormData, name: str) -> str:
    """A field without the space around it; empty where it did not come."""
    value = form.get(name)
    return value.strip().replace("\r\n", "\n") if isinstance(value, str) else ""


def checked(model: type[Asked], **values: object) -> Asked:
    """Raises Problem 422."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise Problem(422, "invalid_request", faults(error)) from error
