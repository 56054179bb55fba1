"""What the API answers with: models made from rows, narrowed by who reads them.

In: a row, and the reader. Out: the model that OpenAPI shows, and its JSON. A field that not everybody may see has a
validator that looks at the reader (`info.context`): a part left out is never in the model at all.
"""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict


class Answer(BaseModel):
    """The base of every answer's model."""

    model_config = ConfigDict(from_attributes=True)

    @classmethod
    def of(cls, row: object, reader: object = None, **more: object) -> Self:
        """From a row's columns. more: what is no column of it, or is told in another way than the column has it."""
        return cls.model_validate(_Row(row, more) if more else row, context=reader)

    def body(self) -> dict[str, Any]:
        """As JSON."""
        return self.model_dump(mode="json", by_alias=True)


class _Row:
    """A row with some of its attributes told in another way."""

    def __init__(self, row: object, more: dict[str, object]) -> None:
        self._row, self._more = row, more

    def __getattr__(self, name: str) -> Any:
        return self._more[name] if name in self._more else getattr(self._row, name)
