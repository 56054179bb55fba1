"""Diffusion pipelines of Hugging Face's diffusers: inpainting and editing by instruction.

In: an `EditRequest`; the pipeline gets the untouched photo, a prompt for the defect and, when inpainting, the region.
Out: an `Edit`, the region spliced back (ai_edited) or the whole answer of the pipeline (ai_generated).

    editor = DiffusersEditor("sd2-inpaint", load_inpainting("some/model"), product="jacket")

Needs the extra `diffusers` (`pip install -e ".[diffusers]"`); nothing is imported before a pipeline is loaded.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import cv2
import numpy as np
import torch

from refundlens.datasets.editors.base import Edit, EditRequest, Mask, Pixels
from refundlens.datasets.editors.compositing import Window, random_region, soft_mask, splice, working_window
from refundlens.datasets.editors.prompts import description, instruction

Task = Literal["inpainting", "instruction"]
Mode = Literal["spliced", "whole"]

SIDE_MULTIPLE = 16
"""Pixels that both sides must divide by: 8 of the autoencoder times 2 of a transformer's patches."""


def load_inpainting(where: str, **options: Any) -> Any:
    """An inpainting pipeline from a folder or hub id. Options go to `from_pretrained` (torch_dtype, variant)."""
    return _diffusers().AutoPipelineForInpainting.from_pretrained(where, **options)


def load_instruction(where: str, **options: Any) -> Any:
    """An instruction pipeline (InstructPix2Pix, Qwen-Image-Edit, FLUX Kontext ...) from a folder or hub id."""
    return _diffusers().DiffusionPipeline.from_pretrained(where, **options)


def _diffusers() -> Any:
    try:
        import diffusers
    except ImportError as error:
        raise ImportError(
            'diffusion pipelines need, in RefundLens\'s folder: pip install -e ".[diffusers]"'
        ) from error
    return diffusers


class DiffusersEditor:
    """Asks a loaded pipeline for the request's defect.

    resolution: long side in pixels at which the pipeline works (what it was trained at). product: what the prompt
    calls the thing in the photo. arguments: passed to every call (num_inference_steps, guidance_scale ...).
    mode "spliced" works on a window around the region and puts only the region back; "whole" returns all of the
    answer, as chat editors do.
    """

    def __init__(
        self,
        name: str,
        pipeline: Callable[..., Any],
        task: Task = "inpainting",
        mode: Mode = "spliced",
        product: str = "product",
        resolution: int = 512,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        self.name = name
        self.pipeline = pipeline
        self.task = task
        self.mode = mode
        self.product = product
        self.resolution = resolution
        self.arguments = dict(arguments or {})

    def edit(self, request: EditRequest, rng: np.random.Generator) -> Edit:
        """Run the pipeline once. A request without a region gets a random one."""
        height, width = request.photo.shape[:2]
        region = request.region if (request.region > 0.5).any() else random_region(height, width, rng)
        if self.mode == "whole":
            drawn, parameters = self._draw(request, request.photo, region, rng)
            return Edit(drawn, np.ones((height, width), np.float32), "ai_generated", self.name, parameters)
        # The model needs to see what it is painting on: a window of at least half its own resolution.
        window = working_window(region, rng, least=self.resolution // 2)
        generated = request.photo.copy()
        drawn, parameters = self._draw(request, window.cut(request.photo), window.cut(region), rng)
        window.cut(generated)[:] = drawn
        composite = splice(request.photo, generated, region, rng)
        parameters |= {**composite.parameters, "window": _listed(window)}
        return Edit(composite.pixels, composite.changed, "ai_edited", self.name, parameters)

    def _draw(
        self, request: EditRequest, pixels: Pixels, region: Mask, rng: np.random.Generator
    ) -> tuple[Pixels, dict[str, Any]]:
        """The pipeline's answer to a picture, at the picture's own size, and what was asked."""
        from PIL import Image

        phrase = description if self.task == "inpainting" else instruction
        prompt, seed = phrase(request.defect, self.product, rng), int(rng.integers(2**31))
        size = _working_size(pixels, self.resolution)
        asked: dict[str, Any] = {
            "prompt": prompt,
            "image": Image.fromarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA).astype(np.uint8)),
            "generator": torch.Generator().manual_seed(seed),
            **self.arguments,
        }
        if self.task == "inpainting":
            grown, _ = soft_mask(region, rng)
            mask = cv2.resize((grown > 0).astype(np.uint8) * 255, size, interpolation=cv2.INTER_NEAREST)
            asked |= {
                "mask_image": Image.fromarray(mask.astype(np.uint8)),
                "width": size[0],
                "height": size[1],
            }
        answer = np.asarray(self.pipeline(**asked).images[0].convert("RGB"), np.uint8)
        height, width = pixels.shape[:2]
        fitted = cv2.resize(answer, (width, height), interpolation=cv2.INTER_CUBIC)
        return np.asarray(fitted, np.uint8), {
            "mode": self.mode,
            "prompt": prompt,
            "seed": seed,
            "working_size": size,
        }


def _working_size(pixels: Pixels, resolution: int) -> tuple[int, int]:
    """(width, height) with the long side at `resolution`, the ratio kept as far as SIDE_MULTIPLE allows."""
    height, width = pixels.shape[:2]
    scale = resolution / max(height, width)
    sides = (
        max(SIDE_MULTIPLE, round(side * scale / SIDE_MULTIPLE) * SIDE_MULTIPLE) for side in (width, height)
    )
    return next(sides), next(sides)


def _listed(window: Window) -> list[int]:
    """[x0, y0, x1, y1], as everywhere in rows."""
    return [window.left, window.top, window.right, window.bottom]
