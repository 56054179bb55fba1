"""Reads the body of POST /v1/detect: multipart, one raw image, or JSON with base64.

In: a request. Out: an `Intake`, or a Problem. Limits hold before the body is read where its length is declared, and
while it streams in any case.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Request
from pydantic import AliasChoices, BaseModel, BeforeValidator, ConfigDict, Field
from starlette.datastructures import UploadFile

from refundlens.model.names import DEFECTS, Defect
from refundlens.serving.http.body import Upload, arriving, digest, on_parser, parse_json, whole_body
from refundlens.serving.http.json_guard import JsonGuard
from refundlens.serving.http.problems import Problem
from refundlens.serving.kit.schema import from_base64
from refundlens.serving.settings import Settings

MAX_REFERENCES = 4
"""Reference pictures in one request; each is compared with each photo."""
MAX_FIELDS = 16
"""Text fields of a form; we know two."""

_ONE_CLAIM = (
    "whether the pictures are photos of one claim: then they are held against each other, and reasons `claim.…` tell "
    "which show the same thing and whether a marked spot is in the others, too; the first six are compared"
)
_FILE = {"type": "string", "format": "binary"}
REQUEST_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "required": ["image"],
                "properties": {
                    "image": {"type": "array", "items": _FILE, "minItems": 1, "maxItems": 16},
                    "claim": {"type": "string", "enum": list(DEFECTS)},
                    "reference": {"type": "array", "items": _FILE, "maxItems": MAX_REFERENCES},
                    "one_claim": {"type": "boolean", "default": False, "description": _ONE_CLAIM},
                },
            },
            "encoding": {"image": {"contentType": "image/*"}},
        },
        "image/*": {"schema": _FILE},
        "application/json": {
            "schema": {"$ref": "#/components/schemas/DetectBody"},
            "example": {"image": [{"name": "a.jpg", "data": "/9j/4AAQSkZJRg..."}], "claim": "hole"},
        },
    },
}
"""The three kinds of body in OpenAPI's words."""


@dataclass(frozen=True)
class Intake:
    """What a caller wants judged."""

    images: Sequence[Upload]
    claim: Defect | None = None
    references: Sequence[Upload] = ()
    one_claim: bool = False
    """Whether the images are held against each other."""

    @property
    def apart(self) -> bool:
        """Whether each image's answer is about that image alone."""
        return not self.references and not self.one_claim

    def fingerprint(self) -> str:
        """Hash of everything in the body that decides the answer."""
        files = [[[item.name, item.sha256] for item in items] for items in (self.images, self.references)]
        return digest(json.dumps([self.claim, *files, *([True] if self.one_claim else [])]).encode())


class Picture(BaseModel):
    """One picture in a JSON body."""

    model_config = ConfigDict(extra="forbid")

    data: str = Field(description="the file's bytes in base64", examples=["/9j/4AAQSkZJRg..."])
    name: str | None = Field(default=None, description="comes back as `file`", examples=["a.jpg"])


PicturesIn = str | Picture | list[str | Picture]
"""How a JSON body may write its pictures."""


def _as_pictures(value: object) -> object:
    """One picture stands for a list of one, and plain base64 for a picture without a name."""
    items = value if isinstance(value, list) else [value]
    return [{"data": item} if isinstance(item, str) else item for item in items]


Pictures = Annotated[list[Picture], BeforeValidator(_as_pictures, json_schema_input_type=PicturesIn)]


class DetectBody(BaseModel):
    """The JSON form of POST /v1/detect, with the names of the multipart fields; the plurals are understood, too."""

    model_config = ConfigDict(extra="forbid")

    image: Pictures = Field(
        min_length=1,
        validation_alias=AliasChoices("image", "images"),
        description="1 to 16 pictures: base64, or an object with `data` and `name`, or a list of either",
    )
    claim: Defect | None = Field(default=None, description="the damage the buyer claims")
    reference: Pictures = Field(
        default_factory=list,
        max_length=MAX_REFERENCES,
        validation_alias=AliasChoices("reference", "references"),
    )
    one_claim: bool = Field(default=False, description=_ONE_CLAIM)


