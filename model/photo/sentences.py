"""The sentences about a photo's file, in English and Chinese; `model.verdict.texts` shows them. No sentence says more
than the field it rests on: what metadata says is said to be said, what was verified is said to be verified.
"""

from typing import Literal

Sentence = dict[Literal["en", "zh"], str]

FILE_TEXTS: dict[str, Sentence] = {
    "metadata.aigc_label": {
        "en": "The file carries China's AI content label: {label}; producer: {producer}.",
        "zh": "文件带有人工智能生成合成内容标识：{label}；生成服务提供者：{producer}。",
    },
    "metadata.c2pa_trusted": {
        "en": "The file carries Content Credentials (C2PA) signed by {signer}, who is on the trust list; the signature "
        "is valid and fits this file.",
        "zh": "文件带有由 {signer} 签名的内容凭证（C2PA），该签名者在信任名单内；签名有效，且与本文件相符。",
    },
    "metadata.c2pa_valid": {
        "en": "The file carries Content Credentials (C2PA) of {generator}, signed by {signer}; the signature fits the "
        "file, but this signer is not on the trust list.",
        "zh": "文件带有 {generator} 的内容凭证（C2PA），由 {signer} 签名；签名与文件相符，但该签名者不在信任名单内。",
    },
    "metadata.c2pa_invalid": {
        "en": "The file's Content Credentials (C2PA), signed in the name of {signer}, do not hold: {fault}.",
        "zh": "文件的内容凭证（C2PA，签名者写为 {signer}）验证未通过：{fault}。",
    },
    "metadata.c2pa_unreadable": {
        "en": "The file carries Content Credentials (C2PA) naming {generator}; they are incomplete or damaged, so "
        "their signature could not be checked.",
        "zh": "文件带有写明 {generator} 的内容凭证（C2PA），但凭证不完整或已损坏，无法验证其签名。",
    },
    "metadata.c2pa_unchecked": {
        "en": "The file carries Content Credentials (C2PA) naming {generator}; their signature was not checked, "
        "because c2pa-python is not installed here.",
        "zh": "文件带有写明 {generator} 的内容凭证（C2PA）；本机未安装 c2pa-python，未验证其签名。",
    },
    "metadata.c2pa_remote": {
        "en": "The file says that its Content Credentials are kept elsewhere ({place}); they were not fetched.",
        "zh": "文件写明其内容凭证存放在别处（{place}），系统未去获取。",
    },
    "metadata.c2pa_actions": {
        "en": "Its Content Credentials list {count} step(s): {actions}.",
        "zh": "其内容凭证记录了 {count} 个步骤：{actions}。",
    },
    "metadata.c2pa_ingredients": {
        "en": "Its Content Credentials name {count} picture(s) it was made from: {titles}.",
        "zh": "其内容凭证写明由 {count} 个素材制成：{titles}。",
    },
    "metadata.c2pa_source": {
        "en": "{signer} signed that the picture is {meaning} (digital source type “{source}”); the signature is valid.",
        "zh": "{signer} 签名声明该图片{meaning}（数字来源类型“{source}”），签名有效。",
    },
    "metadata.digital_source_type": {
        "en": "The metadata gives the digital source type “{source}”, that is {meaning}.",
        "zh": "元数据中的数字来源类型为“{source}”，即{meaning}。",
    },
    "metadata.ai_system": {
        "en": "The metadata says that an AI system was used ({tool}).",
        "zh": "元数据写明使用了 AI 系统（{tool}）。",
    },
    "metadata.ai_prompt": {
        "en": "The metadata holds the prompt of an AI system (“{prompt}”).",
        "zh": "元数据中保存有给 AI 系统的提示词（“{prompt}”）。",
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
        "en": "The file records an edit with a generative tool ({tool}).",
        "zh": "文件记录了生成式编辑功能（{tool}）的操作。",
    },
    "metadata.synthid": {
        "en": "Google's generators also put an invisible mark (SynthID) into the pixels; only Google can read it, so "
        "it was not looked for.",
        "zh": "谷歌的生成工具还会在像素中加入不可见水印（SynthID）；只有谷歌能够读取，因此未作检查。",
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
    "metadata.device": {
        "en": "The metadata gives “{camera}” as maker and model, which is no maker of cameras known here.",
        "zh": "元数据中的厂商和型号为“{camera}”，不在已知的相机或手机厂商之列。",
    },
    "metadata.camera_agrees": {
        "en": "It also fits the camera that the metadata names ({camera}): {facts}. This can be forged, with effort.",
        "zh": "与元数据中写明的设备（{camera}）相符的还有：{facts}。要伪造也可以，但并不容易。",
    },
    "metadata.camera_contradicted": {
        "en": "It does not fit the camera that the metadata names ({camera}): {facts}. Saving it again in another "
        "program does this, too.",
        "zh": "与元数据中写明的设备（{camera}）不符的有：{facts}。用其他软件另存一次也会如此。",
    },
    "metadata.software": {
        "en": "The metadata names the program that wrote the file ({tool}).",
        "zh": "元数据中写明了保存文件的程序（{tool}）。",
    },
    "metadata.credit": {
        "en": "The metadata gives a credit (“{credit}”).",
        "zh": "元数据中有署名（“{credit}”）。",
    },
    "metadata.description": {
        "en": "The metadata holds a text (“{text}”) that names no tool.",
        "zh": "元数据中有一段文字（“{text}”），未写明任何工具。",
    },
    "metadata.thumbnail_mismatch": {
        "en": "The small preview inside the file differs from the picture: one of them was changed or replaced later, "
        "as cropping does, too.",
        "zh": "文件内嵌的预览图与图片不一致：其中之一在后来被改动或替换过，裁剪也会造成这种情况。",
    },
    "metadata.unread": {
        "en": "The file holds blocks that were not read, or not to their end ({places}); what they say is open.",
        "zh": "文件中有未能读取或未读完的数据块（{places}），其内容不明。",
    },
    "metadata.none": {
        "en": "The file carries no information about its origin; chat apps remove it, so this says nothing.",
        "zh": "文件不含任何来源信息；聊天软件通常会将其清除，因此不能说明问题。",
    },
    "file.preview_rotated": {
        "en": "The small preview inside the file is turned and shows the same picture, as after turning that upright.",
        "zh": "文件内嵌的预览图方向不同，但内容与图片一致，常见于旋转图片之后。",
    },
    "file.encoder": {
        "en": "The file's compression tables are those of {encoder}, which saved it last.",
        "zh": "文件的压缩量化表属于{encoder}，即最后一次由其保存。",
    },
    "file.screenshot": {
        "en": "The file calls itself a screenshot, so it is no camera's original.",
        "zh": "文件自称为屏幕截图，因此不是相机原图。",
    },
    "file.screen_size": {
        "en": "The picture has exactly the size of a phone's screen and names no camera, as screenshots do.",
        "zh": "图片尺寸与手机屏幕完全一致且未写明相机，与屏幕截图相同。",
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
    "file.stray_bytes": {
        "en": "Some bytes of the file belong to no pixel; they were skipped.",
        "zh": "文件中有一些不属于任何像素的字节，已跳过。",
    },
}

FILE_WORDS: dict[str, Sentence] = {
    "label.generated": {"en": "generated by AI", "zh": "属于人工智能生成合成内容"},
    "label.possible": {"en": "possibly generated by AI", "zh": "可能为人工智能生成合成内容"},
    "label.suspected": {"en": "suspected to be generated by AI", "zh": "疑似人工智能生成合成内容"},
    "label.unclear": {"en": "present, without a known level", "zh": "存在，但级别不明"},
    "source.generated": {"en": "made by an AI model", "zh": "由 AI 模型生成"},
    "source.edited": {"en": "a photo edited with an AI model", "zh": "经 AI 模型编辑"},
    "source.camera": {"en": "taken by a camera", "zh": "由相机拍摄"},
    "source.unknown": {"en": "a type that the vocabulary does not know", "zh": "词表中没有的类型"},
    "source.compositeSynthetic": {
        "en": "put together from pictures of which at least one was made by an AI model",
        "zh": "由多个素材合成，其中至少一个由 AI 模型生成",
    },
    "source.computationalCapture": {
        "en": "taken by a camera that computes several exposures into one",
        "zh": "由相机将多次曝光计算合成",
    },
    "source.algorithmicMedia": {
        "en": "made by a program that was not trained on pictures",
        "zh": "由未经图片训练的程序生成",
    },
    "source.algorithmicallyEnhanced": {
        "en": "enhanced by an algorithm, without generated content",
        "zh": "经算法增强，未加入生成内容",
    },
    "source.screenCapture": {"en": "a capture of a screen", "zh": "屏幕截取"},
    "source.virtualRecording": {"en": "a recording of a virtual scene", "zh": "虚拟场景的录制"},
    "source.composite": {"en": "put together from several pictures", "zh": "由多个素材合成"},
    "source.compositeCapture": {"en": "put together from several camera pictures", "zh": "由多张相机照片合成"},
    "source.humanEdits": {"en": "edited by a person without generative tools", "zh": "由人编辑，未使用生成式工具"},
    "source.minorHumanEdits": {
        "en": "a camera picture with minor corrections by a person",
        "zh": "经人轻微修正的相机照片",
    },
    "source.digitalCreation": {"en": "drawn by a person without generative tools", "zh": "由人绘制，未使用生成式工具"},
    "source.digitalArt": {"en": "drawn by a person", "zh": "由人绘制"},
    "source.softwareImage": {"en": "made by software", "zh": "由软件生成"},
    "source.dataDrivenMedia": {"en": "drawn from data", "zh": "由数据绘制"},
    "source.negativeFilm": {"en": "scanned from a negative", "zh": "扫描自负片"},
    "source.positiveFilm": {"en": "scanned from a slide", "zh": "扫描自正片"},
    "source.print": {"en": "scanned from a print", "zh": "扫描自印刷品或照片"},
    "source.empty": {"en": "an empty canvas", "zh": "空白画布"},
    "fault.signature": {"en": "the signature is invalid", "zh": "签名无效"},
    "fault.picture": {
        "en": "the picture's bytes are not those that were signed, so it was changed or saved again afterwards",
        "zh": "图片数据与签名时不同，即签名之后被改动或重新保存过",
    },
    "fault.statement": {"en": "a signed statement was changed afterwards", "zh": "已签名的声明在之后被改动"},
    "fault.certificate": {"en": "the signer's certificate is expired or revoked", "zh": "签名者的证书已过期或被吊销"},
    "fault.other": {"en": "their verification failed", "zh": "验证失败"},
    "camera.settings": {"en": "settings of a shot", "zh": "拍摄参数"},
    "camera.maker_note": {"en": "the maker's own block", "zh": "厂商自有数据块"},
    "camera.preview": {"en": "the preview", "zh": "预览图"},
    "camera.tables": {"en": "compression tables", "zh": "压缩量化表"},
    "encoder.Apple": {"en": "Apple's encoder (iPhone, Mac)", "zh": "苹果编码器（iPhone、Mac）"},
    "action.created": {"en": "created", "zh": "创建"}, "action.opened": {"en": "opened", "zh": "打开"},
    "action.edited": {"en": "edited", "zh": "编辑"}, "action.cropped": {"en": "cropped", "zh": "裁剪"},
    "action.resized": {"en": "resized", "zh": "缩放"}, "action.converted": {"en": "converted", "zh": "转换格式"},
    "action.placed": {"en": "another picture put in", "zh": "置入其他素材"},
    "action.color_adjustments": {"en": "colours adjusted", "zh": "调色"},
    "action.drawing": {"en": "drawn on", "zh": "绘制"}, "action.filtered": {"en": "filtered", "zh": "滤镜"},
    "action.orientation": {"en": "turned", "zh": "旋转"}, "action.published": {"en": "published", "zh": "发布"},
    "action.redacted": {"en": "redacted", "zh": "隐去部分信息"}, "action.removed": {"en": "removed", "zh": "移除"},
    "action.repackaged": {"en": "repackaged", "zh": "重新封装"},
    "action.transcoded": {"en": "transcoded", "zh": "转码"},
    "action.watermarked": {"en": "watermarked", "zh": "加水印"}, "action.dubbed": {"en": "dubbed", "zh": "配音"},
    "action.adjustedColor": {"en": "colours adjusted", "zh": "调色"}, "action.deleted": {"en": "deleted", "zh": "删除"},
    "action.addedText": {"en": "text added", "zh": "添加文字"}, "action.enhanced": {"en": "enhanced", "zh": "增强"},
    "unnamed": {"en": "nobody by name", "zh": "（未写明）"},
}  # fmt: skip
"""Words that these sentences take as a value, by key."""
