"""Tools are known by name, as whole words, in fields that name tools; innocent words name none."""

import pytest

from refundlens.model.photo.ai_sentences import says_ai_made
from refundlens.model.photo.tools import TOOLS, claimed_tool, credited_tool, named_tool

GENERATORS = [
    "OpenAI", "ChatGPT", "GPT-4o", "gpt-image-1.5", "DALL·E 3", "DALL-E", "dalle-3", "Sora", "Gemini",
    "Google Gemini",
    "Gemini 2.5 Flash Image", "Imagen", "Imagen 4", "Google Imagen", "Nano Banana Pro", "Made with Google AI",
    "Midjourney",
    "Midjourney v7", "niji journey", "Stable Diffusion XL", "stable-diffusion-webui", "SDXL", "AUTOMATIC1111",
    "SD.Next",
    "Stability AI", "DreamStudio", "FLUX.1 [dev]", "FLUX.2", "Flux Kontext", "Black Forest Labs", "ComfyUI",
    "InvokeAI",
    "NovelAI", "SwarmUI", "Fooocus", "Easy Diffusion", "Draw Things", "Grok", "Grok Imagine", "xAI",
    "Adobe Firefly",
    "Adobe_Firefly", "Firefly", "Firefly Image 4", "Microsoft Designer", "Bing Image Creator", "Meta AI",
    "Imagined with AI",
    "Amazon Titan Image Generator", "Nova Canvas", "Ideogram", "Ideogram AI", "Leonardo.Ai", "Recraft V3",
    "Playground v2.5",
    "Krea.ai", "RunwayML", "Luma AI", "Bria AI", "fal-ai", "Reve Image", "Higgsfield", "Freepik AI",
    "NightCafe", "Craiyon",
    "StarryAI", "Dream by WOMBO", "Artbreeder", "SeaArt", "Tensor.Art", "Civitai", "LiblibAI", "OpenArt",
    "RunningHub",
    "Canva Magic Media", "Image Playground", "Hailuo AI", "海螺AI", "Doubao", "豆包",
    "豆包AI生成", "即梦", "即梦AI", "Dreamina",
    "Seedream 4.0", "火山引擎", "Qwen-Image", "Qwen-Image-Edit", "通义万相", "千问", "Wan2.7-Image",
    "文心一格", "ERNIE-ViLG",
    "混元", "Hunyuan Image 3.0", "腾讯元宝", "可灵AI", "Kling AI", "Kolors", "CogView-4", "Vidu",
    "秒画", "Made with AI",
    "AI generated", "AI-generated image", "AI生成", "由AI生成", "人工智能合成", "生成式AI", "DALL•E 3", "Veo 3",
    "Niji 6",
    "SD 1.5", "Stable Cascade", "SD WebUI Forge", "RuinedFooocus", "Krita AI Diffusion", "Stability Matrix",
    "x.ai",
    "Adobe Express AI", "Copilot", "amazon.titan-image-generator-v1", "playground.com", "Krea 1", "Runway",
    "Bria 3.2",
    "Canva Dream Lab", "星火绘画", "无界AI", "Step1X-Edit", "HiDream-I1", "Janus-Pro-7B", "Kandinsky 3",
    "Шедеврум", "Dezgo",
    "BlueWillow", "Lexica Aperture", "ImagineArt", "小云雀", "扣子", "堆友", "夸克AI", "Kling", "Kling AI",
    "Recraft",
    "Whisk", "Amuse 3.1", "OneDiff", "BAGEL-7B-MoT", "Photosonic", "Simplified AI", "Layer.ai",
    "Hyper3D Rodin", "Eden AI",
    "Pika Labs", "PixVerse", "Lovart", "Dzine", "stable-diffusion.cpp", "KoboldCpp", "SANA 1.5", "Emu3.5",
    "Chroma1-HD",
    "Pony Diffusion V6 XL", "Illustrious XL", "Animagine XL 4.0", "DreamShaper 8", "RealVisXL V5",
    "Riverflow 2.0", "FIBO",
    "WaveSpeedAI", "硅基流动", "Fireworks AI", "Prodia", "RunDiffusion", "Genspark", "天工AI", "妙鸭相机",
    "商汤日日新", "绘蛙",
    "Kakao Karlo", "뤼튼", "NextStep-1", "gpt-image-2", "Gemini 3 Pro Image", "Nano Banana 2", "MAI-Image-2",
    "Reve 1.5",
    "Vertex AI Imagen", "Mixboard", "HeadshotPro", "TikTok AI Alive", "Luma Uni-1", "Meta Vibes", "LocalAI",
    "Seedance 1.5",
    "Dola AI", "AI Image Generator", "AI Headshot Generator", "text2image", "Mistral Le Chat", "Perplexity AI",
    "GPT-5", "BFL FLUX", "sd_xl_base_1.0", "Comfy Cloud", "Invoke 6.9", "SD WebUI reForge", "Firefly Boards",
    "Adobe Express Generative AI", "Image Creator in Paint", "Leonardo Phoenix 1.0", "Luma Ray3", "Krea Realtime",
    "MuseSteamer", "Step-Image", "Artlist AI", "Envato ImageGen", "Mystic 2.5", "Stablecog", "生数科技", "蚂蚁灵光",
    "Kling Image 3.0 Omni", "Raphael AI", "Pollo AI", "Manus AI", "Pixel Studio", "Apple Intelligence", "即创",
    "小红书AI", "抖音AI", "WPS AI", "简单AI", "神采AI", "触站AI",
    "Replicate", "KI-generiert", "Image générée par IA", "Creado con IA", "AIによって生成", "AI로 생성",
]  # fmt: skip
GENERATIVE_EDITORS = [
    "Apple Photos Clean Up",
    "Magic Eraser",
    "Edited with Google AI",
    "Galaxy AI",
    "Generative Fill",
    "PhotoRoom",
    "AI消除",
    "Samsung Generative Edit",
    "Lightroom Generative Remove",
    "OPPO AI Eraser",
    "HyperOS AI Erase",
    "醒图AI",
    "荣耀YOYO",
    "Luminar Generative Erase",
    "insMind",
    "Evoto AI",
    "Pic Copilot",
    "PicWish",
    "Vmake",
    "Upscayl 2.11",
    "Real-ESRGAN x4plus",
]
EDITORS = [
    "Adobe Photoshop 26.1 (Windows)", "Adobe Photoshop Lightroom Classic 15.2.1", "GIMP 2.10.6", "美图秀秀",
    "Meitu", "Snapseed 2.22",
    "PicsArt", "Canva", "VSCO", "醒图", "剪映", "Facetune2", "Pixelmator Pro 3.5", "Affinity Photo 2",
    "paint.net 5.0", "Pixlr", "Fotor",
    "轻颜相机", "ACDSee Pro", "PhotoScape X", "Polarr", "Luminar Neo", "Topaz Photo AI", "Capture One 23",
    "darktable 4.8", "Photopea",
    "Windows Photo Editor 10.0", "ImageMagick 7.1", "Procreate", "Samsung PhotoEditor",
]  # fmt: skip
INNOCENT = [
    "", "17.3.1", "HDR+ 1.0.5", "Ver.1.13", "iPhone OS 17", "S918BXXU3", "canvas", "Imagen de producto",
    "Firefly garden lamp",
    "Fluxus", "Influx 3", "Wanda", "Sorano", "gimping", "Leonardo da Vinci", "Grokster", "revenue", "Brian",
    "Kreativ",
    "Kling GmbH", "Jan Kling", "Grok Smith", "Replicate Design Ltd", "Recraft Furniture", "Vidu GmbH", "YOYO",
    "Runway Hotel",
    "Copilot Boots", "Whisk Kitchen", "Perchance Ltd", "Janus", "Kandinsky Museum", "Samsung", "Google",
    "HONOR",
    "Karlo Horvat", "Amuse Inc.", "Odyssey Travel", "Layer Cake", "Fireworks 2026", "巧夺天工", "灵光一现",
    "日日新", "Sana Hotel",
    "Mistral", "Hedra Helix", "Rodin Museum", "Bagel shop", "diffusion filter", "AI Weiwei", "Poe",
    "Whisky Bar", "Counterfeit",
    "Invoke Photography", "Mystic River", "Reve de Paris", "GPT", "WPS Office", "Envato", "Adobe Stock",
    "Ideograms of Japan",
    "Vertex Tools", "Uni-1000", "Leonardo Hotels", "简单生活", "SD XLarge",
    "metaair", "openairy", "Luma keyer", "Canvas shoes", "vidunder", "Photo Mechanic 6",
]  # fmt: skip


