"""Tools that a file may name as its maker: those that generate pictures, and those that edit them.

In: the value of a field that names a program. Out: `Tool`s. A name counts only as a whole word, only in fields that
exist to name a program (`NAMING_FIELDS`), and in free text only after "made with" and its like: a description of canvas
shoes names no editor, a "Firefly garden lamp" no generator. Words that are also plain words (Imagen, Sora, Flux, Wan)
need the company or the version beside them.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import Literal

ToolKind = Literal["generator", "generative_editor", "editor"]
"""generative_editor: puts AI-made pixels into a photo. editor: anything else that changes one."""


@dataclass(frozen=True)
class Tool:
    name: str
    kind: ToolKind
    pattern: re.Pattern[str]


def _tool(kind: ToolKind, name: str, pattern: str = "") -> Tool:
    """pattern: for names that are not simply themselves. Latin words are bounded; Chinese has no word boundaries."""
    words = pattern or re.escape(name).replace(r"\ ", r"[\s_-]?")
    bounded = rf"(?:(?<![A-Za-z0-9])|(?=[^\x00-\x7f]))(?:{words})(?!(?<=[A-Za-z0-9])[A-Za-z])"
    return Tool(name, kind, re.compile(bounded, re.IGNORECASE))


_GENERATORS = (
    ("OpenAI", r"OpenAI|gpt[\s-]?image(?:[\s-]?\d(?:\.\d)?)?|gpt[\s-]?4o|ChatGPT|DALL[\s·•∙.-]?E(?:[\s-]?[23])?|"
         r"OpenAI Sora"
     r"|Sora[\s-]?[12]?(?=$|\s*(?:by OpenAI|\(OpenAI|/\d))"),
    ("Google AI", r"(?:made|created|edited|generated) (?:with|by|using) google(?:'s)?(?: ai|\s*$)|google (?:ai|flow|"
         r"imagen|gemini|deepmind|labs|veo|whisk)|^veo[\s-]?\d"
     r"|gemini[\s/-]?(?:\d|app|image|flash|pro)|^(?:gemini|imagen)$|imagen[\s/-]?[234]|"
          r"nano[\s-]?banana(?:\s?(?:pro|2))?|image[\s-]?fx"),
    ("Midjourney", "Midjourney|mid[\\s-]journey|niji[\\s-]?(?:journey|\\d)"),
    ("Stable Diffusion",
    r"stable[\s_-]?(?:diffusion|cascade)(?:[\s_-]?(?:web[\s_-]?ui|xl|3(?:\.5)?))?|SDXL|SD[\s-]?(?:1\.5|2\.1|3\.5|3)|"
         r"AUTOMATIC1111|A1111|SD\.?Next|(?:SD[\s-]?)?web[\s-]?ui forge|^(?:re)?Forge(?: Neo)?$|sd-webui|"
         r"Krita AI Diffusion|^(?:hugging ?face )?diffusers(?:[\s/]v?\d.*)?$|^mflux\b.*"),
    ("Stability AI", r"Stability(?:\.|\s)(?:AI|Matrix)|DreamStudio|Stable (?:Image|Assistant)|StableStudio"),
    ("FLUX",
    r"FLUX[\s._-]?[12](?:\.\d)?(?:[\s_-]?(?:dev|pro|schnell|kontext|krea|fill))?|FLUX[\s_-](?:dev|pro|schnell|"
         r"kontext)|Black Forest Labs|bfl\.ai|BFL API"),
    ("ComfyUI", ""), ("InvokeAI", "Invoke[\\s-]?AI"), ("NovelAI", ""),
    ("SwarmUI", "Swarm[\\s-]?UI|StableSwarmUI"), ("Fooocus", "(?:Ruined)?Fooocus"),
    ("Easy Diffusion", ""), ("Draw Things", "Draw Things"), ("DiffusionBee", ""),
    ("Mochi Diffusion", "Mochi Diffusion(?: [\\d.]+)?"),
    ("Stable Horde", ""),
    ("xAI Grok", r"Grok[\s-]?(?:Imagine|\d(?:\.\d)?|AI|Aurora|by xAI)|^Grok(?=\W*$)|xAI(?=$|\W)|^x\.ai$"),
    ("Adobe Firefly", r"Adobe[\s_-]?Firefly|^firefly(?:[\s/]?(?:image|v?\d).*)?$|Firefly Image(?:\s?\d)?|"
         r"Adobe (?:Gen\s?AI|Express AI)"),
    ("Microsoft Designer",
    r"^(?:GitHub )?Copilot$|Paint Cocreator|Microsoft Designer|Bing Image Creator|"
         r"Image Creator from (?:Designer|Microsoft)|Microsoft Copilot|"
         r"Copilot Designer|MAI-Image"),
    ("Meta AI", r"Meta AI|Imagin(?:e|ed) with (?:Meta|AI)|Emu by Meta"),
    ("Amazon Bedrock",
    r"amazon[ .](?:Bedrock|Titan|Nova)(?:[ -](?:Image Generator|Canvas))?|Titan Image Generator|Nova Canvas"),
    ("Ideogram", r"Ideogram(?:\.ai|\s?\d.*|\s?AI|,? Inc)?"), ("Leonardo.Ai", r"Leonardo[.\s]?AI"),
    ("Recraft", r"Recraft(?:\.?ai| AI|\s?v?\d.*)|^Recraft(?=\W*$)"),
    ("Playground AI", r"Playground (?:AI|v\d)|playground(?:ai|\.com)"), ("Krea", r"Krea(?:\.ai| AI| ?\d)"),
    ("Runway", r"^Runway$|Runway[\s]?(?:ML|AI|Gen)|Runway (?:Image|Video) Generation"),
    ("Luma AI", r"Luma[\s]?(?:AI|Labs|Photon|Dream Machine)|lumalabs"),
    ("Bria AI", r"Bria(?:\.ai| AI| ?\d\.\d| Artificial Intelligence)"),
    ("fal.ai", r"fal[.-]ai|Features & Labels"), ("Reve", r"Reve(?:\.com|\.art| Image| AI)"),
    ("Higgsfield", r"Higgsfield(?:\.ai| AI)?"),
    ("Freepik AI", r"Freepik (?:AI|Mystic)|Magnific(?:\.ai| AI)"), ("NightCafe", r"Night[\s]?Cafe"),
    ("Craiyon", ""), ("StarryAI", "Starry[\\s-]?AI"),
    ("WOMBO Dream", r"WOMBO(?: Dream)?|Dream by WOMBO"), ("Artbreeder", ""), ("getimg.ai", r"getimg\.ai"),
    ("SeaArt", r"Sea[\s]?Art(?:\.ai)?"),
    ("Tensor.Art", r"Tensor\.?Art|吐司"), ("Civitai", ""), ("LiblibAI", r"Liblib(?:\.?AI|\.art)?|哩布"),
    ("OpenArt", r"OpenArt(?:\.ai)?"),
    ("RunningHub", ""), ("Shutterstock AI", r"Shutterstock\.AI|Shutterstock AI"),
    ("Getty Images AI", r"Generative AI by (?:Getty Images|iStock)|(?:Getty Images|iStock) (?:Generative )?AI"),
    ("Canva Magic Media", r"Canva (?:Magic Media|AI|Dream Lab)|Magic Media|^Dream Lab$"),
    ("Picsart AI", r"Picsart AI(?: Image Generator)?"), ("Lensa", r"Lensa(?: AI)?"),
    ("Apple Image Playground", r"(?:Apple )?Image Playground"), ("Aphrodite AI", ""),
    ("Hailuo", r"Hailuo(?: AI)?|海螺(?:AI)?|MiniMax"),
    ("Doubao", r"Doubao|豆包(?:AI)?"),
    ("Jimeng / Dreamina", r"Jimeng|即梦(?:AI)?|Dreamina|Seedream(?:\s?\d.*)?|Seededit"),
    ("Volcengine / BytePlus", r"Volc(?:ano)?[\s]?Engine|火山引擎|BytePlus"), ("Xinghui", "Xinghui|星绘"),
    ("Qwen / Tongyi",
    r"Qwen(?:[\s-]?(?:Image|VL|Chat|\d).*)?|千问|Tongyi|通义(?:万相|千问)?|Wanxiang|万相|Wan[\s-]?\d\.\d(?:[\s-]?Image)?|"
         r"Z-Image"),
    ("Wenxin Yige / Baidu",
     r"Wenxin(?: Yige)?|文心(?:一格|一言|大模型)?|ERNIE(?:[\s-]?(?:ViLG|Bot|Image|iRAG))?|iRAG|百度AI"),
    ("Hunyuan / Yuanbao", r"Hunyuan(?:[\s-]?(?:DiT|Image|\d).*)?|混元|Yuanbao|腾讯元宝|元宝AI"),
    ("Kling", r"Kling(?:[\s.]?AI|[\s]?\d.*)|^Kling(?=\W*$)|可灵(?:AI)?|Kolors|可图"),
    ("Zhipu CogView", r"CogView(?:[\s-]?\d)?|智谱|GLM-Image"), ("Vidu", r"Vidu(?:\s?AI|\s?Q?\d.*)|^Vidu(?=\W*$)"),
    ("SenseMirage", r"SenseMirage|秒画"),
    ("Spark (iFlytek)", r"讯飞星火|星火绘[图画]"), ("Meitu WHEE", r"WHEE|美图设计室|MiracleVision|奇想智能"),
    ("Runware", ""), ("Replicate", r"^Replicate(?=\W*$)|Replicate\.com"), ("PixAI", r"PixAI(?:\.art)?"),
    ("Pollinations", r"Pollinations(?:\.ai)?"),
    ("DeepAI", r"DeepAI(?:\.org)?"), ("Mage", r"mage\.space"),
    ("360 AI", r"360智绘|360智脑"), ("JoyAI", r"言犀|JoyAI"),
    ("HiDream", r"HiDream(?:[\s-]?\w.*)?"), ("Step (阶跃)", r"阶跃(?:星辰|AI)?|Step[\s-]?1X(?:-Edit)?"),
    ("LongCat", r"LongCat-Image"), ("Janus", r"Janus[\s-]Pro.*|DeepSeek Janus"), ("OmniGen", r"OmniGen\d?"),
    ("Lumina", r"Lumina[\s-]Image.*"), ("PixArt", r"PixArt[\s-](?:Sigma|Alpha|Σ|α).*"), ("AuraFlow", ""),
    ("Kandinsky", r"Kandinsky[\s-]\d.*|GigaChat"), ("YandexART", r"Yandex\s?ART|Shedevrum|Шедеврум"),
    ("Deep Dream Generator", ""), ("Dezgo", ""), ("Perchance", r"^Perchance$|Perchance(?:\.org| AI)"), ("Yodayo", ""),
    ("Jasper Art", r"Jasper Art"), ("Stockimg.ai", r"Stockimg\.ai"), ("BlueWillow", ""),
    ("Lexica", r"^Lexica$|Lexica (?:Aperture|Art)|lexica\.art"), ("Scenario", r"scenario\.(?:gg|com)"),
    ("Phot.AI", r"Phot\.AI|PhotoAI"), ("Dreamlike.art", r"Dreamlike\.art"), ("Hotpot.ai", r"Hotpot\.ai"),
    ("neural.love", r"neural\.love"), ("ImagineArt", r"Imagine\.?Art"), ("Novita AI", r"Novita AI"),
    ("Together AI", r"Together AI"), ("Segmind", ""), ("Xiaoyunque", r"小云雀"), ("Coze", r"^Coze$|扣子(?:空间)?"),
    ("Qiyu AI", r"奇域(?:AI)?"), ("Duiyou", r"堆友"), ("Quark AI", r"造点(?:AI)?|夸克(?:AI|造点)"),
    ("Wujie AI", r"无界AI"),
    ("an AI generator",
     r"(?:made|created|generated|imagined|produced) (?:with|by|using) (?:generative )?"
     r"(?:AI|artificial intelligence)|AI[\s-]generated(?: (?:image|photo|picture|content))?"
     r"|(?:由|使用|通过)?\s?(?:AI|人工智能)\s?(?:智能)?(?:生成|合成|绘制|作图|创作|绘画)|生成式AI"
     r"|KI[\s-]generiert\w{0,2}|mit KI (?:erstellt|generiert|erzeugt)"
     r"|(?:générée?s?|créée?s?) (?:par|avec) (?:l['’])?(?:IA|intelligence artificielle)"
     r"|(?:generad[oa]s?|cread[oa]s?|gerad[oa]s?|criad[oa]s?|hech[oa]) (?:por|con|com) (?:IA|inteligencia artificial)"
     r"|generat[oa] (?:dall['’]|con l['’]|con )IA|AI(?:によって|で)生成|AI生成画像|AI로 생성|"
     r"(?:создано|сгенерировано) (?:с помощью )?ИИ"),
)  # fmt: skip
_GENERATIVE_EDITORS = (
    ("Apple Clean Up", r"Apple Photos (?:Clean Up|Generative Edit)"),
    ("Google Magic Editor", r"Magic (?:Editor|Eraser)|edited with google ai"),
    ("Samsung Galaxy AI", r"Galaxy AI|(?:Samsung )?(?:Generative Edit|Photo Assist)|Contains AI[\s-]generated content"),
    ("Photoshop Generative Fill",
     r"(?:Adobe )?(?:(?:Photoshop|Lightroom) )?Generative (?:Fill|Expand|Remove|Upscale)"),
    ("Luminar Generative Erase", r"(?:Luminar )?(?:Generative|Gen)[\s-]?(?:Erase|Swap)"),
    ("ClipDrop", ""), ("PhotoRoom", ""),
    ("an AI eraser", r"(?:\w+ )?AI (?:Erase[r]?|Expand|Replace|Remove[r]?|Retouch|Photo Editor)"),
    ("insMind", ""), ("WeShop AI", r"WeShop(?: AI)?"), ("Flair.ai", r"Flair\.ai"), ("Evoto AI", r"Evoto(?: AI)?"),
    ("cleanup.pictures", r"cleanup\.pictures"),
    ("Pixelcut", ""), ("Meitu AI", r"(?:美图|醒图|剪映|轻颜|美颜相机)\s?AI|"
                 r"AI(?:智能)?(?:消除|擦除|扩图|修图|去路人|改图|换装)|"
                 r"(?:Meitu|Picsart|Pixlr|Fotor|Facetune|AirBrush|YouCam) AI"),
    ("Remini", ""), ("Honor YOYO", r"(?:Honor|荣耀)\s?YOYO|YOYO\s?(?:AI|助手|智能体)"),
)  # fmt: skip
_EDITORS = (
    ("Adobe Photoshop",
    r"(?:Adobe )?Photoshop(?: (?:CC|CS\d?|Elements|Express|Camera Raw|Lightroom).*)?|^PS Express"),
    ("Adobe Lightroom", r"(?:Adobe )?(?:Photoshop )?Lightroom"),
    ("GIMP", ""), ("Meitu", r"Meitu(?:Pic)?|美图(?:秀秀)?|XiuXiu|BeautyPlus|BeautyCam|美颜相机|MyCam"),
    ("Snapseed", ""), ("Picsart", "PicsArt"),
    ("Canva", ""), ("VSCO", "VSCO(?:cam)?"), ("Xingtu", "Xingtu|醒图|Hypic"), ("CapCut", "CapCut|剪映|Jianying"),
    ("Facetune", r"Facetune\d?"),
    ("FaceApp", ""), ("Pixelmator", r"Pixelmator(?: Pro)?"), ("Affinity Photo", r"Affinity(?: Photo(?: \d)?)?"),
    ("Paint.NET", r"paint\.net"), ("Pixlr", r"Pixlr(?:\.com| [EX])?"),
    ("Fotor", ""), ("B612", ""), ("Faceu", "FaceU|轻颜(?:相机)?|Ulike"), ("ACDSee", r"ACDSee.*"),
    ("PhotoScape", r"PhotoScape(?: X)?"), ("PhotoDirector", "(?:CyberLink )?PhotoDirector"),
    ("AirBrush", ""), ("Polarr", ""), ("Afterlight", ""), ("Luminar", r"Luminar(?: (?:Neo|AI|\d))?|Skylum"),
    ("Topaz", r"Topaz (?:Labs|Photo AI|Gigapixel|Sharpen AI|DeNoise AI)|Gigapixel"),
    ("Capture One", r"Capture One(?: .*)?"), ("DxO PhotoLab", r"DxO(?: .*)?"), ("darktable", ""),
    ("RawTherapee", ""), ("Krita", ""), ("Photopea", ""),
    ("CorelDRAW / PaintShop", r"PaintShop(?: Pro)?.*|Corel(?:DRAW)?.*"), ("InShot", ""), ("TouchRetouch", ""),
    ("Retouch4me", ""), ("PhotoGrid", "Photo[\\s]?Grid"), ("Wuta", "无他相机|Wuta"),
    ("ON1", r"ON1 .*"), ("Pitu", "Pitu|天天P图"), ("Butter Camera", "黄油相机"), ("Gaoding", "稿定(?:设计)?"),
    ("Chuangkit", "创客贴"), ("Neo Imaging", "光影魔术手"), ("YouCam", r"YouCam (?:Perfect|Makeup)"),
    ("Prisma", r"^Prisma$"),
    ("Microsoft Photos / Paint",
    r"Microsoft (?:Windows )?(?:Photos?|Paint)(?: .*)?|Windows Photo Editor.*|Paint 3D"),
    ("ImageMagick", r"(?:Image|Graphics)Magick"), ("IrfanView", ""), ("XnView", r"XnView(?:MP)?"),
    ("Sketchbook", "Autodesk Sketchbook|Sketchbook"), ("Procreate", ""), ("ibis Paint", r"ibisPaint(?: X)?"),
    ("Samsung PhotoEditor", r"Samsung PhotoEditor|PhotoEditor_Re_Edit"),
)  # fmt: skip

TOOLS: tuple[Tool, ...] = (
    *(_tool("generative_editor", name, pattern) for name, pattern in _GENERATIVE_EDITORS),
    *(_tool("generator", name, pattern) for name, pattern in _GENERATORS),
    *(_tool("editor", name, pattern) for name, pattern in _EDITORS),
)
"""In order of what weighs more: the first that fits a value is what it names."""

NAMING_FIELDS: dict[str, tuple[str, ...]] = {
    "exif": ("software", "document", "image_editor", "image_editing_software", "raw_developer"),
    "xmp": (
        "CreatorTool", "softwareAgent", "Software", "AISystemUsed", "AISystemVersionUsed", "Credit", "Source",
        "CreativeSoftware", "Generator", "AIGenerator", "ImageEditingSoftware", "creatorTool",
    ),
    "iptc": ("program", "credit", "source"),
    "text": ("Software", "Source", "Generator", "generator", "Creator Tool", "AI Generator", "Credit", "software"),
}  # fmt: skip
"""Fields by block whose value is the name of a program (or a credit line, which generators fill with theirs)."""

LONGEST = 300
"""Characters of a field that are searched: a program's name is shorter."""
MOST_HISTORY = 1 << 16
"""Characters of an editor's record that are searched."""
_MADE_WITH = re.compile(
    r"\b(?:made|created|generated|edited|drawn|rendered|imagined|produced) (?:with|by|using|in) (?:the )?",
    re.IGNORECASE,
)
_GOES_ON = re.compile(r"\s+(?!on\b|at\b|for\b|and\b|via\b|v?\d)[a-z]")
"""A common noun behind a name: then the name belongs to it."""
_UNNAMED = re.compile(
    r"\W*(?:this |an? )?(?:image |picture |photo )?(?:is |was )?AI[ -]generated\b"
    r"(?!\s+(?!image|picture|photo|content|art|media|graphic|illustration|by\b|with\b|using\b|and\b|for\b)\w)",
    re.IGNORECASE,
)
_ABROAD = re.compile(
    r"\W*(?:(?:das |dieses |cette |l['’]|esta |la |uma )?(?:bild|foto|image|imagen|imagem|immagine)\s)?"
    r"(?:wurde |est |es |è )?(?=ki\W|mit ki|g[eé]n[eé]r|cr[eéi]|gerad|hech|ai[によでの로 생]|созд|сген)",
    re.IGNORECASE,
)
"""What may stand before "generated by AI" in other languages."""
_FIRST = re.compile(r"\s*([\w.\- ]{2,30}?)[ -](?:AI[ -])?generated (?:image|picture|photo)\b", re.IGNORECASE)
_CHINESE = re.compile(
    r"(?:^|[。！；，,;!\n|])[\W_]{0,4}(?:声明[:：]?)?(?:本|此|该|这)?[张幅]?(?:图片|图像|图|照片|内容|作品|画面?)?\s?(?:部分)?"
    r"(?:是|为|系|均)?(?:由|用|使用|通过)?\s?"
    r"(?P<said>[\w.\- ]{0,16}?(?:AI|人工智能)?\s?(?:智能)?(?:生成|绘制|创作|合成))"
    r"(?!的(?!\w{0,2}(?:图|照片|画|作品|内容)\w{0,2}(?:\W|$)))"
)
"""A sentence that says of the picture itself what made it; of anything else it says nothing here."""
_OF_THE_PICTURE = re.compile(
    r"(?:^|[.!?;:,\n|(\[–—-])\W*(?:(?:this|the|an?|my|image|picture|photo|photograph|art|artwork|content|illustration|"
    r"drawing|graphic|render|file|portrait|is|was|were|has|have|been|fully|partly|partially|and|then|or|ai|made|created|"
    r"generated|edited|digitally)\W+)*$",
    re.IGNORECASE,
)
"""What stands before "made with", where it is the picture that was made."""
_DENIED = re.compile(r"(?:\bnot|\bnever|n['’]t)\W+(?:\w+\W+)?$", re.IGNORECASE)
_OF_PIXELS = ("generated", "imagined", "rendered")
"""Verbs that are said of pictures only."""


