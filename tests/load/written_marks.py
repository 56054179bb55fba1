"""How often writing by generators is seen: in honest photos, and in the same photos with such writing painted on them.

    python -m tests.load.written_marks COLLECTED [--photos 3100] [--marked 300] [--font FILE] [--latin FILE]
        [--bold FILE] [--korean FILE] [--alpha 即梦AI=FILE ...]

In: a folder that `refundlens data collect` filled; fonts with Chinese and Latin letters other than those that the
finder was drawn with; pictures of the opacity of real marks, as their removers publish them (alpha, 0 to 255), by the
finder's name. Out: honest photos in which one was seen, at full size and as chats deliver them (720 px, JPEG 75); the
share that was seen of those painted, by mark, size and delivery; CPU milliseconds a picture.
"""

import argparse
import hashlib
import time
from collections import Counter
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from refundlens.datasets.collection import read_index
from refundlens.datasets.crops.masters import decode
from refundlens.datasets.degradations.apply import deliver
from refundlens.datasets.degradations.chains import NAMED
from refundlens.datasets.photos import UnreadablePhotoError
from refundlens.model.photo.written_marks import find_written_marks
from refundlens.model.progress import track
from refundlens.model.verdict.bounds import upper_bound

DELIVERIES = ("png", "q75_720")
CHINESE = {"千问AI生成": 0.75, "清言AI生成": 0.6, "AI生成": 0.85, "可灵AI 3.0": 0.7, "AI合成": 0.85}
LATIN = {"KlingAI 3.0": 0.7, "KlingAI 2.6 Omni": 0.7, "AI-generated content": 0.7, "AI generated": 0.7}
KOREAN = {"AI로 생성한 콘텐츠": 0.7}
BOLD = {"Dola AI": 0.7}
"""What is written in the fonts, and how opaque."""
WIDTHS = {"豆包AI生成": (0.14, 0.2), "即梦AI": (0.17, 0.27)}
HEIGHTS = {"可灵AI 3.0": (0.026, 0.032), "KlingAI 3.0": (0.025, 0.031), "KlingAI 2.6 Omni": (0.025, 0.031),
           "AI-generated content": (0.026, 0.034), "AI로 생성한 콘텐츠": (0.025, 0.036),
           "Dola AI": (0.023, 0.03)}  # fmt: skip
"""Least and most, as shares of the short side: of marks by their width, of writing by its height."""
USUAL_HEIGHTS = (0.026, 0.05)
LEFT = ("AI-generated content", "AI로 생성한 콘텐츠")
MARGINS = (0.008, 0.03)


def painted(
    pixels: NDArray[np.uint8], alpha: NDArray[np.float32], rng: np.random.Generator, left: bool = False
) -> NDArray[np.uint8]:
    """White paint of that opacity [h,w] in the lower right corner, or the lower left one."""
    short = min(pixels.shape[:2])
    aside, below = (round(short * rng.uniform(*MARGINS)) for _ in range(2))
    high, wide = alpha.shape
    made = pixels.copy()
    x, y = aside if left else made.shape[1] - aside - wide, made.shape[0] - below - high
    place = np.s_[y : y + high, x : x + wide]
    under = made[place].astype(np.float32)
    made[place] = np.rint(under + (250 - under) * alpha[..., None]).clip(0, 255).astype(np.uint8)
    return made


def lettering(text: str, opacity: float, height: int, font: Path) -> NDArray[np.float32]:
    face = ImageFont.truetype(str(font), 4 * height)
    page = Image.new("L", (4 * height * (len(text) + 2), 8 * height))
    ImageDraw.Draw(page).text((4 * height, height), text, font=face, fill=255)
    part = page.crop(page.getbbox())
    return (
        np.asarray(part.resize((part.width // 4, part.height // 4), Image.Resampling.BOX), np.float32)
        / 255
        * opacity
    )


def resized(alpha: Image.Image, width: int) -> NDArray[np.float32]:
    size = (width, round(alpha.height * width / alpha.width))
    return np.asarray(alpha.resize(size, Image.Resampling.BOX), np.float32) / 255


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "--photos", type=int, default=3100, help="honest photos at most, the same in every run"
    )
    parser.add_argument("--marked", type=int, default=300, help="of them painted on")
    parser.add_argument("--font", type=Path)
    parser.add_argument("--latin", type=Path)
    parser.add_argument("--bold", type=Path)
    parser.add_argument("--korean", type=Path)
    parser.add_argument("--alpha", action="append", default=[], help="NAME=FILE")
    given = parser.parse_args()
    alphas = {
        name: Image.open(file).convert("L") for name, _, file in (one.partition("=") for one in given.alpha)
    }
    entries = [entry for entry in read_index(given.folder) if entry.label in ("authentic", "input")]
    entries = sorted(entries, key=lambda entry: hashlib.sha256(entry.file.encode()).digest())[: given.photos]
    rng = np.random.default_rng(3)
    seen: Counter[tuple[str, str]] = Counter()
    made: Counter[tuple[str, str]] = Counter()
    wrong: list[str] = []
    spent, photos, looks = 0.0, 0, 0
    for entry in track(entries, len(entries), "marks"):
        try:
            pixels = decode(given.folder / entry.file)
        except UnreadablePhotoError:
            continue
        photos += 1
        short = min(pixels.shape[:2])
        for delivery in DELIVERIES:
            sent = deliver(pixels, NAMED[delivery]).pixels
            began = time.process_time()
            found = find_written_marks(sent)
            spent, looks = spent + time.process_time() - began, looks + 1
            wrong += [f"{entry.file} {delivery} {mark}" for mark in found]
        if photos > given.marked or short < 640:
            continue
        marks = [
            (name, resized(alpha, round(short * rng.uniform(*WIDTHS[name]))))
            for name, alpha in alphas.items()
        ]
        fonts = ((given.font, CHINESE), (given.latin, LATIN), (given.bold, BOLD), (given.korean, KOREAN))
        for font, texts in fonts:
            for text, opaque in texts.items() if font else ():
                height = round(short * rng.uniform(*HEIGHTS.get(text, USUAL_HEIGHTS)))
                marks.append((text, lettering(text, opaque, height, font)))
        for name, alpha in marks:
            drawn = painted(pixels, alpha, rng, name in LEFT)
            for delivery in DELIVERIES:
                made[name, delivery] += 1
                seen[name, delivery] += bool(find_written_marks(deliver(drawn, NAMED[delivery]).pixels))
    accused = len({one.split(" ")[0] for one in wrong})
    print(f"{photos} honest photos, {accused} with a mark seen (at most {upper_bound(accused, photos):.3%})")
    print(*wrong, sep="\n")
    for name, delivery in made:
        print(f"{name}, {delivery}: {seen[name, delivery]} of {made[name, delivery]}")
    print(f"{1000 * spent / max(1, looks):.1f} CPU ms a picture")


if __name__ == "__main__":
    main()
