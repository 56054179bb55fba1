"""Pairs of an authentic and a manipulated window, as masters: the mix that training sees.

In: collected entries and their masters. Out: `Twin`s, before delivery. Each kind of pair answers a shortcut that an
earlier network took: transplants and regenerations without anything painted stop it from marking blobs on the middle of
a product, removals and reversed transplants from marking what was added, inputs and photos that look alike from telling
collections apart. (The audit behind it: docs/experiments.md.)
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from refundlens.datasets.collection import Entry, Role, by_file
from refundlens.datasets.crops.chains import draw_scale
from refundlens.datasets.crops.masters import Masters
from refundlens.datasets.defects import paint
from refundlens.datasets.degradations.apply import deliver
from refundlens.datasets.editors.base import EditRequest, Mask, Pixels
from refundlens.datasets.editors.classical import OPERATIONS, ClassicalEditor
from refundlens.datasets.editors.compositing import blend, with_colours_of
from refundlens.datasets.row import read_mask
from refundlens.model.names import DEFECTS, Defect

SIDE = 448
"""Pixels of a delivered window: two crops fit side by side, and its own JPEG costs little."""
SHARES = {
    "paired": 0.2, "whole": 0.2, "transplant": 0.22, "redrawn": 0.18, "forgery": 0.08, "classical": 0.1,
    "painted": 0.02,
}  # fmt: skip
"""Share of each kind of pair. "paired": a real editor's picture with its own input; "whole": a generator's picture and
a photo that looks like it; "transplant": a region of a generated picture in a photo, or the reverse; "redrawn": decoded
again by a network or a hole filled by one, nothing or a defect painted; "forgery": collected splices and copy-moves;
"classical", "painted": our own, without a network."""
WATCHED = {"paired": 0.28, "whole": 0.28, "transplant": 0.24, "control": 0.2}
"""The same for watching: real editors only, and pairs of two authentic photos, the second one of a gallery, which a
network that looks at pixels cannot tell apart."""
REVERSED = 0.33
"""Share of transplants that put a photo's region into a generated picture."""
STRATA = {
    "real_gallery": 0.27,
    "real_product": 0.33,
    "real_scene": 0.08,
    "real_defect": 0.15,
    "input": 0.09,
    "pack": 0.08,
}
"""Where authentic pictures come from. "pack": photos of the training pack (garments, cameras)."""
GALLERY_STRATA = {
    "real_gallery": 0.42,
    "real_product": 0.2,
    "real_scene": 0.06,
    "real_defect": 0.07,
    "input": 0.25,
}
"""The same for the counterparts of whole generated pictures, which hang in galleries."""
CANDIDATES = 20
"""Photos drawn, of which the one that looks most like the generated picture becomes its counterpart."""
REGION = (0.01, 0.4)
"""Share of a window that a transplanted or redrawn region covers."""
REHISTORY = 0.65
"""Share of generated pixels that get the photo's own JPEG history before they are used."""
AGREEING = 0.7
"""Share of the frame that must agree with the input for the difference to be a mask."""
SHRUNK_BEFORE = 0.4
"""Share of photo windows that are shrunk first, as from an original of 12 megapixels and more: such photos are as crisp
and free of noise as generated ones."""
SHRINKING = (1.2, 3.0)
"""By how much, as far as the photo is large enough."""
QUALITY = 90
"""JPEG quality supposed of a photo whose file says none."""


@dataclass(frozen=True)
class Twin:
    """authentic, manipulated: uint8 [h,w,3] of one size, not yet delivered. changed: float32 [h,w], of the manipulated
    one; located: whether that is known. whole: all of it came out of a generator. generator: whether a network drew
    the changed pixels. aligned: the authentic one shows the same content. scale: factor that delivery resizes by.
    defect, defect_mask: what was painted, and where. tag: kind of pair and who drew it, for counting."""

    authentic: Pixels
    manipulated: Pixels
    changed: Mask
    generator: bool
    aligned: bool
    scale: float
    tag: str
    source: str
    defect: Defect | None = None
    defect_mask: Mask | None = None
    located: bool = True


