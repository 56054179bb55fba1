"""Reads an OpenAPI 3.1 document into what a page of one operation shows.

>>> ApiReference({"paths": {}}).operations
()

In: the document. Out: operations with their parameters, bodies and answers, each with an example that fits its schema.
"""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any

METHODS = ("get", "post", "put", "patch", "delete")
DEEPEST = 6
"""Schemas within schemas that an example is made of."""
_BY_FORMAT = {"date-time": "2026-11-28T08:00:00.000Z", "date": "2026-11-28", "binary": ""}
_BY_TYPE: dict[str, Any] = {"string": "text", "integer": 1, "number": 0.5, "boolean": True, "null": None}


@dataclass(frozen=True)
class Parameter:
    """place: `path`, `query` or `header`. kind: its type in a word. choices: what it may be, all else too if empty."""

    name: str
    place: str
    required: bool
    description: str
    kind: str
    example: str
    choices: tuple[str, ...]


@dataclass(frozen=True)
class Body:
    """A body of a request or an answer. example: as text, "" for bytes. files: fields of a form that hold files."""

    media_type: str
    example: str
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class ApiResponse:
    status: str
    description: str
    body: Body | None


@dataclass(frozen=True)
class Operation:
    """name: its operation id. tag: the part of the API. needs_key: whether it wants a bearer key."""

    name: str
    method: str
    path: str
    tag: str
    description: str
    needs_key: bool
    parameters: tuple[Parameter, ...]
    bodies: tuple[Body, ...]
    answers: tuple[ApiResponse, ...]

    @property
    def title(self) -> str:
        """The first sentence of its description."""
        first, dot, _ = " ".join(self.description.split()).partition(". ")
        return first + dot.strip()

    def curl(self, base: str) -> str:
        """A command that does it, with the examples as values and `$KEY` for the key."""
        path, query = self.path, []
        lines = []
        for one in self.parameters:
            if one.place == "path":
                path = path.replace("{" + one.name + "}", one.example)
            elif one.place == "query" and one.required:
                query.append(f"{one.name}={one.example}")
            elif one.place == "header" and (one.required or one.name == "Idempotency-Key"):
                value = "$(uuidgen)" if one.name == "Idempotency-Key" else one.example
                lines.append(f'-H "{one.name}: {value}"')
        url = f"{base}{path}{'?' + '&'.join(query) if query else ''}"
        method = "" if self.method == "GET" else f" -X {self.method}"
        if self.needs_key:
            lines.insert(0, '-H "Authorization: Bearer $KEY"')
        if self.bodies:
            body = self.bodies[0]
            if body.files:
                lines += [f'-F "{name}=@photo.jpg"' for name in body.files]
            elif body.example:
                quoted = body.example.replace("'", "'\\''")
                lines += [f'-H "Content-Type: {body.media_type}"', f"-d '{quoted}'"]
        return " \\\n  ".join([f"curl{method} '{url}'", *lines])


