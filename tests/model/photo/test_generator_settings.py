"""Settings are known by their structure, in whatever field they lie."""

import json

import pytest

from refundlens.model.photo.exif import Exif
from refundlens.model.photo.generator_settings import UNNAMED, generator_settings, is_settings
from refundlens.model.photo.image import read_photo
from refundlens.model.photo.metadata import Metadata, read_metadata
from refundlens.model.photo.xmp import read_xmp
from tests.model.photo import build
from tests.model.photo.test_variations import said

_WORKFLOW = {"nodes": [{"type": "KSampler"}], "links": []}
_PROMPT = {"3": {"class_type": "KSampler", "inputs": {"seed": 7}}}
_UUID = "00000000-0000-4000-8000-000000000001"


def _text(text: object, key: str = "parameters") -> Metadata:
    return Metadata(texts={key: text if isinstance(text, str) else json.dumps(text)})


def _exif(**texts: str) -> Metadata:
    return Metadata(exif=Exif(texts=texts))


@pytest.mark.parametrize(
    ("metadata", "tool"),
    [
        (_text("a torn shirt\nSteps: 20, Sampler: Euler a, CFG scale: 7"), "Stable Diffusion web UI"),
        (_text("x\nSteps: 8, Sampler: x, CFG scale: 1, Version: ComfyUI", "Comment"), "ComfyUI"),
        (_text("x\nSteps: 30, Sampler: x, Seed: 1, Version: Fooocus v2.5.5"), "Fooocus"),
        (_text(_PROMPT, "prompt"), "ComfyUI"), (_text(_WORKFLOW, "workflow"), "ComfyUI"),
        (_exif(make="workflow:" + json.dumps(_WORKFLOW), model="prompt:" + json.dumps(_PROMPT)), "ComfyUI"),
        (_exif(description="Workflow: " + json.dumps(_WORKFLOW)), "ComfyUI"),
        (_text({"sui_image_params": {"prompt": "a", "model": "b"}}), "SwarmUI"),
        (_text("fooocus", "fooocus_scheme"), "Fooocus"),
        (_exif(user_comment=json.dumps({"base_model": "a", "metadata_scheme": "fooocus", "seed": 1})), "Fooocus"),
        (_text({"Fooocus V2 Expansion": "a", "Prompt": "b"}, "Comment"), "Fooocus"),
        (_text("sd15", "use_stable_diffusion_model"), "Easy Diffusion"),
        (_exif(user_comment=json.dumps({"use_stable_diffusion_model": "x", "prompt": "a"})), "Easy Diffusion"),
        (_text("{}", "invokeai_metadata"), "InvokeAI"), (_text("{}", "sd-metadata"), "InvokeAI"),
        (Metadata(texts={"Software": "NovelAI", "Comment": "{}"}), "NovelAI"),
        (_text({"uc": "a", "sampler": "k", "signed_hash": "x"}, "Comment"), "NovelAI"),
        (Metadata(xmp=read_xmp(build.xmp(
            "<exif:UserComment><rdf:Alt><rdf:li>" + json.dumps({"c": "a", "uc": "b", "sampler": "x", "steps": 4})
            + "</rdf:li></rdf:Alt></exif:UserComment>"))), "Draw Things"),
        (Metadata(xmp=read_xmp(build.xmp(
            "<dc:description>x\nSteps: 8, Sampler: DPM++, Guidance Scale: 4.0, Seed: 7</dc:description>"))),
            "Draw Things"),
        (_text(f"a torn shirt --ar 3:4 --v 7 Job ID: {_UUID}", "Description"), "Midjourney"),
        (_exif(description="Signature: " + "a" * 88, artist=_UUID), "xAI Grok"),
        (Metadata(iptc={"caption": "Signature: " + "a" * 88, "byline": _UUID}), "xAI Grok"),
        (_text("x", "hf-job-id"), "Higgsfield"),
        (_text({"prompt": "a", "negative_prompt": "b", "sampler": "c"}, "Comment"), UNNAMED),
    ],
)  # fmt: skip
def test_settings(metadata: Metadata, tool: str) -> None:
    assert generator_settings(metadata) == tool


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "Steps: take 20 steps to the left", "white shoes --ar they torn?", f"Job ID: {_UUID}",
        '{"prompt": "buy now"}',
        '{"seed": 7, "plant": "sunflower"}', "[1, 2]", '{"nodes": []}', "{" * 5000, '{"a":' * 3000,
    ],
)  # fmt: skip
def test_other_texts_are_no_settings(text: str) -> None:
    assert not is_settings(text)