class TwinSource:
    """Draws pairs of the training side of a collection.

    entries: all of it, only the usable ones are drawn. pack: names of masters of the training pack. redrawn: folder of
    `.npz` files with windows decoded again (`datasets.crops.redrawn`). without: families left out (folds). role: whose
    pictures, training's or those that watch it. shares: of each kind of pair, for training. Raises ValueError where
    there is nothing to draw.
    """

    def __init__(
        self,
        folder: Path,
        entries: Sequence[Entry],
        masters: Masters,
        pack: Sequence[str] = (),
        redrawn: Path | None = None,
        without: Sequence[str] = (),
        role: Role = "train",
        shares: Mapping[str, float] = SHARES,
    ) -> None:
        self.folder, self.masters, self.redrawn = folder, masters, redrawn
        self.shares = shares if role == "train" else WATCHED
        known = by_file(entries)
        used = [entry for entry in entries if entry.usable_for(role) and entry.file in masters]
        used = [entry for entry in used if not (entry.generated and entry.family in without)]
        self.photos = _nested(
            ("input" if entry.label == "input" else entry.kind, entry.group, entry.file)
            for entry in used
            if (entry.label == "authentic" and not entry.retouched and entry.kind in STRATA)
            or entry.photo_input
        )
        self.photos["pack"] = _groups((name.rsplit("+", 1)[0], name) for name in pack)
        whole = [entry for entry in used if entry.label == "ai_generated"]
        self.whole = _nested((entry.family, entry.generator, entry.file) for entry in whole)
        hung = [*whole, *(entry for entry in used if entry.generated and entry.unlocated)]
        self.hung = _nested((entry.family, entry.generator, entry.file) for entry in hung)
        self.entries = {entry.file: entry for entry in used}
        self.paired = _nested(
            (entry.family, entry.generator, entry.file)
            for entry in used
            if entry.generated
            # an input that may itself be generated is no authentic twin
            and (entry.mask or (_clean_pair(entry, known, masters) and known[entry.pair].photo_input))
        )
        self.known = known
        self._masks: dict[str, Mask | None] = {}
        self.forgeries = [e for e in used if e.label == "photoshopped" and e.mask and not e.unclean]
        self.forgery_photos = [e.file for e in used if e.kind == "forgery_original"]
        if len(self.photos) < 2 or not self.hung:
            raise ValueError(f"{folder} holds no photos or no generated pictures to train on")
        self.qualities = {entry.file: entry.quality for entry in used}
        self._makers: dict[str, Callable[[np.random.Generator], Twin | None]] = {
            "paired": self._paired, "whole": self._whole, "transplant": self._transplant, "redrawn": self._redrawn,
            "forgery": self._forgery, "classical": self._classical, "painted": self._painted,
            "control": self._control,
        }  # fmt: skip

    def draw(self, rng: np.random.Generator) -> Twin:
        """A pair; kinds by SHARES, and a transplant where a kind has no picture for the draw."""
        kind = str(rng.choice(list(self.shares), p=list(self.shares.values())))
        for attempt in range(8):
            try:
                twin = self._makers[kind if attempt < 2 else "transplant"](rng)
            except (ValueError, cv2.error):  # a painter that found no room, a region that came out empty
                twin = None
            if twin is not None:
                return twin
        raise ValueError(
            "no pair could be made from these pictures; check the collection with `refundlens data stats`"
        )

    # --- drawing names ---

    def _photo(self, rng: np.random.Generator, strata: Mapping[str, float] = STRATA) -> str:
        names = [name for name in strata if self.photos.get(name)]
        shares = np.array([strata[name] for name in names])
        groups = self.photos[str(rng.choice(names, p=shares / shares.sum()))]
        # square root: a large series counts more than a small one, but not by its size
        weights = np.sqrt([len(files) for files in groups.values()])
        files = groups[list(groups)[int(rng.choice(len(groups), p=weights / weights.sum()))]]
        return files[int(rng.integers(len(files)))]

    def _generated(self, rng: np.random.Generator, of: Mapping[str, Mapping[str, list[str]]]) -> str:
        """Families, then generators, then pictures; by the square root of what they hold."""
        families = list(of)
        sizes = np.sqrt([sum(map(len, of[family].values())) for family in families])
        chosen = of[families[int(rng.choice(len(families), p=sizes / sizes.sum()))]]
        weights = np.sqrt([len(files) for files in chosen.values()])
        files = chosen[list(chosen)[int(rng.choice(len(chosen), p=weights / weights.sum()))]]
        return files[int(rng.integers(len(files)))]

    # --- windows ---

    def _window(
        self, rng: np.random.Generator, name: str, scale: float, around: Mask | None = None
    ) -> tuple[slice, slice]:
        height, width = self.masters.open(name).shape[:2]
        top, right, bottom, left = (
            self.entries[name].margins if name in self.entries else (0.0, 0.0, 0.0, 0.0)
        )
        y0, y1 = int(height * top), int(height * (1 - bottom))
        x0, x1 = int(width * left), int(width * (1 - right))
        side = round(SIDE / scale)
        tall, wide = min(side, y1 - y0), min(side, x1 - x0)
        y, x = (int(rng.integers(low, high + 1)) for low, high in ((y0, y1 - tall), (x0, x1 - wide)))
        if around is not None and (around > 0.5).any():
            marked = np.argwhere(around > 0.5)
            row, column = marked[int(rng.integers(len(marked)))]
            y = int(np.clip(row - rng.random() * tall, y0, y1 - tall))
            x = int(np.clip(column - rng.random() * wide, x0, x1 - wide))
        return slice(y, y + tall), slice(x, x + wide)

    def _scale(self, rng: np.random.Generator, name: str) -> float:
        height, width = self.masters.open(name).shape[:2]
        return draw_scale(rng, max(height, width), round(min(height, width) * 0.86), 208)

    def _cut(self, rng: np.random.Generator, name: str, scale: float) -> Pixels:
        return np.ascontiguousarray(self.masters.open(name)[self._window(rng, name, scale)])

    def _cut_photo(self, rng: np.random.Generator, name: str, scale: float) -> Pixels:
        """A window of a photo, of a share of them shrunk before."""
        room = min(self.masters.open(name).shape[:2]) * scale / SIDE
        by = float(rng.uniform(*SHRINKING)) if rng.random() < SHRUNK_BEFORE else 1.0
        if min(by, room) < SHRINKING[0]:
            return self._cut(rng, name, scale)
        by = min(by, room)
        large = self._cut(rng, name, scale / by)
        size = (round(large.shape[1] / by), round(large.shape[0] / by))
        return np.asarray(cv2.resize(large, size, interpolation=cv2.INTER_AREA), np.uint8)

    def _photo_window(self, rng: np.random.Generator) -> tuple[str, Pixels, float]:
        name = self._photo(rng)
        scale = self._scale(rng, name)
        return name, self._cut_photo(rng, name, scale), scale

    # --- kinds of pairs ---

    def _paired(self, rng: np.random.Generator) -> Twin | None:
        name = self._generated(rng, self.paired)
        entry = self.entries[name]
        made = self.masters.open(name)
        changed = self._mask(entry, made.shape[:2])
        clean = _clean_pair(entry, self.known, self.masters)
        if changed is None and clean:
            changed = self._derived(name, entry.pair)
        scale = self._scale(rng, name)
        window = self._window(rng, name, scale, changed if rng.random() < 0.7 else None)
        edited = np.ascontiguousarray(made[window])
        if clean:
            given = self.masters.open(entry.pair)
            if given.shape != made.shape:
                kernel = _kernel(rng, given, made)
                given = np.asarray(cv2.resize(given, made.shape[1::-1], interpolation=kernel), np.uint8)
            authentic = np.ascontiguousarray(given[window])
        else:
            authentic = self._fitting(rng, name, edited.shape[:2], scale)
        # without a mask the editor decoded all of the picture again
        part = np.ones(edited.shape[:2], np.float32) if changed is None else changed[window]
        if not (part > 0.5).any():
            return None
        edited = self._with_history(rng, edited, entry.pair if clean else None)
        return Twin(
            authentic,
            edited,
            np.ascontiguousarray(part),
            True,
            clean,
            scale,
            f"paired:{entry.generator}",
            name,
        )

    def _whole(self, rng: np.random.Generator) -> Twin:
        name = self._generated(rng, self.hung)
        entry = self.entries[name]
        scale = self._scale(rng, name)
        made = self._cut(rng, name, scale)
        authentic = self._fitting(rng, name, made.shape[:2], scale)
        made = self._with_history(rng, made, None)
        return Twin(
            authentic,
            made,
            np.ones(made.shape[:2], np.float32),
            True,
            False,
            scale,
            f"whole:{entry.generator}",
            name,
            located=not entry.unlocated,
        )

    def _transplant(self, rng: np.random.Generator) -> Twin:
        photo, base, scale = self._photo_window(rng)
        made = self._generated(rng, self.whole)
        donor = self._cut(rng, made, scale * float(rng.uniform(0.75, 1.0)))
        donor = _fit(rng, donor, base.shape[:2])
        donor = self._with_history(rng, donor, photo)
        region = soft_region(rng, *base.shape[:2])
        inside, outside = (base, donor) if rng.random() < REVERSED else (donor, base)
        if rng.random() < 0.7:
            inside = with_colours_of(inside, outside, float(rng.uniform(6, 40)))
        mixed = blend(outside, inside, region)
        changed = region if outside is base else 1 - region
        tag = "transplant" if outside is base else "reversed"
        return Twin(base, mixed, changed, True, True, scale, f"{tag}:{self.entries[made].generator}", made)

    def _redrawn(self, rng: np.random.Generator) -> Twin | None:
        files = sorted(self.redrawn.glob("*.npz")) if self.redrawn and self.redrawn.is_dir() else []
        if not files:
            return None
        path = files[int(rng.integers(len(files)))]
        with np.load(path) as stored:
            photo, drawn, name = stored["photo"], stored["drawn"], str(stored["editor"])
            defect, where = str(stored["defect"]), stored["region"]
            hole = np.asarray(stored["changed"] / 255, np.float32) if "changed" in stored else None
        scale = max(float(draw_scale(rng, max(photo.shape[:2]), min(photo.shape[:2]), 208)), 0.5)
        quality = int(rng.integers(80, 96))
        if rng.random() < REHISTORY:
            drawn = _saved(drawn, quality)
        if rng.random() < 0.15:  # the twin is cleaned too: "cleaner" must not be "fake"
            photo = cv2.medianBlur(photo, 3) if rng.random() < 0.3 else _saved(photo, quality)
        if hole is not None:
            changed = hole
        elif rng.random() < 0.5:
            changed = np.ones(photo.shape[:2], np.float32)
        else:
            region = soft_region(rng, *photo.shape[:2])
            changed = (
                np.maximum(region, cv2.dilate(where.astype(np.float32), np.ones((9, 9))))
                if defect
                else region
            )
        mixed = blend(photo, drawn, changed)
        mask = where.astype(np.float32) * (changed > 0.5) if defect else None
        return Twin(
            photo,
            mixed,
            changed,
            True,
            True,
            scale,
            f"redrawn:{name}",
            path.stem,
            _defect(defect) if defect else None,
            mask,
        )

    def _forgery(self, rng: np.random.Generator) -> Twin | None:
        if not self.forgeries:
            return None
        entry = self.forgeries[int(rng.integers(len(self.forgeries)))]
        made = self.masters.open(entry.file)
        changed = self._mask(entry, made.shape[:2])
        if changed is None:
            return None
        aligned = entry.pair in self.masters and self.masters.open(entry.pair).shape == made.shape
        scale = self._scale(rng, entry.file)
        window = self._window(rng, entry.file, scale, changed if rng.random() < 0.7 else None)
        edited = np.ascontiguousarray(made[window])
        if aligned:
            authentic = np.ascontiguousarray(self.masters.open(entry.pair)[window])
        else:
            other = self.forgery_photos[int(rng.integers(len(self.forgery_photos)))]
            authentic = _fit(rng, self._cut(rng, other, scale), edited.shape[:2])
        part = np.ascontiguousarray(changed[window])
        return Twin(
            authentic, edited, part, False, aligned, scale, f"forgery:{entry.repository[:24]}", entry.file
        )

    def _classical(self, rng: np.random.Generator) -> Twin:
        name, base, scale = self._photo_window(rng)
        donor = self._cut(rng, self._photo(rng), scale)
        tools = [one for one in OPERATIONS if one != "brush"]
        operation = tools[int(rng.integers(len(tools)))]
        region = (soft_region(rng, *base.shape[:2]) > 0.5).astype(np.float32)
        edit = ClassicalEditor(operation).edit(EditRequest(base, base, region, "other", donor=donor), rng)
        return Twin(base, edit.pixels, edit.changed, False, True, scale, f"classical:{operation}", name)

    def _painted(self, rng: np.random.Generator) -> Twin:
        name, base, scale = self._photo_window(rng)
        defect = DEFECTS[int(rng.integers(len(DEFECTS)))]
        made = paint(base, defect, rng)
        changed = ((made.pixels != base).any(axis=2) * np.maximum(made.region, 1 / 255)).astype(np.float32)
        return Twin(
            base, made.pixels, changed, False, True, scale, f"painted:{defect}", name, defect, made.region
        )

    def _control(self, rng: np.random.Generator) -> Twin | None:
        """An everyday photo and one of a gallery, both authentic: nothing was changed."""
        if not {"real_gallery", "real_product"} <= self.photos.keys():
            return None
        name, gallery = (self._photo(rng, {kind: 1.0}) for kind in ("real_product", "real_gallery"))
        scale = self._scale(rng, gallery)
        shown = self._cut(rng, gallery, scale)
        plain = _fit(rng, self._cut(rng, name, scale), shown.shape[:2])
        nothing = np.zeros(shown.shape[:2], np.float32)
        return Twin(plain, shown, nothing, False, False, scale, "control", gallery)

    # --- small helps ---

    def _fitting(self, rng: np.random.Generator, name: str, shape: tuple[int, int], scale: float) -> Pixels:
        """A window of a photo that looks like the picture's collection, of this shape."""
        other = self.masters.nearest(name, [self._photo(rng, GALLERY_STRATA) for _ in range(CANDIDATES)])
        return _fit(rng, self._cut_photo(rng, other, scale), shape)

    def _with_history(self, rng: np.random.Generator, pixels: Pixels, photo: str | None) -> Pixels:
        """Generated pixels saved once as the photo was, on its own grid; a generator's lossless file tells nothing."""
        if rng.random() >= REHISTORY:
            return pixels
        quality = self.qualities.get(photo or "") or QUALITY
        return _saved(pixels, int(np.clip(quality + rng.integers(-8, 5), 55, 97)))

    def _derived(self, name: str, pair: str) -> Mask | None:
        """The mask that the difference to the input shows, none where the editor drew the whole picture anew."""
        if name not in self._masks:
            self._masks[name] = derived_mask(self.masters.open(name), self.masters.open(pair))
        return self._masks[name]

    def _mask(self, entry: Entry, shape: tuple[int, int]) -> Mask | None:
        if not entry.mask:
            return None
        mask = read_mask(self.folder / entry.mask)
        if mask.shape != shape:
            mask = np.asarray(cv2.resize(mask, shape[::-1], interpolation=cv2.INTER_AREA), np.float32)
        return np.asarray(mask, np.float32)