class ApiReference:
    """The document, read once."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    @cached_property
    def operations(self) -> tuple[Operation, ...]:
        """All of them, in the document's order."""
        return tuple(
            self._operation(path, method, methods[method])
            for path, methods in self._document["paths"].items()
            for method in METHODS
            if method in methods
        )

    def find(self, name: str) -> Operation | None:
        return next((one for one in self.operations if one.name == name), None)

    def by_tag(self) -> dict[str, list[Operation]]:
        """Operations under their parts of the API, in the order in which the parts first come."""
        found: dict[str, list[Operation]] = {}
        for one in self.operations:
            found.setdefault(one.tag, []).append(one)
        return found

    def _operation(self, path: str, method: str, said: dict[str, Any]) -> Operation:
        content = said.get("requestBody", {}).get("content", {})
        bodies = [self._body(media_type, body) for media_type, body in content.items()]
        return Operation(
            said["operationId"],
            method.upper(),
            path,
            said.get("tags", ["other"])[0],
            said.get("description") or said.get("summary", ""),
            bool(said.get("security")),
            tuple(self._parameter(self._whole(one)) for one in said.get("parameters", ())),
            tuple(sorted(bodies, key=lambda body: (not body.files, body.media_type != "application/json"))),
            tuple(self._answer(status, answer) for status, answer in said.get("responses", {}).items()),
        )

    def _parameter(self, said: dict[str, Any]) -> Parameter:
        schema = self._plain(said.get("schema", {}))
        examples = schema.get("examples") or [said.get("example", schema.get("default"))]
        example = examples[0]
        choices = tuple(str(one) for one in schema.get("enum", ()))
        if example is None and said.get("required"):
            example = choices[0] if choices else self.example(schema)
        return Parameter(
            said["name"],
            said["in"],
            bool(said.get("required")),
            said.get("description") or schema.get("description", ""),
            str(schema.get("type", "string")),
            "" if example is None else str(example),
            choices,
        )

    def _body(self, media_type: str, said: dict[str, Any]) -> Body:
        schema = self._whole(said.get("schema", {}))
        if media_type == "multipart/form-data":
            return Body(media_type, "", tuple(self._files(schema)))
        example = said.get("example")
        if example is None and said.get("examples"):
            example = self._whole(next(iter(said["examples"].values()))).get("value")
        if example is None and "json" in media_type:
            example = self.example(schema)
        if isinstance(example, str) and "json" not in media_type:
            return Body(media_type, example)
        text = "" if example is None else json.dumps(example, ensure_ascii=False, indent=2)
        return Body(media_type, text)

    def _files(self, schema: dict[str, Any]) -> list[str]:
        """Fields of a form that hold bytes, alone or many."""
        names = []
        for name, member in schema.get("properties", {}).items():
            whole = self._plain(member)
            item = self._plain(whole.get("items", {})) if whole.get("type") == "array" else whole
            if item.get("format") == "binary" or "contentMediaType" in item:
                names.append(name)
        return names

    def _answer(self, status: str, said: dict[str, Any]) -> ApiResponse:
        whole = self._whole(said)
        bodies = [self._body(media_type, body) for media_type, body in whole.get("content", {}).items()]
        return ApiResponse(status, whole.get("description", ""), bodies[0] if bodies else None)

    def example(self, schema: dict[str, Any], depth: int = 0) -> Any:
        """A value that fits: the schema's own example, else one made of its parts."""
        whole = self._plain(schema)
        for name in ("example", "default", "const"):
            if whole.get(name) is not None:
                return whole[name]
        if whole.get("examples"):
            return whole["examples"][0]
        if whole.get("enum"):
            return whole["enum"][0]
        if depth >= DEEPEST:
            return None
        kind = whole.get("type")
        if kind == "object" or "properties" in whole:
            members = whole.get("properties", {})
            return {name: self.example(member, depth + 1) for name, member in members.items()}
        if kind == "array":
            return [self.example(whole.get("items", {}), depth + 1)]
        if "format" in whole and whole["format"] in _BY_FORMAT:
            return _BY_FORMAT[whole["format"]]
        return _BY_TYPE.get(kind) if isinstance(kind, str) else None

    def _plain(self, schema: dict[str, Any]) -> dict[str, Any]:
        """The schema, or its first choice that is something: `null` is not."""
        whole = self._whole(schema)
        for group in ("anyOf", "oneOf", "allOf"):
            for choice in whole.get(group, ()):
                plain = self._whole(choice)
                if plain.get("type") != "null":
                    rest = {name: value for name, value in whole.items() if name != group}
                    return {**plain, **rest}
        return whole

    def _whole(self, said: dict[str, Any]) -> dict[str, Any]:
        """What a `$ref` within the document stands for. Raises KeyError where it stands for nothing."""
        while "$ref" in said:
            found: Any = self._document
            for part in said["$ref"].removeprefix("#/").split("/"):
                found = found[part]
            said = found
        return said