def test_in_files() -> None:
    text = b"UNICODE\0" + "x\nSteps: 9, Sampler: DDIM, CFG scale: 4".encode("utf-16-be")
    data = build.webp((b"EXIF", build.tiff_block({}, {0x9286: (7, text)})))
    assert generator_settings(read_metadata(read_photo(data))) == "Stable Diffusion web UI"


LINES = {
    "sd.next": "a mug\nSteps: 20| Size: 1024x1024| Seed: 1| Sampler: Euler| App: SD.Next| Version: 1",
    "civitai": "a mug\nNegative prompt: \nSteps: 28, Size: 832x1216, Seed: 1, Civitai resources: []",
    "civitai, qwen": "a mug\nSize: 832x832, Seed: 12, engine: qwen, Steps: 30, cfgScale: 4, Civitai metadata: {}",
    "lines": "a mug\nSteps: 20\nSampler: Euler a\nCFG scale: 7\nSeed: 1",
    "koboldcpp": "cat | Steps: 20 | CFGScale: 5 | Guidance: 3.5 | Seed: 3 | Size: 512x512 | Sampler: Euler",
    "fooocus": "Prompt: cat, Fooocus V2 Expansion: cat, Performance: Speed, Guidance Scale: 4.0, "
    "Seed: 1, Version: Fooocus v2.5.5",
    "easy diffusion": "mug\nSeed: 1\nStable Diffusion model: a\nNumber of inference steps: 25\nGuidance Scale: 7.5",
    "novelai 4": '{"prompt": "x", "steps": 28, "v4_prompt": {"caption": {}}, "sampler": "k_euler"}',
    "invokeai 2": '"a mug" -s 50 -S 1 -W 512 -H 512 -C 7.5 -A k_lms',
    "midjourney 7": "a torn shirt --raw --stylize 250 --sw 30 --exp 5 --v 7.0",
    "midjourney, version alone": "a torn shirt on a table --v 7",
    "midjourney, dashes": "a torn shirt —ar 3:4 —v 6.1",
    "json of an api": '{"prompt": "mug", "aiModel": "DALL-E 3"}',
}
"""What recent programs write where the line of the web UI's is not."""


@pytest.mark.parametrize("text", LINES.values(), ids=LINES)
def test_settings_in_the_lines_of_recent_programs(text: str) -> None:
    assert is_settings(text)


@pytest.mark.parametrize(
    "text",
    [
        "Steps: 3, Size: 10x10, Seed: 4 packs",
        "Sampler: tea box, Size: 20x20, Steps: 3",
        "Model: Flux, Size: L, Seed: 4",
        "Scheduler: Monday, Model: A, Version: 2, App: Shop",
        "use --ar 16:9",
        "cut --v cold",
        "ladder, steps: 5; seed: 1",
        "ffmpeg --q 3 --hd",
        "a — b – c",
        "--no returns --fast delivery",
    ],
)
def test_words_that_are_no_settings(text: str) -> None:
    assert not is_settings(text)


@pytest.mark.parametrize("key", ["smproj", "parameters-json", "generation_info", "sd-prompt", "SwarmUI"])
def test_keywords_of_recent_programs(key: str) -> None:
    assert "metadata.generat" in said(build.png({key: "a torn shirt"}))