_VERSION = re.compile(r"(?:\s?[\[(/:v\d].{0,30})?", re.IGNORECASE)
_PLAIN_NAMES = frozenset(
    {
        "sora",
        "gemini",
        "imagen",
        "firefly",
        "grok",
        "vidu",
        "kling",
        "recraft",
        "replicate",
        "flux",
        "runway",
        "copilot",
        "perchance",
        "lexica",
        "coze",
        "forge",
        "reforge",
        "diffusers",
        "堆友",
        "扣子",
        "dream lab",
        "吐司",
        "哩布",
    }
)
"""Names of tools that are people's and firms' names or plain words, too: "Imagen 4" is Spanish for "picture 4"."""


def credited_tool(value: str) -> Tool | None:
    """The generator or generative editor that a text names and nothing else, in a field where a person, a firm, a
    camera or a title should stand; a version may follow."""
    value = value.strip()
    tool = named_tool(value)
    if tool is None or tool.kind == "editor" or value.lower().rstrip(" .0123456789") in _PLAIN_NAMES:
        return None
    name = tool.pattern.match(value)
    return tool if name and _VERSION.fullmatch(value[name.end() :]) else None


def named_tool(value: str) -> Tool | None:
    """The tool that the value of a naming field names; None for one that is not in the table."""
    return _named(value[:LONGEST])


