"""Every sentence a verdict can give as its reason, in English and Chinese. One table; sentences speak of the picture.

>>> reason_text("pixel.defect_is_fake", "en", defect="hole", box=(10, 20, 40, 60))
'The hole at (10, 20) to (40, 60) itself looks made by an editor.'
"""

from typing import Literal, get_args

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = get_args(Language)

TEXTS: dict[str, dict[Language, str]] = {
    "pixel.local_regeneration": {
        "en": "Part of the picture carries traces of an AI generator; the rest looks like a camera's pixels.",
        "zh": "图片的一部分带有 AI 生成的痕迹，其余部分像是相机拍摄的像素。",
    },
    "pixel.whole_regeneration": {
        "en": "The whole picture carries traces of an AI generator, as when a chat editor redraws a photo.",
        "zh": "整张图片都带有 AI 生成的痕迹，类似用对话式修图工具重新生成的照片。",
    },
    "pixel.classical_edit": {
        "en": "Part of the picture carries traces of retouching, such as pasting, cloning or painting over.",
        "zh": "图片的一部分带有修图痕迹，例如拼接、克隆或涂抹。",
    },
    "pixel.no_trace": {
        "en": "No trace of generation or retouching was found in the pixels.",
        "zh": "未在像素中发现生成或修图的痕迹。",
    },
    "pixel.defect_is_fake": {
        "en": "The {defect} at ({box[0]}, {box[1]}) to ({box[2]}, {box[3]}) itself looks made by an editor.",
        "zh": "位于 ({box[0]}, {box[1]}) 至 ({box[2]}, {box[3]}) 的{defect}本身疑似由工具制作。",
    },
    "policy.inconclusive_band": {
        "en": "The evidence is too weak to decide either way; a person should look.",
        "zh": "证据不足以作出任何一种判断，需要人工查看。",
    },
    "policy.unsupported_condition": {
        "en": "The detector was not calibrated for pictures like this one ({what}): {gap}. {help}",
        "zh": "检测器未针对此类图片（{what}）校准：{gap}。{help}",
    },
    "policy.unstable": {
        "en": "Compressed once more, as every upload does, the same picture would be judged otherwise, so this verdict "
        "would not last; a person should look, best at the original file.",
        "zh": "再压缩一次（如每次上传）后，同一图片的判断会改变，结论不稳定，需要人工查看，最好查看原始文件。",
    },
    "policy.too_small": {
        "en": "The picture is too small to judge; ask for the original photo.",
        "zh": "图片尺寸过小，无法判断，请索取原图。",
    },
    "conditions.compression": {
        "en": "Last saved as JPEG at quality {quality}; the pixels show at least {count} lossy compression(s).",
        "zh": "最后一次保存为质量 {quality} 的 JPEG；像素显示至少经过 {count} 次有损压缩。",
    },
    "conditions.enlarged": {
        "en": "The picture is blurred or enlarged at pixel level, which hides traces.",
        "zh": "图片在像素级别上模糊或被放大过，可能掩盖痕迹。",
    },
    "conditions.low_reliability": {
        "en": "{share} of {where} is {what}; the heat map says little there.",
        "zh": "{where}有 {share} {what}，热力图在这些地方的参考价值有限。",
    },
    "metadata.aigc_label": {
        "en": "The file carries China's AI content label: {label}; producer: {producer}.",
        "zh": "文件带有人工智能生成合成内容标识：{label}；生成服务提供者：{producer}。",
    },
    "metadata.c2pa": {
        "en": "The file carries Content Credentials (C2PA) naming {generator}; their signature was not checked.",
        "zh": "文件带有内容凭证（C2PA），其中写明 {generator}；未验证其签名。",
    },
    "metadata.digital_source_type": {
        "en": "The metadata gives the digital source type “{source}”, that is {meaning}.",
        "zh": "元数据中的数字来源类型为“{source}”，即{meaning}。",
    },
    "metadata.generator_parameters": {
        "en": "The file carries the settings of an image generator ({tool}).",
        "zh": "文件中保存有图像生成工具（{tool}）的参数。",
    },
    "metadata.generator_name": {
        "en": "The metadata names a tool that generates pictures ({tool}).",
        "zh": "元数据中写明了图像生成工具（{tool}）。",
    },
    "metadata.generative_edit": {
        "en": "The file records an edit with a phone's generative tool ({tool}).",
        "zh": "文件记录了手机生成式编辑功能（{tool}）的操作。",
    },
    "metadata.editing_software": {
        "en": "The metadata names editing software ({tool}); cropping or brightening leaves the same note.",
        "zh": "元数据中写明了修图软件（{tool}）；仅裁剪或调亮也会留下同样的记录。",
    },
    "metadata.edit_history": {
        "en": "The metadata lists {count} editing step(s) ({actions}).",
        "zh": "元数据中记录了 {count} 个编辑步骤（{actions}）。",
    },
    "metadata.camera": {
        "en": "The metadata names a camera ({camera}). This supports the photo but proves nothing.",
        "zh": "元数据中写明了拍摄设备（{camera}）。这是有利的旁证，但不构成证明。",
    },
    "metadata.thumbnail_mismatch": {
        "en": "The small preview inside the file differs from the picture: the picture was changed after it was made.",
        "zh": "文件内嵌的缩略图与图片不一致：图片在生成缩略图之后被改动过。",
    },
    "metadata.none": {
        "en": "The file carries no information about its origin; chat apps remove it, so this says nothing.",
        "zh": "文件不含任何来源信息；聊天软件通常会将其清除，因此不能说明问题。",
    },
    "file.first_frame_only": {
        "en": "The file holds several frames; only the first was judged.",
        "zh": "文件包含多帧，仅判断了第一帧。",
    },
    "file.transparency_on_white": {
        "en": "The picture has transparent parts; they were judged on white, as web pages show them.",
        "zh": "图片含透明区域，已按网页常见的白色背景进行判断。",
    },
    "file.missing_end_marker": {
        "en": "The file lacks its end marker, but all its pixels are there.",
        "zh": "文件缺少结束标记，但像素完整。",
    },
    "claim.one_fake": {
        "en": "Photo {which} of {count} is fake, which is enough for this claim. Of claims whose photos are all "
        "authentic, this rule calls at most {bound} fake.",
        "zh": "该申请共 {count} 张图片，其中第 {which} 张被判为伪造，已足以认定。"
        "在图片全部真实的申请中，此规则误判的比例不超过 {bound}。",
    },
    "claim.several_fake": {
        "en": "{found} of the {count} photos of this claim are fake (numbers {which}). Of claims whose photos are all "
        "authentic, this rule calls at most {bound} fake.",
        "zh": "该申请共 {count} 张图片，其中 {found} 张被判为伪造（第 {which} 张）。"
        "在图片全部真实的申请中，此规则误判的比例不超过 {bound}。",
    },
    "claim.several_suspects": {
        "en": "No photo of this claim is surely fake by itself, but {found} of {count} are suspect (numbers {which}), "
        "which together is enough. Of claims whose photos are all authentic, this rule calls at most {bound} fake.",
        "zh": "该申请没有单独可认定为伪造的图片，但 {count} 张中有 {found} 张可疑（第 {which} 张），合起来足以认定。"
        "在图片全部真实的申请中，此规则误判的比例不超过 {bound}。",
    },
    "claim.fake_and_suspects": {
        "en": "Of the {count} photos of this claim, {found} are fake or suspect (numbers {which}), which together is "
        "enough. Of claims whose photos are all authentic, this rule calls at most {bound} fake.",
        "zh": "该申请共 {count} 张图片，其中 {found} 张被判为伪造或可疑（第 {which} 张），合起来足以认定。"
        "在图片全部真实的申请中，此规则误判的比例不超过 {bound}。",
    },
    "claim.authentic": {
        "en": "No trace of generation or retouching was found in any of the {count} photo(s) of this claim.",
        "zh": "该申请的 {count} 张图片均未发现生成或修图的痕迹。",
    },
    "claim.inconclusive": {
        "en": "The {count} photo(s) of this claim are not enough to decide either way; a person should look.",
        "zh": "仅凭该申请的 {count} 张图片不足以作出任何一种判断，需要人工查看。",
    },
}