def test_more_than_sixty_tools() -> None:
    assert len({tool.name for tool in TOOLS}) == len(TOOLS) > 100


@pytest.mark.parametrize("name", GENERATORS)
def test_generators(name: str) -> None:
    tool = named_tool(name)
    assert tool is not None
    assert tool.kind == "generator"


@pytest.mark.parametrize("name", GENERATIVE_EDITORS)
def test_generative_editors(name: str) -> None:
    tool = named_tool(name)
    assert tool is not None
    assert tool.kind == "generative_editor"


@pytest.mark.parametrize("name", EDITORS)
def test_editors(name: str) -> None:
    tool = named_tool(name)
    assert tool is not None
    assert tool.kind == "editor"


@pytest.mark.parametrize("name", INNOCENT)
def test_innocent_values_name_nothing(name: str) -> None:
    assert named_tool(name) is None


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Made with Midjourney", "Midjourney"), ("a shirt. Generated by Stable Diffusion XL",
    "Stable Diffusion"),
        ("Created with GIMP", "GIMP"), ("Generated by Luma AI's Uni-1 model", "Luma AI"),
        ("Made with AI", "an AI generator"),
        ("本图由豆包生成", "Doubao"), ("AI-generated image of a shirt", "an AI generator"),
        ("made with Google AI", "Google AI"),
        ("Created using DALL-E on openai.com", "OpenAI"),
        ("This image was created using artificial intelligence.", "an AI generator"),
        ("A shirt, made with Midjourney", "Midjourney"),
        ("Red cat generated with Stable Diffusion", "Stable Diffusion"),
        ("Photo edited with Photoshop Generative Fill", "Photoshop Generative Fill"),
        ("红色衬衫。本图由豆包生成", "Doubao"), ("内容由AI生成", "an AI generator"),
        ("AI生成的图片", "an AI generator"),
        ("KI-generiert", "an AI generator"), ("Mit KI erstellt", "an AI generator"),
        ("Image générée par IA", "an AI generator"),
        ("Creado con IA", "an AI generator"), ("AIによって生成", "an AI generator"),
        ("Сгенерировано ИИ", "an AI generator"),
    ],
)  # fmt: skip
def test_free_text_that_says_what_made_it(text: str, name: str) -> None:
    said = claimed_tool(text)
    assert said is not None
    assert said[0].name == name