@lru_cache(maxsize=1024)
def _named(value: str) -> Tool | None:
    """Several readers ask about the same few values of one file, and a hundred patterns are tried for each."""
    return next((tool for tool in TOOLS if tool.pattern.search(value)), None)


def recorded_tool(history: str) -> Tool | None:
    """The generative tool that an editor's own record of its steps names."""
    steps = history[:MOST_HISTORY]
    return next(
        (tool for tool in TOOLS if tool.kind == "generative_editor" and tool.pattern.search(steps)), None
    )


def claimed_tool(text: str) -> tuple[Tool, str] | None:
    """The tool that free text says the picture was made with, and the words that say so; None where it says none."""
    text = text[:2000]
    for found in islice(_MADE_WITH.finditer(text), 8):
        before = text[max(0, found.start() - 80) : found.start()]
        of_pixels = found[0].lower().startswith(_OF_PIXELS) and not _DENIED.search(before)
        if not (of_pixels or _OF_THE_PICTURE.search(before)):
            continue
        rest = text[found.end() : found.end() + 80]
        for tool in TOOLS:
            for named in (rest, found[0] + rest):
                name = tool.pattern.match(named)
                if name and not _GOES_ON.match(named[name.end() :]):
                    return tool, (found[0] + rest).strip()
    first = _FIRST.match(text)
    said = named_tool(first[1]) if first else None
    if said is not None and said.kind == "generator":
        return said, text[:80]
    chinese = _CHINESE.search(text) if re.search("生成|绘制|创作|合成", text) else None
    named = chinese["said"] if chinese else ""
    said = next((tool for tool in TOOLS if tool.pattern.match(named)), None) if named else None
    if said is None and _says_ai(text):
        said = _BY_NAME["an AI generator"]
    return (said, text[:80]) if said and said.kind != "editor" else None


def _says_ai(text: str) -> bool:
    """Whether the text says of the picture that an AI made it, in English or another language of Europe or Asia."""
    abroad = _ABROAD.match(text)
    return bool(
        _UNNAMED.match(text) or (abroad and _BY_NAME["an AI generator"].pattern.match(text, abroad.end()))
    )


_BY_NAME = {tool.name: tool for tool in TOOLS}
