"""Editing by a remote service that speaks OpenAI's images API: `POST {base}/v1/images/edits`.

In: an `EditRequest`; the service gets the untouched photo, the region as a mask and an instruction for the defect.
Out: an `Edit` of the answer at the photo's size: whole (ai_generated, what chat editors return), or only the region of
it spliced into the photo (ai_edited). A remote model draws its own randomness: answers are not reproducible.
"""

import base64
import binascii
import email.utils
import io
import time
from collections.abc import Callable
from typing import Any

import cv2
import httpx
import numpy as np
from PIL import Image, UnidentifiedImageError

from refundlens.datasets.editors.base import Edit, EditRequest, Mask, Pixels
from refundlens.datasets.editors.compositing import random_region, soft_mask, splice
from refundlens.datasets.editors.prompts import instruction

TIMEOUT = 180.0
"""Seconds for one answer: large image models take a minute."""
ATTEMPTS = 5
FIRST_WAIT = 1.0
"""Seconds before the first repetition, doubled each time, unless the service says how long."""
LONGEST_WAIT = 120.0
"""Seconds: a service that asks for more is out of quota, and the caller should hear of it."""


class EditServiceError(RuntimeError):
    """The service refused, failed, or answered something that is no picture. `status` is None without an answer."""

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


class HttpEditor:
    """One model behind an OpenAI-compatible endpoint.

    base: e.g. "https://api.openai.com" (without /v1). composite: splice only the region of the answer into the photo.
    response_format: None for services that refuse the field (gpt-image models). `client` and `sleep` are for tests.
    """

    def __init__(
        self,
        name: str,
        base: str,
        model: str,
        api_key: str | None = None,
        composite: bool = False,
        send_mask: bool = True,
        product: str = "product",
        response_format: str | None = "b64_json",
        attempts: int = ATTEMPTS,
        client: httpx.Client | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = name
        self.url = f"{base.rstrip('/')}/v1/images/edits"
        self.model = model
        self.composite = composite
        self.send_mask = send_mask
        self.product = product
        self.response_format = response_format
        self.attempts = attempts
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._client = client or httpx.Client(timeout=TIMEOUT)
        self._sleep = sleep

    def edit(self, request: EditRequest, rng: np.random.Generator) -> Edit:
        """Ask the service once (with retries). Raises EditServiceError with the service's own words."""
        height, width = request.photo.shape[:2]
        region = request.region if (request.region > 0.5).any() else random_region(height, width, rng)
        prompt = instruction(request.defect, self.product, rng)
        mask, _ = soft_mask(region, rng)
        answer = self._picture(self._post(request.photo, mask, prompt))
        drawn = _fitted(answer, height, width)
        parameters: dict[str, Any] = {
            "model": self.model,
            "prompt": prompt,
            "answer_size": answer.shape[1::-1],
        }
        if not self.composite:
            ones = np.ones((height, width), np.float32)
            return Edit(drawn, ones, "ai_generated", self.name, {"mode": "whole", **parameters})
        composite = splice(request.photo, drawn, region, rng)
        parameters = {"mode": "spliced", **parameters, **composite.parameters}
        return Edit(composite.pixels, composite.changed, "ai_edited", self.name, parameters)

    def _post(self, photo: Pixels, mask: Mask, prompt: str) -> httpx.Response:
        """The successful answer. Repeats on 429, 5xx and broken connections."""
        files = {"image": ("image.png", _png(photo), "image/png")}
        if self.send_mask:
            files["mask"] = ("mask.png", _png(_transparent(photo, mask)), "image/png")
        fields = {"prompt": prompt, "model": self.model, "n": "1"}
        if self.response_format:
            fields["response_format"] = self.response_format
        wait = FIRST_WAIT
        for left in reversed(range(self.attempts)):
            try:
                response = self._client.post(self.url, data=fields, files=files, headers=self._headers)
            except httpx.TransportError as error:
                failure, asked = EditServiceError(f"{self.url} cannot be reached: {error}"), None
            else:
                if response.is_success:
                    return response
                failure, asked = _refusal(response), _retry_after(response)
                if response.status_code != 429 and response.status_code < 500:
                    raise failure
            if not left or (asked or 0) > LONGEST_WAIT:
                raise failure
            self._sleep(wait if asked is None else asked)
            wait = min(wait * 2, LONGEST_WAIT)
        raise ValueError("attempts must be at least 1")

    def _picture(self, response: httpx.Response) -> Pixels:
        """The first picture of an answer, in base64 or behind an address."""
        try:
            entry = response.json()["data"][0]
            data = (
                base64.b64decode(entry["b64_json"]) if entry.get("b64_json") else self._download(entry["url"])
            )
            return np.array(Image.open(io.BytesIO(data)).convert("RGB"))
        except (ValueError, KeyError, IndexError, TypeError, AttributeError, binascii.Error) as error:
            raise EditServiceError(
                f"{self.url} answered no picture: {error!r}", response.status_code
            ) from error
        except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
            raise EditServiceError(
                f"{self.url} answered a broken picture: {error}", response.status_code
            ) from error

    def _download(self, address: str) -> bytes:
        """The picture behind an address of the answer; the key is not sent along, the host may be another."""
        try:
            response = self._client.get(address)
        except httpx.HTTPError as error:
            raise EditServiceError(f"{address} cannot be fetched: {error}") from error
        if not response.is_success:
            raise EditServiceError(f"{address} answered {response.status_code}", response.status_code)
        return response.content


def _png(pixels: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def _transparent(photo: Pixels, mask: Mask) -> Pixels:
    """RGBA with what may be edited transparent, as the API wants its mask."""
    return np.dstack([photo, np.where(mask > 0, 0, 255).astype(np.uint8)])


def _fitted(answer: Pixels, height: int, width: int) -> Pixels:
    if answer.shape[:2] == (height, width):
        return answer
    shrinks = answer.shape[0] * answer.shape[1] > height * width
    how = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(answer, (width, height), interpolation=how), np.uint8)


def _refusal(response: httpx.Response) -> EditServiceError:
    """The service's own words where it has any."""
    try:
        words = response.json()["error"]["message"]
    except (ValueError, KeyError, TypeError):
        words = response.text[:200] or response.reason_phrase
    return EditServiceError(f"{response.url} answered {response.status_code}: {words}", response.status_code)


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds to wait that the service asks for, from a number or an HTTP date; None where it says nothing."""
    value = response.headers.get("Retry-After", "").strip()
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None
