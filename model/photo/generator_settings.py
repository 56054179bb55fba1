"""The settings that image generators leave in the files they write: which program's they are.

In: `Metadata`. Out: the program's name, or None. Found by the structure of what was written, not by words in a prompt:
a program's own keys in JSON, its own text keywords, its own line of parameters. Any field may carry them: ComfyUI
writes its workflow into Make and Model of WebP, Draw Things into XMP, others into UserComment.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from refundlens.model.photo.metadata import Metadata
from refundlens.model.photo.tools import named_tool

LONGEST = 1 << 18
"""Characters of a text that are parsed as JSON: workflows with embedded pictures are longer, and begin alike."""
_WEBUI = re.compile(
    r"\bSteps: \d{1,6}, .{0,2000}?(?:Sampler|CFG scale|Schedule type): ", re.DOTALL | re.IGNORECASE
)
_DRAW_THINGS = re.compile(r"Steps: \d{1,6}, .{0,400}?Guidance Scale: ", re.DOTALL)
_VERSION = re.compile(r"Version: (Fooocus|ComfyUI|Forge|SD\.Next|InvokeAI)", re.IGNORECASE)
_MIDJOURNEY = re.compile(
    r"(?:^|\s)--(?:v|ar|niji|stylize|s|chaos|style|q|seed|iw|sref|cref|oref|raw)\s?[\w.:]+"
)
_RATIO = re.compile(r"\s--ar \d{1,3}:\d{1,3}\b")
_VERSION_FLAG = re.compile(r"\s--(?:v|niji|stylize|s|chaos|style|sref|cref|oref) ?\w", re.IGNORECASE)
_CHINESE = re.compile(r"提示词\s?[:：].{0,4000}(?:采样|步数|随机种子)", re.DOTALL)
"""Settings as Chinese front ends write them."""
_JOB = re.compile(r"\bJob ID: [0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE)
_JOB_AT_END = re.compile(_JOB.pattern + r"\s*$", re.IGNORECASE)
_NAMED = re.compile(r"; Steps: \d{1,6}; .{0,400}?Generator: ([\w ]{1,40}\w)", re.DOTALL)
"""Mochi Diffusion's line, which names the program at its end."""
_SIGNATURE = re.compile(r"Signature:\s*[A-Za-z0-9+/=]{64,}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
UNNAMED = "tool.unnamed"
"""Key of model/texts's values for a program that does not give its name."""
_PREFIX = re.compile(r"\s*(?:(prompt|workflow|extra_pnginfo)\s*:)?\s*(?=[{\[])", re.IGNORECASE)

_KEYWORDS: dict[str, str] = {
    "invokeai_metadata": "InvokeAI", "invokeai_graph": "InvokeAI", "invokeai_workflow": "InvokeAI",
    "sd-metadata": "InvokeAI", "Dream": "InvokeAI", "hf-job-id": "Higgsfield", "fooocus_scheme": "Fooocus",
    "use_stable_diffusion_model": "Easy Diffusion", "sui_image_params": "SwarmUI", "SD:mode": "Stable Diffusion",
    "StableDiffusionVersion": "Stable Diffusion",
}  # fmt: skip
"""PNG keywords that only one program writes."""
_COMMON_KEYWORDS = frozenset({
    "parameters", "prompt", "negative_prompt", "negative prompt", "workflow", "comfyui", "generation_data",
    "ai_metadata", "dream", "sd:prompt", "sd:negative_prompt", "sd:seed", "sd:steps", "sd:sampler", "postprocessing",
    "lora hashes", "model hash", "generation parameters",
})  # fmt: skip
"""PNG keywords, in lower case, under which many programs keep their settings and nobody keeps anything else."""
_KEYS: tuple[tuple[str, frozenset[str]], ...] = (
    ("SwarmUI", frozenset({"sui_image_params"})),
    ("Fooocus", frozenset({"fooocus_v2_expansion"})), ("Fooocus", frozenset({"metadata_scheme", "base_model"})),
    ("Fooocus", frozenset({"base_model", "adm_guidance"})), ("Fooocus", frozenset({"base_model", "refiner_switch"})),
    ("Easy Diffusion", frozenset({"use_stable_diffusion_model"})),
    ("InvokeAI", frozenset({"app_version", "generation_mode"})), ("InvokeAI", frozenset({"model_weights", "image"})),
    ("Draw Things", frozenset({"uc", "c", "sampler", "steps"})),
    ("NovelAI", frozenset({"uc", "sampler", "signed_hash"})),
    ("NovelAI", frozenset({"uc", "sampler", "request_type"})),
    ("NovelAI", frozenset({"uc", "sampler", "noise_schedule"})),
    (UNNAMED, frozenset({"negative_prompt", "sampler"})),
    (UNNAMED, frozenset({"prompt", "cfg_scale", "steps"})),
    (UNNAMED, frozenset({"prompt", "guidance_scale", "num_inference_steps"})),
    (UNNAMED, frozenset({"negative_prompt", "seed"})),
    (UNNAMED, frozenset({"negative_prompt", "steps"})),
    (UNNAMED, frozenset({"prompt", "num_inference_steps"})),
    (UNNAMED, frozenset({"samplername", "cfgscale"})),
    (UNNAMED, frozenset({"prompt", "modelname"})), (UNNAMED, frozenset({"sampler_name", "steps"})),
    (UNNAMED, frozenset({"negativeprompt", "steps"})), (UNNAMED, frozenset({"prompt", "job_id"})),
    ("SwarmUI", frozenset({"swarm_version"})), ("NovelAI", frozenset({"uc", "sampler", "scale"})),
    ("Fooocus", frozenset({"full_prompt", "refiner_switch"})), ("OpenAI", frozenset({"revised_prompt"})),
    ("Easy Diffusion", frozenset({"stable_diffusion_model", "seed"})),
)  # fmt: skip
"""Keys of one JSON object that together only generators write, in lower case; the first that fits names the program."""
_FOLDERS = ("workflow", "prompt", "extra_data", "extra_pnginfo", "extra")
"""Keys under which a workflow lies once more."""
_PACKED = ("Comment", "parameters", "prompt", "workflow", "metadata")
"""Keys of an object whose value is JSON once more, as text."""


def generator_settings(metadata: Metadata) -> str | None:
    """The program whose generation settings the file carries; None where it carries none."""
    for keyword, tool in _KEYWORDS.items():
        if keyword in metadata.texts:
            return tool
    if "NovelAI" in metadata.texts.get("Software", ""):
        return "NovelAI"
    if _is_grok(metadata):
        return "xAI Grok"
    for text in _texts(metadata):
        found = _from_text(text)
        if found is not None:
            return found
    if _JOB_AT_END.search(metadata.texts.get("Description", "")[:8192]) and "Author" in metadata.texts:
        return "Midjourney"
    found = _from_object(dict(metadata.texts))
    common = any(keyword.lower() in _COMMON_KEYWORDS for keyword in metadata.texts)
    return found or (UNNAMED if common else None)


def is_settings(text: str) -> bool:
    """Whether a text is a generator's settings, whatever its field is called: a ComfyUI workflow is no camera."""
    return _from_text(text) is not None


def _texts(metadata: Metadata) -> Iterator[str]:
    yield from metadata.free_texts()
    yield from metadata.xmp.values("prompt", "workflow")


def _from_text(text: str) -> str | None:
    if _DRAW_THINGS.search(text[:65_536]):
        return "Draw Things"
    if _WEBUI.search(text[:65_536]):
        named = _VERSION.search(text[:65_536])
        return named[1] if named else "Stable Diffusion web UI"
    if _JOB.search(text[:8192]) and _MIDJOURNEY.search(text[:8192]):
        return "Midjourney"
    if _RATIO.search(text[:8192]) and _VERSION_FLAG.search(text[:8192]):
        return "Midjourney"
    if _CHINESE.search(text[:8192]):
        return UNNAMED
    line = _NAMED.search(text[:8192])
    if line:
        return line[1]
    prefix = _PREFIX.match(text)
    if prefix is None:
        inner = _unpacked(text)
        return _from_text(inner) if len(inner) < len(text) else None
    try:
        value, _ = json.JSONDecoder(strict=False).raw_decode(text[prefix.end() : prefix.end() + LONGEST])
    except (ValueError, RecursionError):
        return "ComfyUI" if '"class_type"' in text or ('"nodes"' in text and '"type"' in text) else None
    return _from_object(value)


def _unpacked(text: str) -> str:
    """The text that a text holds as JSON, where it is one; the text itself where not."""
    if len(text) < 2 or text[:1] != '"' or text[-1:] != '"':
        return text
    try:
        inner = json.loads(text[:LONGEST])
    except (ValueError, RecursionError):
        return text
    return inner if isinstance(inner, str) else text


def _from_object(value: Any) -> str | None:
    if isinstance(value, list):
        return next(
            (found for part in value[:50] if isinstance(part, dict) and (found := _from_object(part))), None
        )
    if not isinstance(value, dict):
        return None
    inner = [part for part in value.values() if isinstance(part, dict)][:50]
    if any("class_type" in part for part in inner) or _is_workflow(value):
        return "ComfyUI"
    if "NovelAI" in str(value.get("Software", ""))[:40]:
        return "NovelAI"
    for one in (value, *inner):
        keys = {str(key).lower().replace(" ", "_") for key in list(one)[:500]}
        for tool, needed in _KEYS:
            if needed <= keys:
                return tool
    packed = (value.get(key) for key in _PACKED)
    deeper = [_from_text(text) for text in packed if isinstance(text, str) and text.lstrip()[:1] == "{"]
    deeper += [_from_object(part) for key in _FOLDERS if isinstance(part := value.get(key), dict)]
    model = named_tool(str(value.get("model", ""))) if "prompt" in value else None
    deeper += [model.name] if model and model.kind == "generator" else []
    return next((found for found in deeper if found), None)


def _is_workflow(value: dict[str, Any]) -> bool:
    nodes = value.get("nodes")
    if not isinstance(nodes, list):
        return False
    return "last_node_id" in value or (bool(nodes) and isinstance(nodes[0], dict) and "type" in nodes[0])


def _is_grok(metadata: Metadata) -> bool:
    """xAI's pair: a signature as description and the picture's UUID as artist."""
    pairs = (
        *(
            (metadata.exif.texts.get(key, ""), metadata.exif.texts.get("artist", ""))
            for key in ("description", "user_comment")
        ),
        (metadata.iptc.get("caption", ""), metadata.iptc.get("byline", "")),
        *((a, b) for a in metadata.xmp.values("description")[:5] for b in metadata.xmp.values("creator")[:5]),
        *(
            (metadata.texts.get(text, ""), metadata.texts.get(artist, ""))
            for text in ("Description", "ImageDescription")
            for artist in ("Author", "Artist", "Creator")
        ),
    )
    return any(_SIGNATURE.match(text.strip()) and _UUID.fullmatch(artist.strip()) for text, artist in pairs)