WORDS: dict[str, dict[Language, str]] = {
    "hole": {"en": "hole", "zh": "破洞"},
    "stain": {"en": "stain", "zh": "污渍"},
    "mould": {"en": "mould", "zh": "霉斑"},
    "other": {"en": "damage", "zh": "损坏"},
    "gap.too_large": {
        "en": "it is larger than the photos it was measured on",
        "zh": "尺寸大于校准所用的照片",
    },
    "gap.too_small": {
        "en": "it is smaller than the photos it was measured on",
        "zh": "尺寸小于校准所用的照片",
    },
    "gap.quality": {
        "en": "its JPEG quality was not among those measured",
        "zh": "其 JPEG 质量不在校准范围内",
    },
    "gap.quality_unreadable": {"en": "its JPEG quality cannot be read", "zh": "无法读出其 JPEG 质量"},
    "gap.not_jpeg": {
        "en": "too few such files that are not JPEG were measured",
        "zh": "校准中此类非 JPEG 文件过少",
    },
    "gap.format": {"en": "files of this format were not measured", "zh": "校准中没有这种格式的文件"},
    "gap.enlarged": {
        "en": "it is a small copy that was enlarged, or is just as blurred, and has no detail of its own",
        "zh": "它是由小图放大而来，或模糊到同样程度，缺少可供判断的细节",
    },
    "help.too_large": {
        "en": "A copy of it as a chat or a shop shows it may be judged; else a person should look.",
        "zh": "可改用聊天或店铺页面中显示的版本，否则需要人工查看。",
    },
    "help.too_small": {"en": "Ask for the original, larger photo.", "zh": "请索取尺寸更大的原图。"},
    "help.quality": {"en": "Ask for the original file.", "zh": "请索取原始文件。"},
    "help.quality_unreadable": {"en": "Ask for the original file.", "zh": "请索取原始文件。"},
    "help.not_jpeg": {"en": "Ask for the original file, as JPEG.", "zh": "请索取 JPEG 格式的原始文件。"},
    "help.format": {
        "en": "Ask for the photo as JPEG, PNG or WebP.",
        "zh": "请索取 JPEG、PNG 或 WebP 格式的照片。",
    },
    "help.enlarged": {
        "en": "Ask for the original file, or a sharper photo taken closer.",
        "zh": "请索取原始文件，或更近、更清晰的照片。",
    },
    "label.generated": {"en": "generated by AI", "zh": "属于人工智能生成合成内容"},
    "label.possible": {"en": "possibly generated by AI", "zh": "可能为人工智能生成合成内容"},
    "label.suspected": {"en": "suspected to be generated by AI", "zh": "疑似人工智能生成合成内容"},
    "label.unclear": {"en": "present, without a known level", "zh": "存在，但级别不明"},
    "source.generated": {"en": "made by an AI model", "zh": "由 AI 模型生成"},
    "source.edited": {"en": "a photo edited with an AI model", "zh": "经 AI 模型编辑"},
    "source.camera": {"en": "taken by a camera", "zh": "由相机拍摄"},
    "source.other": {"en": "neither a plain photo nor an AI picture", "zh": "既非普通照片，也非 AI 图片"},
    "place.picture": {"en": "the picture", "zh": "图片"},
    "place.regions": {"en": "the marked area", "zh": "标出的区域"},
    "flaw.saturated": {"en": "over- or underexposed", "zh": "过曝或过暗"},
    "flaw.flat": {"en": "flat, without texture", "zh": "平坦而缺少纹理"},
    "flaw.blurred": {"en": "blurred", "zh": "模糊"},
    "flaw.grainy": {"en": "grainy", "zh": "噪点较多"},
    "flaw.busy": {"en": "crowded with detail", "zh": "细节过密"},
    "unnamed": {"en": "nobody by name", "zh": "（未写明）"},
}
"""Words that a sentence takes as a value: given by key, shown in the asked language."""


def reason_text(code: str, language: Language, **values: object) -> str:
    """The sentence for a reason. Values that are keys of WORDS are translated.

    Raises KeyError for a code that has no sentence or a value that the sentence needs and did not get.
    """
    shown = {
        name: WORDS[value][language] if isinstance(value, str) and value in WORDS else value
        for name, value in values.items()
    }
    return TEXTS[code][language].format(**shown)