def derived_mask(made: Pixels, given: Pixels) -> Mask | None:
    """Where an edit differs from its input, float32 [H,W]; none unless AGREEING of the frame agrees within noise.

    The difference is smoothed over 16 pixels; its median is the noise of resaving.
    """
    if given.shape != made.shape:
        given = np.asarray(cv2.resize(given, made.shape[1::-1], interpolation=cv2.INTER_AREA), np.uint8)
    difference = np.abs(made.astype(np.float32) - given.astype(np.float32)).mean(axis=2)
    smooth = cv2.blur(difference, (16, 16))
    noise = float(np.median(smooth))
    limit = max(4.0, 2.5 * noise)
    if noise > 6.0 or float((smooth < limit).mean()) < AGREEING:
        return None
    return np.asarray(smooth > max(6.0, 3 * noise), np.float32)


def soft_region(rng: np.random.Generator, height: int, width: int) -> Mask:
    """A blob, box or stroke of REGION of the window at a random place, hard or soft at its border; float32 [h,w]."""
    area = height * width * float(np.exp(rng.uniform(*np.log(REGION))))
    centre = rng.uniform(0.1, 0.9, 2) * (width, height)
    mask = np.zeros((height, width), np.uint8)
    kind = rng.random()
    if kind < 0.25:
        aspect = float(np.exp(rng.uniform(-0.8, 0.8)))
        half = np.array([np.sqrt(area * aspect), np.sqrt(area / aspect)]) / 2
        first, last = np.rint(centre - half).astype(int), np.rint(centre + half).astype(int)
        cv2.rectangle(mask, tuple(map(int, first)), tuple(map(int, last)), 1, -1)
    elif kind < 0.4:
        thick = max(6, round(np.sqrt(area) * 0.35))
        points = centre + np.cumsum(rng.normal(0, np.sqrt(area) * 0.5, (5, 2)), axis=0)
        cv2.polylines(mask, [np.rint(points).astype(np.int32)], False, 1, thick)
    else:
        angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
        radii = 1 + sum(
            rng.normal(0, 0.25 / wave) * np.cos(wave * angles + rng.uniform(0, 7)) for wave in (2, 3, 5)
        )
        radii = np.clip(radii, 0.4, 1.8) * np.sqrt(area / np.pi)
        points = np.stack([centre[0] + radii * np.cos(angles), centre[1] + radii * np.sin(angles)], axis=1)
        cv2.fillPoly(mask, [np.rint(points).astype(np.int32)], 1)
    soft = mask.astype(np.float32)
    if rng.random() < 0.6:
        soft = np.clip(cv2.GaussianBlur(soft, (0, 0), float(rng.uniform(0.5, 8))), 0, 1)
        soft[soft < 1 / 255] = 0
    if not (soft > 0.5).any():
        soft[height // 3 : height // 2, width // 3 : width // 2] = 1
    return soft


def _defect(name: str) -> Defect:
    return DEFECTS[[*map(str, DEFECTS)].index(name)]


def _saved(pixels: Pixels, quality: int) -> Pixels:
    return deliver(pixels, [{"step": "jpeg", "quality": quality, "subsampling": "4:2:0"}]).pixels


def _fit(rng: np.random.Generator, pixels: Pixels, shape: tuple[int, int]) -> Pixels:
    """A piece of the picture of this shape; enlarged only where it is too small."""
    grow = max(1.0, shape[0] / pixels.shape[0], shape[1] / pixels.shape[1])
    if grow > 1:
        size = (int(np.ceil(pixels.shape[1] * grow)), int(np.ceil(pixels.shape[0] * grow)))
        pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    y = int(rng.integers(pixels.shape[0] - shape[0] + 1))
    x = int(rng.integers(pixels.shape[1] - shape[1] + 1))
    return np.ascontiguousarray(pixels[y : y + shape[0], x : x + shape[1]])


def _kernel(rng: np.random.Generator, given: Any, made: Any) -> int:
    shrinks = given.shape[0] > made.shape[0]
    return cv2.INTER_AREA if shrinks else int(rng.choice([cv2.INTER_CUBIC, cv2.INTER_LANCZOS4]))


def _clean_pair(entry: Entry, known: Mapping[str, Entry], masters: Masters) -> bool:
    """Whether the input is a twin: there, unmarked, and of the same shape within 1 %."""
    given = known.get(entry.pair)
    if given is None or given.unclean or entry.unclean or entry.pair not in masters:
        return False
    return same_aspect(masters.open(entry.file), masters.open(entry.pair))


def same_aspect(made: Pixels, given: Pixels) -> bool:
    """Whether two pictures have one shape within 1 %, so that resizing lays them over each other."""
    return bool(abs(np.log(made.shape[1] / made.shape[0]) - np.log(given.shape[1] / given.shape[0])) < 0.01)


def _groups(pairs: Any) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for group, name in pairs:
        found[group].append(name)
    return dict(found)


def _nested(triples: Any) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for outer, inner, name in triples:
        found[outer][inner].append(name)
    return {outer: dict(inner) for outer, inner in found.items()}
