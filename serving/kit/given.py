"""What callers send as JSON: the base of every model of a request's body.

In: a JSON object. Out: the model, or a 422 that names the member. PostgreSQL's texts cannot hold U+0000, SQLite's can:
neither gets any, so that an installation may change its database.
"""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Given(BaseModel):
    """No unknown members, no U+0000 in any text."""

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _storable(cls, value: Any) -> Any:
        if isinstance(value, dict):
            for name, member in value.items():
                if isinstance(member, str) and "\0" in member:
                    raise ValueError(f"{name}: a text cannot hold U+0000; leave it out")
        return value