async def read(request: Request, settings: Settings) -> Intake:
    """The whole body, understood. Raises Problem 400, 408, 413, 415 or 422."""
    guard = JsonGuard() if media_type(request) == "application/json" else None
    async with arriving(request, settings, guard):
        intake = await _by_type(request, settings)
    check_counts(intake, settings)
    return intake


def check_counts(intake: Intake, settings: Settings) -> None:
    """Raises Problem 413 or 422 where too many pictures came, or none."""
    if not intake.images:
        raise Problem(
            422, "invalid_request", "No picture came: send 1 to 16 as multipart fields named `image`."
        )
    if len(intake.images) > settings.max_images:
        detail = (
            f"{len(intake.images)} pictures came and {settings.max_images} are allowed. Split the request."
        )
        raise Problem(413, "too_many_images", detail)
    if len(intake.references) > MAX_REFERENCES:
        detail = f"{len(intake.references)} reference pictures came and {MAX_REFERENCES} are allowed."
        raise Problem(413, "too_many_images", detail)


async def _by_type(request: Request, settings: Settings) -> Intake:
    kind = media_type(request)
    if kind == "multipart/form-data":
        return await _multipart(request, settings)
    if is_image(kind):
        return Intake(
            [Upload(None, await whole_body(request))], read_claim(request.query_params.get("claim"))
        )
    if kind == "application/json":
        data = await whole_body(request)
        return await on_parser(request, lambda: _from_json(data))
    detail = (
        "Send multipart/form-data with `image` fields, one image/* body, or application/json with base64."
    )
    raise Problem(
        415,
        "unsupported_media_type",
        detail,
        {"Accept-Post": "multipart/form-data, image/*, application/json"},
    )


def media_type(request: Request) -> str:
    """The body's, in lower case, without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def is_image(kind: str) -> bool:
    """Whether a body of this type is one picture as it is."""
    return kind.startswith("image/") or kind == "application/octet-stream"


async def _multipart(request: Request, settings: Settings) -> Intake:
    # one more than allowed, so that the answer says how many may come
    files = settings.max_images + MAX_REFERENCES + 1
    async with request.form(max_files=files, max_fields=MAX_FIELDS) as form:
        images = [await _upload(item) for item in form.getlist("image")]
        references = [await _upload(item) for item in form.getlist("reference")]
        claim, one_claim = (_text(form.get(name)) for name in ("claim", "one_claim"))
        return Intake(images, read_claim(claim), references, _read_flag("one_claim", one_claim))


def _text(item: UploadFile | str | None) -> str | None:
    return item if isinstance(item, str) else None


def _read_flag(name: str, value: str | None) -> bool:
    """No, where it was not sent. Raises Problem 422."""
    known = {"true": True, "1": True, "false": False, "0": False, "": False}
    if (value or "").lower() not in known:
        raise Problem(422, "invalid_request", f"{name}: true or false")
    return known[(value or "").lower()]


async def _upload(item: UploadFile | str) -> Upload:
    if isinstance(item, str):
        raise Problem(
            422, "invalid_request", "`image` and `reference` are files: send them with a file name."
        )
    return Upload(item.filename or None, await item.read())


def _from_json(body: bytes) -> Intake:
    content = parse_json(body, DetectBody)
    images = [_decoded(f"image.{index}", picture) for index, picture in enumerate(content.image)]
    references = [_decoded(f"reference.{index}", picture) for index, picture in enumerate(content.reference)]
    return Intake(images, content.claim, references, content.one_claim)


def _decoded(where: str, picture: Picture) -> Upload:
    try:
        return Upload(picture.name, from_base64(picture.data))
    except ValueError as error:  # binascii.Error is one; text beyond ASCII raises a plain one
        raise Problem(422, "invalid_request", f"{where}.data: not base64 ({error})") from error


def read_claim(value: str | None) -> Defect | None:
    """The defect of that name, none of an empty one. Raises Problem 422."""
    if not value:
        return None
    for defect in DEFECTS:
        if value == defect:
            return defect
    raise Problem(422, "invalid_request", f"claim: one of {', '.join(DEFECTS)}")