@pytest.mark.parametrize(
    "text",
    [
        "white canvas shoes, sole came off", "Firefly garden lamp", "lamp made by Firefly garden parts",
        "photo made in Canada",
        "made by Flux fan shop", "created by Leonardo", "衣服创作", "my gemini necklace",
        "Grok: a science fiction novel, page torn",
        "Sora chair, leg broken", "Photoshop for beginners (book), cover stained", "runway dress with a hole",
        "合成革鞋开胶", "商品与AI生成的图不符", "卖家用AI生成的图片骗人", "不是AI生成",
        "my poster made with Midjourney is torn",
        "sticker made with Canva", "created by Vidu GmbH", "AI-generated excitement",
        "this photo was not generated by AI",
        "it is not made with AI", "Midjourney-style mug, handle broken",
    "the seller's picture was AI generated",
        "我用豆包生成的方案",
    ],
)  # fmt: skip
def test_free_text_that_only_mentions_names(text: str) -> None:
    assert claimed_tool(text) is None


@pytest.mark.parametrize(
    "text", ["Midjourney", "midjourney v7", "FLUX.1 [dev]", "fal-ai/flux", "Apple Photos Clean Up"]
)
def test_a_title_or_credit_that_is_a_tool_s_name(text: str) -> None:
    assert credited_tool(text) is not None


@pytest.mark.parametrize(
    "text",
    ["Sora", "Gemini 11", "Imagen 4", "Grok", "Midjourney fan shop", "GIMP", "Flux 2", "Kling", "a Firefly"],
)
def test_a_title_or_credit_that_is_not(text: str) -> None:
    assert credited_tool(text) is None


def test_a_batch_of_tools_finds_what_each_of_them_would() -> None:
    values = [
        *GENERATORS,
        *(f"by {name}, 2025" for name in GENERATORS),
        "canvas shoes",
        "",
        "Ver.1.0",
        "HUAWEI P30",
    ]
    for value in values:
        alone = next((tool for tool in TOOLS if tool.pattern.search(value)), None)
        if alone is not None or not says_ai_made(value):
            assert named_tool(value) is alone, value
