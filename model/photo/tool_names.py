"""The table of tools: a name for people, and the words by which files name each, as a regular expression.

Out: three tuples of (name, pattern), what weighs more first; "" where a name is simply itself. `model.photo.tools`
bounds each pattern to whole words. Names that are plain words, too, are anchored to the whole field, or have company.
"""

Names = tuple[tuple[str, str], ...]

GENERATORS: Names = (
    ("OpenAI",
     r"OpenAI|gpt[\s-]?image(?:[\s-]?\d(?:\.\d)?)?|gpt[\s-]?(?:4o|5(?:\.\d)?)|ChatGPT|"
     r"DALL[\s·•∙.-]?E(?:[\s-]?[23])?|OpenAI Sora|Sora[\s-]?[12]?(?=$|"
     r"\s*(?:by OpenAI|\(OpenAI|/\d))"),
    ("Google AI",
     r"(?:made|created|edited|generated) (?:with|by|using) google(?:'s)? ai|"
     r"generated (?:with|by|using) google\s*$|(?:google|"
     r"vertex ai) (?:ai|flow|imagen|gemini|deepmind|labs|veo|whisk|mixboard|vids)|^veo[\s-]?\d|"
     r"^whisk$|^mixboard$|gemini[\s/-]?(?:\d|app|image|flash|pro)|^(?:gemini|imagen)$|"
     r"imagen[\s/-]?[2-9](?![\d])|nano[\s-]?banana(?:\s?(?:pro|2))?|image[\s-]?fx"),
    ("Midjourney", r"Midjourney|mid[\s-]journey|niji[\s-]?(?:journey|\d)"),
    ("Stable Diffusion",
     r"sd_xl(?:_(?:base|refiner|turbo))?(?:_\d.*)?|stable[\s_-]?(?:diffusion|cascade)(?:[\s_-]?(?:web[\s_-]?ui|"
     r"xl|3(?:\.5)?))?|SDXL|"
     r"SD[\s-]?(?:1\.5|2\.1|3\.5|3)(?!\d)|AUTOMATIC1111|A1111|SD\.?Next|"
     r"(?:SD[\s-]?)?web[\s-]?ui (?:re)?forge|^(?:re)?Forge(?: Neo)?$|sd-webui|Krita AI Diffusion|sd\.cpp|"
     r"^(?:hugging ?face )?diffusers(?:[\s/]v?\d.*)?$|^mflux\b.*"),
    ("Stability AI", r"Stability(?:\.|\s)(?:AI|Matrix)|DreamStudio|Stable (?:Image|Assistant)|StableStudio"),
    ("FLUX",
     r"FLUX[\s._-]?[12](?:\.\d)?(?:[\s_-]?(?:dev|pro|schnell|kontext|krea|fill))?|"
     r"FLUX[\s_-](?:dev|pro|schnell|kontext)|Black Forest Labs|bfl\.ai|BFL (?:API|FLUX)"),
    ("ComfyUI", "ComfyUI|Comfy (?:Cloud|Org)"),
    ("InvokeAI", r"Invoke[\s-]?AI|^Invoke(?: Community Edition)?(?: v?\d.*)?$"), ("NovelAI", ""),
    ("SwarmUI", r"Swarm[\s-]?UI|StableSwarmUI"), ("Fooocus", "(?:Ruined)?Fooocus"), ("Easy Diffusion", ""),
    ("Draw Things", "Draw Things"), ("DiffusionBee", ""),
    ("Mochi Diffusion", r"Mochi Diffusion(?: [\d.]+)?"), ("Stable Horde", ""),
    ("xAI Grok", r"Grok[\s-]?(?:Imagine|\d(?:\.\d)?|AI|Aurora|by xAI)|^Grok(?=\W*$)|xAI(?=$|\W)|^x\.ai$"),
    ("Adobe Firefly",
     r"Adobe[\s_-]?Firefly|^firefly(?:[\s/]?(?:image.*|v?\d(?:\.\d)?))?$|Firefly (?:Image(?:\s?\d)?|Boards)|"
     r"Adobe (?:Gen\s?AI|Express (?:Generative )?AI|Stock AI)"),
    ("Microsoft Designer",
     "^(?:GitHub )?Copilot$|Paint Cocreator|Image Creator in Paint|Paint Image Creator|Microsoft Designer|"
     "Bing Image Creator|"
     "Image Creator from (?:Designer|Microsoft)|Microsoft Copilot|Copilot Designer|MAI-Image"),
    ("Meta AI", r"Meta AI|Meta Vibes|Vibes by Meta|Imagin(?:e|ed) with (?:Meta|AI)|Emu by Meta|Imagine[\s]?Me"),
    ("Amazon Bedrock",
     "amazon[ .](?:Bedrock|Titan|Nova)(?:[ -](?:Image Generator|Canvas))?|"
     "Titan Image Generator|Nova Canvas"),
    ("Ideogram", r"Ideogram(?:\.ai|\s?\d.*|\s?AI|,? Inc)?"),
    ("Leonardo.Ai", r"Leonardo[.\s]?AI|Leonardo (?:Phoenix|Lucid|Kino)(?: \d.*| XL)?"),
    ("Recraft", r"Recraft(?:\.?ai| AI|\s?v?\d.*)|^Recraft(?=\W*$)"),
    ("Playground AI", r"Playground (?:AI|v\d)|playground(?:ai|\.com)"), ("Krea", r"Krea(?:\.ai| AI| ?\d| Realtime)"),
    ("Runway",
     r"^Runway$|^gen-?[34](?:\.\d)?[_-](?:image|turbo|aleph).*|"
     r"Runway[\s]?(?:ML|AI|Gen)|Runway (?:Image|Video) Generation"),
    ("Luma AI", r"^Uni-1$|Luma[\s]?(?:AI|Labs|Photon|Ray\s?\d|Dream Machine|Uni-?\d)|lumalabs"),
    ("Bria AI", r"Bria(?:\.ai| AI| ?\d\.\d| Artificial Intelligence| FIBO)|^FIBO$"),
    ("fal.ai", "fal[.-]ai|Features & Labels"), ("Reve", r"^Reve$|Reve(?:\.com|\.art| Image| AI|[ -]\d(?:\.\d)?)"),
    ("Higgsfield", r"Higgsfield(?:\.ai| AI)?"),
    ("Freepik AI", r"Freepik (?:AI|Mystic|Pikaso|Spaces)|Mystic \d\.\d|Magnific(?:\.ai| AI)"),
    ("NightCafe", r"Night[\s]?Cafe"), ("Craiyon", ""), ("StarryAI", r"Starry[\s-]?AI"),
    ("WOMBO Dream", "WOMBO(?: Dream)?|Dream by WOMBO"), ("Artbreeder", ""), ("Artlist AI", r"Artlist(?:\.io)? AI"),
    ("Envato AI", "Envato (?:ImageGen|AI)"),
    ("Pomelli", ""), ("Stablecog", ""), ("PromeAI", "PromeAI|神采AI"), ("Vizcom", ""), ("Picogen", ""),
    ("Xiaohongshu AI", "小红书AI|点点AI"), ("Douyin AI", "抖音AI"), ("WPS AI", ""), ("Jiandan AI", "简单AI"),
    ("Huashi / Chuzhan AI", "触站AI"), ("getimg.ai", r"getimg\.ai"),
    ("SeaArt", r"Sea[\s]?Art(?:\.ai)?"), ("Tensor.Art", r"Tensor\.?Art|吐司"), ("Civitai", ""),
    ("LiblibAI", r"Liblib(?:\.?AI|\.art)?|哩布|星流AI|^星流$|Lovart(?:\.ai| AI)?"),
    ("OpenArt", r"OpenArt(?:\.ai)?"), ("RunningHub", ""),
    ("Shutterstock AI", r"Shutterstock\.AI|Shutterstock AI"),
    ("Getty Images AI",
     "Generative AI by (?:Getty Images|iStock)|(?:Getty Images|iStock) (?:Generative )?AI"),
    ("Canva Magic Media", "Canva (?:Magic Media|AI|Dream Lab)|Magic Media|^Dream Lab$"),
    ("Picsart AI", "Picsart AI(?: Image Generator)?"), ("Lensa", "Lensa(?: AI)?"),
    ("Apple Image Playground", "(?:Apple )?Image (?:Playground|Wand)|Apple Intelligence"), ("Aphrodite AI", ""),
    ("Raphael AI", ""), ("Pollo AI", ""), ("Manus AI", ""), ("Google Pixel Studio", "(?:Google )?Pixel Studio"),
    ("Jichuang", "即创AI|^即创$"),
    ("Hailuo", "Hailuo(?: AI)?|海螺(?:AI)?|MiniMax"), ("Doubao", "Doubao|豆包(?:AI)?|Dola AI|^Dola$"),
    ("BAGEL", r"(?:ByteDance[\s-])?BAGEL-7B.*|ByteDance BAGEL|^BAGEL$"),
    ("TikTok AI", "TikTok (?:Symphony|AI Alive|AI)|^(?:AI Alive|Symphony Assistant)$"),
    ("Jimeng / Dreamina", r"Jimeng|即梦(?:AI)?|Dreamina|Seedream(?:\s?\d.*)?|Seed(?:edit|ance)(?:\s?\d.*)?"),
    ("Volcengine / BytePlus", r"Volc(?:ano)?[\s]?Engine|火山引擎|BytePlus"), ("Xinghui", "Xinghui|星绘"),
    ("Qwen / Tongyi",
     r"Qwen(?:[\s-]?(?:Image|VL|Chat|\d).*)?|千问|Tongyi|通义(?:万相|千问)?|Wanxiang|万相|"
     r"Wan[\s-]?\d\.\d(?:[\s-]?Image)?|Z-Image"),
    ("Wenxin Yige / Baidu",
     r"Wenxin(?: Yige)?|文心(?:一格|一言|大模型)?|文小言|ERNIE(?:[\s-]?(?:ViLG|Bot|Image|iRAG))?|iRAG|百度AI|"
     r"MuseSteamer|百度蒸汽机"),
    ("Hunyuan / Yuanbao", r"Hunyuan(?:[\s-]?(?:DiT|Image|\d).*)?|混元|Yuanbao|腾讯元宝|元宝AI|^元宝$"),
    ("Kling",
     r"Kling(?:[\s.]?AI|[\s]?\d.*|[\s-]?O\d.*|[\s]Image[\s]?\d.*)|^Kling(?=\W*$)|可灵(?:AI)?|Kolors|(?:快手)?可图"),
    ("Zhipu CogView", r"CogView(?:[\s-]?\d)?|智谱|GLM-Image|智谱清言|清言AI"),
    ("Vidu", r"ShengShu(?: Vidu)?|生数科技|Vidu(?:\s?AI|\s?Q?\d.*)|^Vidu(?=\W*$)"),
    ("SenseMirage", "SenseMirage|SenseNova|秒画|商汤日日新"), ("Spark (iFlytek)", "讯飞星火|星火绘[图画]"),
    ("Meitu WHEE", "WHEE|美图设计室|MiracleVision|奇想智能"), ("Runware", ""),
    ("Replicate", r"^Replicate(?=\W*$)|Replicate\.com"), ("PixAI", r"PixAI(?:\.art)?"),
    ("Pollinations", r"Pollinations(?:\.ai)?"), ("DeepAI", r"DeepAI(?:\.org)?"), ("Mage", r"mage\.space"),
    ("360 AI", "360智[绘图脑]"), ("JoyAI", "言犀|JoyAI"), ("HiDream", r"HiDream(?:[\s-]?\w.*)?"),
    ("Step (阶跃)", r"阶跃(?:星辰|AI)?|Step[\s-]?1X(?:-Edit)?|Step-Image.*"), ("LongCat", "LongCat-Image"),
    ("Janus", r"Janus[\s-]Pro(?:[\s-]\d.*)?(?=\W*$)|DeepSeek Janus"), ("OmniGen", r"OmniGen\d?"),
    ("Lumina", r"Lumina[\s-]Image.*"), ("PixArt", r"PixArt[\s-](?:Sigma|Alpha|Σ|α).*"), ("AuraFlow", ""),
    ("Sana", r"(?:NVIDIA )?SANA(?:[\s_-]Sprint)?[\s_-]?(?:\d\.\d\w?).*"),
    ("Emu (BAAI)", r"Emu[23](?:\.\d)?"), ("Chroma", "Chroma1-(?:HD|Base|Flash|Radiance)"),
    ("Ovis-Image", "Ovis-Image.*"), ("NextStep", "NextStep-1.*"), ("DeepFloyd", "DeepFloyd(?: IF)?"),
    ("Riverflow", r"Riverflow \d.*"),
    ("Skywork", r"天工AI|^天工$|昆仑天工|^Skywork$|Skywork(?:[\s-]?(?:AI|UniPic).*)"),
    ("Ant Ling", "灵光AI|^灵光$|蚂蚁灵光|Ming-(?:UniVision|Omni|lite).*"),
    ("Uni-Image models", r"Show-o\d?|BLIP3o.*|FireRed-Image.*|DreamOmni\d?"),
    ("an open diffusion model",
     r"Pony[\s_-]?(?:XL|V\d.*)|Illustrious[\s_-]?XL.*|NoobAI(?:[\s_-]?XL)?.*|"
     r"Animagine(?:[\s_-]?XL)?.*|Juggernaut[\s_-]?(?:XL|Pro|Lightning).*|RealVis(?:XL)?.*|"
     r"DreamShaper.*|Realistic[\s_-]?Vision.*|epiCRealism.*|CyberRealistic.*|majicMIX.*|"
     r"ChilloutMix.*|AbsoluteReality.*|Counterfeit-V\d.*|Anything[\s_-]?V[345].*"),
    ("Kandinsky", r"Kandinsky[\s-]\d.*|GigaChat"), ("YandexART", r"Yandex\s?ART|Shedevrum|Шедеврум"),
    ("Deep Dream Generator", ""), ("Dezgo", ""), ("Perchance", r"^Perchance$|Perchance(?:\.org| AI)"),
    ("Yodayo", ""), ("Jasper Art", "Jasper Art"), ("Stockimg.ai", r"Stockimg\.ai"), ("BlueWillow", ""),
    ("Lexica", r"^Lexica$|Lexica (?:Aperture|Art)|lexica\.art"), ("Scenario", r"scenario\.(?:gg|com)"),
    ("Phot.AI", r"Phot\.AI|PhotoAI|^Photo AI$"), ("Dreamlike.art", r"Dreamlike\.art"),
    ("Hotpot.ai", r"Hotpot\.ai"), ("neural.love", r"neural\.love"), ("ImagineArt", r"Imagine\.?Art"),
    ("Novita AI", r"Novita(?:\.ai| AI)"), ("WaveSpeed", r"Wave[\s]?Speed(?:\.?AI| AI)"),
    ("SiliconFlow", "SiliconFlow|硅基流动"), ("Fireworks AI", r"Fireworks(?:\.ai| AI)"), ("Prodia", ""),
    ("ModelsLab", r"Models[\s]?Lab"), ("DeepInfra", ""), ("Nebius", "Nebius (?:AI Studio|Token Factory)"),
    ("Clarifai", ""), ("Eden AI", r"Eden[\s]?AI"), ("Kie.ai", r"Kie\.ai"), ("PiAPI", ""),
    ("ImageRouter", ""), ("Monster API", r"Monster[\s]?API"), ("OneDiff", ""),
    ("KoboldCpp", "Kobold(?:Cpp| AI)"), ("LocalAI", r"LocalAI|Open[\s-]?WebUI"),
    ("Imaginairy", "imaginAIry"), ("Amuse", r"^Amuse(?:$|[\s/]v?\d.*)|Amuse AI"),
    ("FramePack", "FramePack(?: Studio)?"), ("Layer AI", r"Layer(?:\.ai| AI)"),
    ("Rodin", r"Hyper3D(?: Rodin)?|Rodin Gen-?\d.*|Deemos.*"),
    ("Writesonic", "Writesonic|Photosonic|Chatsonic"),
    ("Simplified AI", r"Simplified (?:AI|\.com)|simplified\.com"),
    ("Pika", r"Pika(?:\s?Labs|\.art| AI|[\s]?\d\.\d)"), ("PixVerse", r"Pix[\s]?Verse|拍我AI"),
    ("Dzine", r"Dzine(?:\.ai| AI)?|Stylar(?:\.ai| AI)"), ("Kaiber", r"Kaiber(?:\.ai| AI)?"),
    ("Haiper", r"Haiper(?:\.ai| AI)?"), ("Genspark", r"Genspark(?:\.ai| AI)?"), ("Visual Electric", ""),
    ("RenderNet", "RenderNet(?: AI)?"), ("Vivago", r"Vivago(?:\.ai| AI)?|智象未来"),
    ("Hedra", r"^Hedra$|Hedra(?:\.com| AI| Character.*)"), ("Snapchat AI", "(?:Snapchat|Snap) (?:AI|Dreams)"),
    ("Karlo", r"Kakao (?:Karlo|Brain)|^Karlo(?: v?\d.*)?$"), ("Wrtn", "Wrtn|뤼튼"),
    ("Perplexity", r"Perplexity(?: AI|\.ai)|^Perplexity$"),
    ("Mistral Le Chat", "^Le Chat$|Mistral (?:AI|Le Chat)"), ("Poe", r"poe\.com"), ("NMKD", "NMKD.*"),
    ("Miaoya", "妙鸭(?:相机)?"), ("Huiwa", "绘蛙(?:AI)?"),
    ("Headshot generators",
     r"HeadshotPro|Aragon(?:\.ai| AI)|BetterPic|Secta(?:\.ai| AI| Labs)|ProPhotos AI|"
     "Artguru(?: AI)?"),
    ("Together AI", "Together AI"), ("Segmind", ""), ("Xiaoyunque", "小云雀"),
    ("Coze", "^Coze$|扣子(?:空间)?"), ("Qiyu AI", "奇域(?:AI)?"), ("Duiyou", "堆友"),
    ("Quark AI", "造点(?:AI)?|夸克(?:AI|造点)"), ("Wujie AI", "无界AI"), ("Gaoding AI", "稿定AI"),
    ("Chuangkit AI", "创客贴AI"), ("ZMCY", "造梦次元"),
    ("an AI generator",
     r"\w{2,}diffusion(?:\.cpp)?(?: [\w.]{1,12}){0,2}(?=\W*$)|(?:Pony|Waifu|Disco|Latent|"
     r"Unstable|Openjourney|Sygil|Tiny) Diffusion|(?:txt|img|text|image)[\s-]?(?:2|"
     r"to)[\s-]?im(?:g|age)|AI (?:image|photo|picture|art|avatar|headshot|portrait|background|"
     "product photo) (?:generator|creator|maker|studio)|(?:made|created|generated|imagined|"
     "produced|drawn|rendered) (?:with|by|using|through) (?:the (?:help|use|assistance|aid) of )?(?:an? )?"
     "(?:generative )?(?:AI|artificial intelligence)(?: (?:models?|tools?|technology|software|systems?))?|"
     r"AI[\s-](?:generated|created)(?: (?:image|photo|picture|content))?|^generative\s?AI$|#AI[-_]?generated|"
     r"#made[-_]?with[-_]?AI|(?:由|使用|通过)?\s?(?:AI|人工智能)\s?(?:智能|辅助|技术)?(?:生成|合成|绘制|作图|创作|"
     r"绘画)|"
     r"(?:AI|人工智能)(?:辅助)?(?:制作|产生|绘图|作画)(?=的?(?:图片|图像|照片|图|内容|作品|画)?(?:\W|$))|生成式AI|"
     "AI(?:生图|作画)"),
)  # fmt: skip
GENERATIVE_EDITORS: Names = (
    ("Apple Clean Up", "Apple (?:Photos )?(?:Clean Up|Generative Edit)"),
    ("Google Magic Editor", "(?:Google )?Magic (?:Editor|Eraser)|edited with google ai"),
    ("Samsung Galaxy AI",
     "Galaxy AI|(?:Samsung )?(?:Generative Edit|Photo Assist|Drawing Assist|Sketch to Image)|"
     r"Contains AI[\s-]generated content"),
    ("Photoshop Generative Fill",
     "(?:Adobe )?(?:(?:Photoshop|Lightroom) )?Generative (?:Fill|Expand|Remove|Upscale)|"
     "(?:创成式|生成式)(?:填充|扩展|移除)|生成(?:填色|擴張|塗りつぶし|拡張)|생성형 (?:채우기|확장|제거)|"
     "Generative[sr]? (?:Füll(?:en|ung)|Erweiter(?:n|ung)|Entfernen)|(?:Remplissage|Suppression) générati(?:f|ve)|"
     "Extension générative|(?:Relleno|Expansión|Eliminación) generativ[oa]|"
     "(?:Preenchimento|Expansão|Remoção) generativ[oa]|(?:Riempimento|Espansione|Rimozione) generativ[oa]|Generatief "
     "(?:vullen|uitbreiden|verwijderen)|Generativ(?:t)? (?:fyllning|utökning|udfyldning|utvidelse|fyll|borttagning)|"
     "Generatiivinen (?:täyttö|laajennus)|(?:Wypełnianie|Rozszerzanie) generatywne|Generativní (?:výplň|rozšíření)|"
     "Генеративн(?:ая|ое) (?:заливка|расширение|удаление)|Üretken (?:Dolgu|Genişletme|Kaldırma)|Generatív kitöltés"),
    ("Luminar Generative Erase", r"(?:Luminar )?(?:Generative|Gen)[\s-]?(?:Erase|Swap)"), ("ClipDrop", ""),
    ("PhotoRoom", ""),
    ("an AI editor",
     "(?:edited|retouched|modified|altered|manipulated|(?:enhanced|expanded|upscaled|extended)(?= (?:with|by|using) "
     "(?:an? )?generative)) (?:with|by|using) (?:the (?:help|use|assistance|aid) of )?(?:an? )?(?:generative )?(?:AI|"
     "artificial intelligence)|AI[ -](?:edited|manipulated|altered|modified)(?: (?:image|photo|picture|content))?"),
    ("an AI eraser", r"(?:\w+ )?AI (?:Erase[r]?|Clean ?Up|Editor|Expand|Replace|Remove[r]?|Retouch|Photo Editor)"),
    ("insMind", ""), ("Pic Copilot", r"Pic[\s]?Copilot"), ("Vmake", r"Vmake(?:\.ai| AI)?"),
    ("PicWish", "PicWish|佐糖"), ("Pebblely", ""), ("Mokker", r"Mokker(?:\.ai| AI)?"), ("Botika", ""),
    ("Caspa", r"Caspa(?:\.ai| AI)"), ("Spyne", r"Spyne(?:\.ai| AI)?"), ("LightX", "LightX(?: AI)?"),
    ("Cutout.Pro", r"Cutout\.pro"), ("Pincel", r"Pincel(?: AI|\.app)|^Pincel$"),
    ("Vidnoz", "Vidnoz(?: AI)?"), ("Designify", ""), ("Krea Edit", "Krea (?:Edit|Enhancer)"),
    ("AI upscaler", "Upscayl.*|(?:Real-?)?ESRGAN.*|waifu2x.*|SUPIR|GFPGAN|CodeFormer|LaMa Cleaner|IOPaint"),
    ("WeShop AI", "WeShop(?: AI)?"), ("Flair.ai", r"Flair\.ai"), ("Evoto AI", "Evoto(?: AI)?"),
    ("cleanup.pictures", r"cleanup\.pictures"), ("Pixelcut", ""),
    ("Meitu AI",
     r"(?:美图|醒图|剪映|CapCut|轻颜|美颜相机)\s?AI|AI\s?(?:智能)?(?:消除|擦除|扩图|修图|去路人|改图|换装)|"
     r"(?:Meitu|Picsart|Pixlr|"
     "Fotor|Facetune|AirBrush|YouCam|FaceApp|BeFunky|PhotoDirector) AI|(?:Meitu )?RoboNeo"),
    ("Remini", ""), ("Honor YOYO", r"(?:Honor|荣耀)\s?YOYO|YOYO\s?(?:AI|助手|智能体)"),
)  # fmt: skip
EDITORS: Names = (
    ("Adobe Photoshop",
     r"(?:Adobe )?Photoshop(?: (?:CC|CS\d?|Elements|Express|Camera Raw|Lightroom).*)?|"
     "^PS Express"),
    ("Adobe Lightroom", "(?:Adobe )?(?:Photoshop )?Lightroom"), ("GIMP", ""),
    ("Meitu", "Meitu(?:Pic)?|美图(?:秀秀)?|XiuXiu|BeautyPlus|BeautyCam|美颜相机|MyCam"), ("Snapseed", ""),
    ("Picsart", "PicsArt"), ("Canva", ""), ("VSCO", "VSCO(?:cam)?"), ("Xingtu", "Xingtu|醒图|Hypic"),
    ("CapCut", "CapCut|剪映|Jianying"), ("Facetune", r"Facetune\d?"), ("FaceApp", ""),
    ("Pixelmator", "Pixelmator(?: Pro)?"), ("Affinity Photo", r"Affinity(?: Photo(?: \d)?)?"),
    ("Paint.NET", r"paint\.net"), ("Pixlr", r"Pixlr(?:\.com| [EX])?"), ("Fotor", ""), ("B612", ""),
    ("Faceu", "FaceU|轻颜(?:相机)?|Ulike"), ("ACDSee", "ACDSee.*"), ("PhotoScape", "PhotoScape(?: X)?"),
    ("PhotoDirector", "(?:CyberLink )?PhotoDirector"), ("AirBrush", ""),
    ("Polarr", "Polarr|泼辣修图"), ("Afterlight", ""),
    ("Luminar", r"Luminar(?: (?:Neo|AI|\d))?|Skylum"),
    ("Topaz", "Topaz (?:Labs|Photo(?: AI)?|Gigapixel|Sharpen AI|DeNoise AI)|Gigapixel"),
    ("Capture One", "Capture One(?: .*)?"), ("DxO PhotoLab", "DxO(?: .*)?"), ("darktable", ""),
    ("RawTherapee", ""), ("Krita", ""), ("Photopea", ""),
    ("CorelDRAW / PaintShop", "PaintShop(?: Pro)?.*|Corel(?:DRAW)?.*"), ("InShot", ""),
    ("TouchRetouch", ""), ("Retouch4me", ""), ("PhotoGrid", r"Photo[\s]?Grid"), ("Wuta", "无他相机|Wuta"),
    ("ON1", "ON1 .*"), ("Pitu", "Pitu|天天P图"), ("Butter Camera", "黄油相机"),
    ("Gaoding", "稿定(?:设计)?"), ("Chuangkit", "创客贴"), ("Neo Imaging", "光影魔术手"),
    ("YouCam", "YouCam (?:Perfect|Makeup)"), ("Prisma", "^Prisma$"),
    ("Microsoft Photos / Paint",
     "Microsoft (?:Windows )?(?:Photos?|Paint)(?: .*)?|Windows Photo Editor.*|Paint 3D"),
    ("ImageMagick", "(?:Image|Graphics)Magick"), ("IrfanView", ""), ("XnView", "XnView(?:MP)?"),
    ("Sketchbook", "Autodesk Sketchbook|Sketchbook"), ("Procreate", ""), ("ibis Paint", "ibisPaint(?: X)?"),
    ("Photomator", ""), ("Prequel", r"^Prequel(?: \d.*)?$"), ("Lightricks", "Lightleap|Photoleap|Lightricks"),
    ("Tezza", ""), ("Yitian Camera", "一甜相机"), ("Adobe Camera Raw", "Adobe Camera Raw"), ("Picasa", ""),
    ("Camera360", ""), ("LINE Camera", ""), ("Cymera", ""), ("remove.bg", r"remove\.bg"),
    ("Samsung PhotoEditor", "Samsung PhotoEditor|PhotoEditor_Re_Edit"),
)  # fmt: skip
