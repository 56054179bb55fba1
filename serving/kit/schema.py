"""The bases of what callers send as JSON and of what they are answered.

In: a JSON object. Out: the model, or a 422 that names the member. PostgreSQL's texts cannot hold U+0000, SQLite's can:
neither gets any, so that an installation may change its database.

In: a row, and the reader. Out: the model that OpenAPI shows, and its JSON. A field that not everybody may see has a
validator that looks at the reader (`info.context`): a part left out is never in the model at all.
"""

import base64
from typing import Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator

Statement = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
"""What somebody must say: spaces alone are not it."""
Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")
]
"""The same on one line, without control characters: a name, a number."""


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


class Answer(BaseModel):
    """The base of every answer's model."""

    model_config = ConfigDict(from_attributes=True)
    _asked: ClassVar[tuple[tuple[str, str], ...]]
    """Each field's name in what it is made from, and its own: the second where a row has no column of the first."""

    @classmethod
    def __pydantic_init_subclass__(cls, **_: Any) -> None:
        cls._asked = tuple(
            (alias if isinstance(alias := field.validation_alias, str) else name, name)
            for name, field in cls.model_fields.items()
        )

    @classmethod
    def of(cls, row: object, reader: object = None, **more: object) -> Self:
        """From a row's columns. more: what is no column of it, or is told in another way than the column has it."""
        given = dict(more)  # pydantic reads a dict ten times as fast as an object's attributes
        for key, name in cls._asked:
            if key not in given:
                value = getattr(row, key, _ABSENT)
                if value is _ABSENT and key != name:
                    value = getattr(row, name, _ABSENT)
                if value is not _ABSENT:
                    given[key] = value
        return cls.model_validate(given, context=reader)

    def body(self) -> dict[str, Any]:
        """As JSON."""
        return self.model_dump(mode="json", by_alias=True)


_ABSENT = object()
PIECE = 1 << 18
"""Characters decoded at once, a multiple of 4: 1.5 ms, after which other threads get Python's lock."""


def from_base64(text: str) -> bytes:
    """Decode without holding everybody else up. Raises ValueError for anything but base64 with its padding."""
    pieces = (text[start : start + PIECE] for start in range(0, len(text), PIECE))
    last = (len(text) - 1) // PIECE * PIECE
    if "=" in text[:last]:
        raise ValueError("padding before the end")
    return b"".join(base64.b64decode(piece, validate=True) for piece in pieces)
