"""Every sentence a verdict can give as its reason, in English and Chinese. One table; sentences speak of the picture.

>>> reason_text("pixel.defect_is_fake", "en", defects=["hole", "stain"], marks=["1", "2"])
'The damage itself looks made by an editor: hole, stain (mark 1, 2 on the photo).'
"""

from typing import Literal, get_args

from refundlens.model.photo.sentences import FILE_TEXTS, FILE_WORDS

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
        "en": "The damage itself looks made by an editor: {defects} (mark {marks} on the photo).",
        "zh": "损坏处本身疑似由工具制作：{defects}（见图中标记 {marks}）。",
    },
    "pixel.small_defect_is_fake": {
        "en": "The damage itself looks made by an editor, in spots too small to mark: {defects}.",
        "zh": "损坏处本身疑似由工具制作，范围过小，未在图中标出：{defects}。",
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
    "policy.signed_ai": {
        "en": "The verdict rests on the signature of a trusted signer, who says that an AI model made the picture.",
        "zh": "结论依据受信任签名者的有效签名：其声明该图片由 AI 模型生成。",
    },
    "policy.declared_ai": {
        "en": "The pixels alone would pass, but the file is marked as AI-made; anyone can write such a mark, so a "
        "person should look.",
        "zh": "仅看像素可以通过，但文件带有 AI 标记；这类标记任何人都能写入，因此需要人工查看。",
    },
    "policy.broken_seal": {
        "en": "The pixels alone would pass, but the file's own signature does not hold; a person should look.",
        "zh": "仅看像素可以通过，但文件自带的签名验证未通过，需要人工查看。",
    },
    "policy.signed_camera": {
        "en": "The pixels alone would be called fake, but a trusted signer says that a camera took the picture; a "
        "person should look.",
        "zh": "仅看像素会被判为伪造，但受信任的签名者声明由相机拍摄，需要人工查看。",
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
    "reuse.other_claims": {
        "en": "The same picture, or a lightly edited copy of it, was used in other claims: {count}.",
        "zh": "这张图片（或其略作改动的版本）还用在了另外 {count} 笔售后申请中。",
    },
    "reuse.other_tenants": {
        "en": "The same picture, or a lightly edited copy of it, was used in claims at other marketplaces: {count}.",
        "zh": "这张图片（或其略作改动的版本）还在其他平台的 {count} 笔售后申请中出现过。",
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
    **FILE_TEXTS,
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
    "place.picture": {"en": "the picture", "zh": "图片"},
    "place.regions": {"en": "the marked area", "zh": "标出的区域"},
    "flaw.saturated": {"en": "over- or underexposed", "zh": "过曝或过暗"},
    "flaw.flat": {"en": "flat, without texture", "zh": "平坦而缺少纹理"},
    "flaw.blurred": {"en": "blurred", "zh": "模糊"},
    "flaw.grainy": {"en": "grainy", "zh": "噪点较多"},
    "flaw.busy": {"en": "crowded with detail", "zh": "细节过密"},
    **FILE_WORDS,
}
"""Words that a sentence takes as a value: given by key, shown in the asked language."""


_BETWEEN: dict[Language, str] = {"en": ", ", "zh": "、"}


def reason_text(code: str, language: Language, **values: object) -> str:
    """The sentence for a reason. Values that are keys of WORDS are translated, lists of them joined.

    Raises KeyError for a code that has no sentence or a value that the sentence needs and did not get.
    """
    return TEXTS[code][language].format(**{name: _shown(value, language) for name, value in values.items()})


def _shown(value: object, language: Language) -> object:
    if isinstance(value, str):
        return WORDS[value][language] if value in WORDS else value
    if isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
        return _BETWEEN[language].join(str(_shown(part, language)) for part in value)
    return value
