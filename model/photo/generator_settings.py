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
_PAIR = re.compile(
    r"(?:^|[\n,|;])\s*(steps|number of inference steps|sampler|schedule type|scheduler|cfg ?scale|guidance scale|"
    r"distilled cfg scale|seed|size|resolution|model|base model|model hash|stable diffusion model|negative prompt|"
    r"clip skip|denoising strength|civitai resources|civitai metadata|fooocus v2 expansion|performance|pipeline|app|"
    r"version) ?: ?([^\n,|;]{0,80})",
    re.IGNORECASE,
)
"""A setting and its value, in a line or in lines of their own."""
_NUMBER = re.compile(r"\d{1,20}(?:\.\d{1,8})?\s*$")
_PIXELS = re.compile(r"\W?\d{2,5}\s?[x×,]\s?\d{2,5}|\(\d{2,5}$")
_OF_A_RUN = frozenset({"steps", "number of inference steps", "seed"})
_OF_A_GENERATOR = frozenset({
    "sampler", "schedule type", "scheduler", "cfg scale", "cfgscale", "guidance scale", "distilled cfg scale",
    "model hash", "stable diffusion model", "negative prompt", "clip skip", "denoising strength", "civitai resources",
    "civitai metadata", "fooocus v2 expansion",
})  # fmt: skip
"""Settings that nothing but a generator has."""
ENOUGH = 4
"""Different settings in a text that make it a generator's: one of a run and one of a generator's own among them."""
_VERSION = re.compile(
    r"(?:Version|App): ?(Fooocus|ComfyUI|Forge|SD\.Next|InvokeAI|KoboldCpp|stable-diffusion\.cpp)",
    re.IGNORECASE,
)
_FLAG = re.compile(
    r"(?:^|\s)(?:--|[—–])(v|version|ar|aspect|niji|stylize|s|chaos|c|style|q|quality|seed|iw|sref|cref|oref|ow|cw|sw|sv|"
    r"raw|exp|p|profile|draft|no|tile|weird|w|stop|r|repeat|turbo|fast|relax|hd|video|motion)(?=\s|$)"
    r"(?:\s([\w.:/-]+))?"
)
"""A flag of Midjourney's and its value; phones write two hyphens as a dash."""
_OWN_FLAGS = re.compile("niji|stylize|chaos|iw|sref|cref|oref|ow|cw|sw|sv|exp|profile|weird")
"""Flags that nothing else has; `--v 7` and `--ar 3:4` count as such by their values."""
_RATIO_VALUE = re.compile(r"\d{1,3}:\d{1,3}")
_SWITCHES = re.compile("raw|draft|tile|turbo|fast|relax|hd|video|niji")
"""Flags that stand without a value; others do not."""
_OWN_VALUES = {"v": re.compile(r"[1-9](?:\.\d)?"), "ar": _RATIO_VALUE, "aspect": _RATIO_VALUE}
_DREAM = re.compile(r"\s-s ?\d{1,4} -S ?\d{1,20} -W ?\d{2,5} -H ?\d{2,5}\b")
"""InvokeAI's line of the years before it wrote JSON."""
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
_SIGNATURE = re.compile(r"Signature:\s*[A-Za-z0-9+/=_-]{64,}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_SIGNS = re.compile(r"[:：\[{—–]|\s-[-s]")
"""Every text of settings has one of these; names and titles as a rule have none."""
UNNAMED = "tool.unnamed"
"""Key of model/texts's values for a program that does not give its name."""
_PREFIX = re.compile(r"\s*(?:(prompt|workflow|extra_pnginfo)\s*[:=]?)?\s*(?=[{\[])", re.IGNORECASE)

_KEYWORDS: dict[str, str] = {
    "invokeai_metadata": "InvokeAI", "invokeai_graph": "InvokeAI", "invokeai_workflow": "InvokeAI",
    "sd-metadata": "InvokeAI", "Dream": "InvokeAI", "hf-job-id": "Higgsfield", "fooocus_scheme": "Fooocus",
    "use_stable_diffusion_model": "Easy Diffusion", "sui_image_params": "SwarmUI", "SD:mode": "Stable Diffusion",
    "StableDiffusionVersion": "Stable Diffusion", "smproj": "Stability Matrix", "parameters-json": "Stability Matrix",
}  # fmt: skip
"""PNG keywords that only one program writes."""
_COMMON_KEYWORDS = frozenset({
    "parameters", "prompt", "negative_prompt", "negative prompt", "workflow", "comfyui", "generation_data",
    "ai_metadata", "dream", "sd:prompt", "sd:negative_prompt", "sd:seed", "sd:steps", "sd:sampler", "postprocessing",
    "lora hashes", "model hash", "generation parameters", "generation info", "sd parameters", "sd metadata",
    "ai prompt",
    "sd prompt", "positive prompt",
})  # fmt: skip
"""PNG keywords, in lower case, under which many programs keep their settings and nobody keeps anything else."""
_KEYS: tuple[tuple[str, frozenset[str]], ...] = (
    ("SwarmUI", frozenset({"sui_image_params"})),
    ("Fooocus", frozenset({"fooocus_v2_expansion"})), ("Fooocus", frozenset({"metadata_scheme", "base_model"})),
    ("Fooocus", frozenset({"base_model", "adm_guidance"})), ("Fooocus", frozenset({"base_model", "refiner_switch"})),
    ("Easy Diffusion", frozenset({"use_stable_diffusion_model"})),
    ("InvokeAI", frozenset({"app_version", "generation_mode"})), ("InvokeAI", frozenset({"model_weights", "image"})),
    ("Draw Things", frozenset({"uc", "c", "sampler", "steps"})),
    ("NovelAI", frozenset({"v4_prompt"})), ("NovelAI", frozenset({"uc", "sampler", "signed_hash"})),
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
_MODEL_KEYS = ("model", "aimodel", "modelname", "engine")
"""Keys, without their lines, of the model that a prompt went to."""
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
        found = settings_program(text)
        if found is not None:
            return found
    if _JOB_AT_END.search(metadata.texts.get("Description", "")[:8192]) and "Author" in metadata.texts:
        return "Midjourney"
    found = _from_object(dict(metadata.texts))
    names = (keyword.lower() for keyword in metadata.texts)
    common = any(name in _COMMON_KEYWORDS or re.sub(r"[_-]", " ", name) in _COMMON_KEYWORDS for name in names)
    return found or (UNNAMED if common else None)


def is_settings(text: str) -> bool:
    """Whether a text is a generator's settings, whatever its field is called: a ComfyUI workflow is no camera."""
    return settings_program(text) is not None


def _texts(metadata: Metadata) -> Iterator[str]:
    yield from metadata.free_texts
    yield from metadata.xmp.values("prompt", "workflow")


def settings_program(text: str) -> str | None:
    """The program whose settings a text is; None where it is none."""
    if not _SIGNS.search(text):
        return None
    if _DRAW_THINGS.search(text[:65_536]):
        return "Draw Things"
    if _WEBUI.search(text[:65_536]):
        named = _VERSION.search(text[:65_536])
        return named[1] if named else "Stable Diffusion web UI"
    if _JOB.search(text[:8192]) and _MIDJOURNEY.search(text[:8192]):
        return "Midjourney"
    if _RATIO.search(text[:8192]) and _VERSION_FLAG.search(text[:8192]):
        return "Midjourney"
    if _DREAM.search(text[:8192]):
        return "InvokeAI"
    if _has_flags(text[:8192]):
        return "Midjourney"
    if _CHINESE.search(text[:8192]):
        return UNNAMED
    line = _NAMED.search(text[:8192])
    if line:
        return line[1]
    prefix = _PREFIX.match(text)
    if prefix is None:
        inner = _unpacked(text)
        return settings_program(inner) if len(inner) < len(text) else _from_pairs(text[:65_536])
    try:
        value, _ = json.JSONDecoder(strict=False).raw_decode(text[prefix.end() : prefix.end() + LONGEST])
    except (ValueError, RecursionError):
        workflow = '"class_type"' in text or ('"nodes"' in text and '"type"' in text)
        return "ComfyUI" if workflow else _from_pairs(text[:65_536])  # prompts begin with brackets, too
    return _from_object(value)


def _from_pairs(text: str) -> str | None:
    """The program whose settings a text holds as names and values, whatever their order."""
    found = set()
    for name, value in _PAIR.findall(text) if ":" in text else ():
        name = name.lower()
        shaped = (
            _NUMBER.match(value) if name in _OF_A_RUN else _PIXELS.match(value) if name == "size" else True
        )
        if shaped:
            found.add(name)
    if len(found) < ENOUGH or not (found & _OF_A_RUN and found & _OF_A_GENERATOR):
        return None
    named = _VERSION.search(text)
    return named[1] if named else UNNAMED


def _has_flags(text: str) -> bool:
    """Whether a text ends in flags as Midjourney's prompts do."""
    if "--" not in text and "—" not in text and "–" not in text:
        return False
    flags = {name: value for name, value in _FLAG.findall(text) if value or _SWITCHES.fullmatch(name)}
    own = {name for name in flags if _OWN_FLAGS.fullmatch(name)}
    own |= {name for name, shape in _OWN_VALUES.items() if name in flags and shape.fullmatch(flags[name])}
    return (len(flags) >= 2 and bool(own)) or bool(
        re.search(r"\s(?:--|—)(?:v|niji) [4-9](?:\.\d)?\s*$", text)
    )


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
    deeper = [settings_program(text) for text in packed if isinstance(text, str) and text.lstrip()[:1] == "{"]
    deeper += [_from_object(part) for key in _FOLDERS if isinstance(part := value.get(key), dict)]
    said = next((value[key] for key in value if str(key).lower().replace("_", "") in _MODEL_KEYS), "")
    model = named_tool(str(said)) if "prompt" in value else None
    deeper += [model.name] if model and model.kind == "generator" else []
    return next((found for found in deeper if found), None)


def _is_workflow(value: dict[str, Any]) -> bool:
    nodes = value.get("nodes")
    if not isinstance(nodes, list):
        return False
    return "last_node_id" in value or (bool(nodes) and isinstance(nodes[0], dict) and "type" in nodes[0])


def _is_grok(metadata: Metadata) -> bool:
    """xAI's pair: a signature as description and the picture's UUID as artist."""
    if not any(_SIGNATURE.match(text.lstrip()) for text in metadata.free_texts):
        return False
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
