"""Whether a file says, or its size suggests, that it is a screenshot.

In: a photo's size and `Metadata`. Out: a yes or no for each. Sources: iOS writes "Screenshot" into UserComment, Android
phones into Software or Description; sizes are the makers' data sheets of phones sold since 2016.
"""

import re

from refundlens.model.photo.metadata import Metadata

SCREENS = frozenset({
    (750, 1334), (1080, 1920), (1242, 2208), (828, 1792), (1125, 2436), (1242, 2688), (1080, 2340),
    (1170, 2532), (1284, 2778),
    (1179, 2556), (1290, 2796), (1206, 2622), (1320, 2868), (1260, 2736), (1440, 2560), (1440, 2960),
    (1440, 3040), (1440, 3200),
    (1440, 3120), (1440, 3088), (1080, 2160), (1080, 2220), (1080, 2280), (1080, 2310), (1080, 2312),
    (1080, 2316), (1080, 2376),
    (1080, 2388), (1080, 2400), (1080, 2408), (1080, 2412), (1080, 2424), (1220, 2712), (1240, 2772),
    (1256, 2760), (1260, 2800),
    (1264, 2780), (1200, 2664), (1212, 2616), (1228, 2700), (1176, 2400), (1200, 2640), (1344, 2772),
    (1344, 2992), (1280, 2856),
    (1080, 2460), (720, 1520), (720, 1560), (720, 1600), (720, 1612), (720, 1640), (1536, 2048), (1620, 2160),
    (1640, 2360),
    (1668, 2224), (1668, 2388), (2048, 2732), (1600, 2560),
})  # fmt: skip
"""Width and height of screens, upright."""
_SAYS_SO = re.compile(r"\bscreen[\s_-]?shots?\b|屏幕截图|截屏", re.IGNORECASE)


def says_screenshot(metadata: Metadata) -> bool:
    """Whether the file calls itself a screenshot, in a field in which phones say so."""
    texts = [metadata.exif.texts.get(name, "") for name in ("user_comment", "software", "description")]
    texts += [
        *metadata.xmp.values("UserComment"),
        metadata.texts.get("Software", ""),
        metadata.texts.get("Description", ""),
    ]
    return any(_SAYS_SO.search(text[:200]) for text in texts)


def has_screen_size(width: int, height: int) -> bool:
    """Whether the picture has exactly a phone's or tablet's screen size: true of screenshots, and of some crops."""
    return (min(width, height), max(width, height)) in SCREENS
