"""The diffusion editor on a tiny randomly initialised Stable Diffusion, and on a stand-in that records its calls."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from refundlens.datasets.editors.base import EditRequest
from refundlens.datasets.editors.diffusers_pipeline import DiffusersEditor, load_inpainting, load_instruction
from refundlens.datasets.editors.prompts import description, instruction
from refundlens.model.names import DEFECTS


@pytest.fixture
def request_() -> EditRequest:
    photo = np.random.default_rng(0).integers(60, 190, (96, 120, 3), dtype=np.uint8)
    region = np.zeros((96, 120), np.float32)
    region[40:60, 50:80] = 1
    return EditRequest(photo, photo, region, "stain")


class _Recorder:
    """A pipeline that answers a white picture of the size it was given."""

    def __init__(self) -> None:
        self.calls: list[dict[str, Any]] = []

    def __call__(self, **asked: Any) -> SimpleNamespace:
        self.calls.append(asked)
        return SimpleNamespace(images=[Image.new("RGB", asked["image"].size, "white")])


def test_spliced_inpainting_asks_for_the_defect_in_a_window(request_: EditRequest) -> None:
    pipeline = _Recorder()
    editor = DiffusersEditor(
        "sd", pipeline, product="blue jacket", resolution=64, arguments={"num_inference_steps": 3}
    )
    edit = editor.edit(request_, np.random.default_rng(0))
    (asked,) = pipeline.calls
    assert "blue jacket" in asked["prompt"] and asked["prompt"] == edit.parameters["prompt"]
    assert asked["num_inference_steps"] == 3
    assert asked["image"].size == asked["mask_image"].size == (asked["width"], asked["height"])
    assert max(asked["image"].size) == 64 and asked["width"] % 16 == asked["height"] % 16 == 0
    assert 0 < np.asarray(asked["mask_image"]).mean() < 255
    assert (edit.kind, edit.generator) == ("ai_edited", "sd")
    assert (edit.pixels[edit.changed == 1] == 255).all()
    np.testing.assert_array_equal(edit.pixels[edit.changed == 0], request_.photo[edit.changed == 0])


def test_whole_instruction_returns_all_of_the_answer(request_: EditRequest) -> None:
    pipeline = _Recorder()
    editor = DiffusersEditor("qwen", pipeline, task="instruction", mode="whole", resolution=64)
    edit = editor.edit(request_, np.random.default_rng(0))
    assert "mask_image" not in pipeline.calls[0] and "width" not in pipeline.calls[0]
    assert pipeline.calls[0]["image"].size == (64, 48)
    assert edit.kind == "ai_generated" and (edit.changed == 1).all() and (edit.pixels == 255).all()
    assert edit.pixels.shape == request_.photo.shape


def test_the_seed_follows_the_generator(request_: EditRequest) -> None:
    pipeline = _Recorder()
    editor = DiffusersEditor("sd", pipeline, resolution=64)
    for seed in (1, 1, 2):
        editor.edit(request_, np.random.default_rng(seed))
    seeds = [call["generator"].initial_seed() for call in pipeline.calls]
    assert seeds[0] == seeds[1] != seeds[2]


@pytest.mark.parametrize("defect", DEFECTS)
def test_every_defect_has_prompts(defect: Any) -> None:
    for phrase in (description, instruction):
        texts = {phrase(defect, "red shoe", np.random.default_rng(seed)) for seed in range(20)}
        assert len(texts) >= 2 and all("red shoe" in text for text in texts)


def test_without_diffusers_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    for load in (load_inpainting, load_instruction):
        with pytest.raises(ImportError, match=r"pip install -e .\.\[diffusers\]"):
            load("anything")


@pytest.fixture
def tiny_pipeline(tmp_path: Path) -> Callable[[str, int], Path]:
    """Writes a Stable Diffusion of a few thousand random weights; its UNet takes the given number of channels."""
    diffusers = pytest.importorskip("diffusers")
    transformers = pytest.importorskip("transformers")

    def write(kind: str, channels: int) -> Path:
        words = ["<|startoftext|>", "<|endoftext|>", *[chr(c) for c in range(33, 127)]]
        words += [f"{chr(c)}</w>" for c in range(33, 127)]
        folder = tmp_path / "tokenizer"
        folder.mkdir()
        (folder / "vocab.json").write_text(json.dumps({word: i for i, word in enumerate(words)}))
        (folder / "merges.txt").write_text("#version: 0.2\n")
        tokenizer = transformers.CLIPTokenizer(
            str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=77
        )
        text = transformers.CLIPTextModel(
            transformers.CLIPTextConfig(
                vocab_size=len(words), hidden_size=16, intermediate_size=16, num_hidden_layers=1,
                num_attention_heads=2, max_position_embeddings=77, bos_token_id=0, eos_token_id=1, pad_token_id=1,
            )
        )  # fmt: skip
        vae = diffusers.AutoencoderKL(
            block_out_channels=(8, 8), down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2, latent_channels=4, norm_num_groups=4,
        )  # fmt: skip
        unet = diffusers.UNet2DConditionModel(
            block_out_channels=(8, 16), layers_per_block=1, in_channels=channels, out_channels=4,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=16, attention_head_dim=4, norm_num_groups=4, sample_size=32,
        )  # fmt: skip
        pipeline = getattr(diffusers, kind)(
            vae=vae, text_encoder=text, tokenizer=tokenizer, unet=unet,
            scheduler=diffusers.DDIMScheduler(steps_offset=1, clip_sample=False),
            safety_checker=None, feature_extractor=None, requires_safety_checker=False,
        )  # fmt: skip
        pipeline.save_pretrained(tmp_path / "pipeline")
        return tmp_path / "pipeline"

    return write


def test_a_real_inpainting_pipeline_from_a_folder(
    tiny_pipeline: Callable[[str, int], Path], request_: EditRequest
) -> None:
    pipeline = load_inpainting(str(tiny_pipeline("StableDiffusionInpaintPipeline", 9)), safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    editor = DiffusersEditor("tiny", pipeline, resolution=64, arguments={"num_inference_steps": 2})
    first, again = (editor.edit(request_, np.random.default_rng(4)) for _ in range(2))
    np.testing.assert_array_equal(first.pixels, again.pixels)
    np.testing.assert_array_equal(first.pixels[first.changed == 0], request_.photo[first.changed == 0])
    assert (first.pixels != request_.photo)[first.changed == 1].mean() > 0.5


def test_a_real_instruction_pipeline_from_a_folder(
    tiny_pipeline: Callable[[str, int], Path], request_: EditRequest
) -> None:
    folder = tiny_pipeline("StableDiffusionInstructPix2PixPipeline", 8)
    pipeline = load_instruction(str(folder), safety_checker=None)
    pipeline.set_progress_bar_config(disable=True)
    editor = DiffusersEditor(
        "tiny",
        pipeline,
        task="instruction",
        mode="whole",
        resolution=64,
        arguments={"num_inference_steps": 2},
    )
    edit = editor.edit(request_, np.random.default_rng(4))
    assert edit.pixels.shape == request_.photo.shape and edit.kind == "ai_generated"
    assert (edit.pixels != request_.photo).mean() > 0.5
