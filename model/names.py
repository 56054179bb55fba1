"""The words everything else is written in: kinds of picture, types of defect, verdicts."""

from typing import Literal, get_args

Kind = Literal["authentic", "ai_generated", "ai_edited", "photoshopped"]
"""What a picture is, as far as its pixels tell.

authentic: a photo, however resized, recompressed, filtered or drawn upon openly.
ai_generated: every pixel came out of a generator (drawn from nothing, or a photo given to a chat editor that
    returned the whole picture regenerated).
ai_edited: camera pixels with a region that came out of a generator.
photoshopped: camera pixels with a region changed by classical tools (splice, clone, brush, blend, heal).
"""
KINDS: tuple[Kind, ...] = get_args(Kind)

Defect = Literal["hole", "stain", "mould", "other"]
DEFECTS: tuple[Defect, ...] = get_args(Defect)

Verdict = Literal["fake", "authentic", "inconclusive"]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

Basis = Literal["observed", "derived", "inferred", "declared"]
"""What a reason rests on: read from the file, computed from it, a model's estimate, or metadata's own word."""

Device = Literal["auto", "cpu", "cuda", "tensorrt"]
"""What a model runs on. auto: CUDA where there is a driver, else the CPU. TensorRT is only used when asked for: it
builds its engines for minutes at first start and needs NVIDIA's `tensorrt` package (model.providers)."""
