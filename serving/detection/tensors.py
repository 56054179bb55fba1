"""The Open Inference Protocol's inference requests (KServe v2): JSON, and its binary tensor extension.

In: the body of POST /v2/models/{name}/infer. Out: a `TensorIntake`, or Problem 400. One input is read: BYTES `image` of
shape [n], in JSON as base64 (JSON has no bytes), in the extension as each picture's length (4 bytes, little-endian) and
bytes.
"""

import re
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Request
from pydantic import BaseModel, ConfigDict, Field

from refundlens.model.names import Defect
from refundlens.serving.detection.body import Intake, check_counts
from refundlens.serving.http.body import Upload, on_parser, parse_json, read_bytes
from refundlens.serving.http.json_guard import JsonGuard
from refundlens.serving.http.problems import Problem
from refundlens.serving.kit.schema import from_base64
from refundlens.serving.settings import Settings

IMAGE = "image"
"""Name of the input tensor."""
JSON_LENGTH = "inference-header-content-length"
"""Header of the binary extension: bytes of JSON before the tensors."""
_LENGTH = struct.Struct("<I")


class _Lenient(BaseModel):
    """The protocol lets clients send parameters of their own."""

    model_config = ConfigDict(extra="ignore")


class TensorParameters(_Lenient):
    binary_data_size: Annotated[int, Field(ge=0)] | None = None


class InputTensor(_Lenient):
    """A tensor of the request."""

    name: str
    shape: list[Annotated[int, Field(ge=0)]]
    datatype: str
    parameters: TensorParameters = TensorParameters()
    data: list[Any] | None = Field(
        default=None, description="pictures in base64; none where they follow as bytes"
    )


class RequestedOutput(_Lenient):
    name: str


class RequestParameters(_Lenient):
    claim: Defect | None = Field(default=None, description="the damage the buyer claims")


class InferenceRequest(_Lenient):
    """The body, or its JSON part in the binary extension."""

    id: str | None = Field(default=None, description="comes back in the answer")
    parameters: RequestParameters = RequestParameters()
    inputs: list[InputTensor] = Field(min_length=1, max_length=1)
    outputs: list[RequestedOutput] | None = None


@dataclass(frozen=True)
class TensorIntake(Intake):
    """id: comes back in the answer. outputs: names of the tensors asked for, none for all."""

    id: str | None = None
    outputs: Sequence[str] = ()


async def read(request: Request, settings: Settings) -> TensorIntake:
    """The whole body, understood. Raises Problem 400, 408 or 413."""
    body = await read_bytes(request, settings, JsonGuard(length=_stated_length(request)))
    return await on_parser(request, lambda: _understood(request, body, settings))


def _understood(request: Request, body: bytes, settings: Settings) -> TensorIntake:
    split = _json_length(request, len(body))
    asked = parse_json(body[:split], InferenceRequest, 400)
    tensor = asked.inputs[0]
    if tensor.name != IMAGE or tensor.datatype != "BYTES":
        raise _wrong(f"send one BYTES tensor named `{IMAGE}`")
    pictures = _binary(tensor, body[split:]) if split < len(body) or tensor.data is None else _json(tensor)
    uploads = []
    for picture in pictures:
        uploads.append(Upload(None, picture))
        if len(uploads) > settings.max_images:
            break  # the count is refused anyway, and a tensor may claim very many empty pictures
    outputs = [output.name for output in asked.outputs or ()]
    found = TensorIntake(uploads, asked.parameters.claim, id=asked.id, outputs=outputs)
    check_counts(found, settings)
    if tensor.shape not in ([len(uploads)], [len(uploads), 1]):
        raise _wrong(f"{len(uploads)} pictures came and the shape is {tensor.shape[:8]}")
    return found


def _stated_length(request: Request) -> int | None:
    """Bytes of JSON at the beginning, as far as the header can be understood; what is wrong with it is told later."""
    stated = request.headers.get(JSON_LENGTH, "")
    return int(stated) if re.fullmatch(r"[0-9]{1,12}", stated) else None


def _json_length(request: Request, size: int) -> int:
    stated = request.headers.get(JSON_LENGTH)
    if stated is None:
        return size
    if not (stated.isascii() and stated.isdigit() and len(stated) <= len(str(size)) and int(stated) <= size):
        raise _wrong(f"{JSON_LENGTH} is the number of bytes of JSON at the beginning of the body")
    return int(stated)


def _json(tensor: InputTensor) -> Iterator[bytes]:
    for index, item in enumerate(_flat(tensor.data or [])):
        if not isinstance(item, str):
            raise _wrong(f"data.{index} is no base64 text")
        try:
            yield from_base64(item)
        except ValueError as error:
            raise _wrong(f"data.{index} is not base64 ({error})") from error


def _flat(data: list[Any]) -> Iterator[Any]:
    """Shape [n,1] may come nested."""
    for item in data:
        yield item[0] if isinstance(item, list) and len(item) == 1 else item


def _binary(tensor: InputTensor, data: bytes) -> Iterator[bytes]:
    if tensor.parameters.binary_data_size != len(data):
        raise _wrong(f"binary_data_size is not the {len(data)} bytes that follow the JSON")
    at = 0
    while at < len(data):
        start = at + _LENGTH.size
        size = _LENGTH.unpack_from(data, at)[0] if start <= len(data) else len(data)
        at = start + size
        if at > len(data):
            raise _wrong("the last picture is longer than the body")
        yield data[start:at]


def _wrong(detail: str) -> Problem:
    return Problem(400, "invalid_request", f"inputs: {detail}")
