"""Honest second photos from a stand, in which parts of the scene moved: a reference and a photo of one scene.

In: RGB pixels of photos and a generator of random numbers. Out: `Pair`s of `examples`, none of them painted. Grounds
and things are cut out of the photos; hands, packages, glasses and screens are drawn. Each photo is taken anew: its own
grain, light, crop and JPEG, and, if asked for, a stand that was put up again.

>>> import numpy as np
>>> photos = [np.random.default_rng(seed).integers(0, 256, (90, 120, 3), np.uint8) for seed in range(2)]
>>> pair = second_photo(photos, "moved", np.random.default_rng(1))
>>> pair.what, pair.painted
('moved', False)
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from refundlens.training.references.examples import SIDE, Pair, Pixels, delivered

Values = NDArray[np.float32]
Point = tuple[float, float]

HEIGHT = SIDE * 3 // 4
"""Pixels of a scene's shorter side."""
PLAIN = 30
"""Levels by which a thing's colour leaves the ground it was photographed on."""
GRAIN = 2.0
"""Standard deviation in levels of what a sensor adds to each photo of its own."""
UNEVEN = 0.004
"""Share of a side by which a corner of the picture lies elsewhere when the stand was put up again."""


@dataclass(frozen=True)
class Thing:
    """face: float32 [h,w,4], RGB in levels and how opaque, 0 to 1. x, y: its centre in pixels of the scene. turn:
    degrees."""

    face: Values
    x: float
    y: float
    turn: float


@dataclass(frozen=True)
class Scene:
    """ground: float32 [HEIGHT,SIDE,3]. things: the lowest first. sun: (right, down) in pixels that shadows fall."""

    ground: Values
    things: tuple[Thing, ...]
    sun: Point

    def drawn(self) -> Values:
        """float32 [HEIGHT,SIDE,3]."""
        canvas = self.ground.copy()
        for thing in self.things:
            _lay(canvas, _placed(thing), self.sun)
        return canvas


def second_photo(photos: Sequence[Pixels], kind: str, rng: np.random.Generator, anew: bool = False) -> Pair:
    """photos: what grounds and things are cut from. kind: one of KINDS. anew: whether the stand was put up again."""
    before, after = KINDS[kind](_scene(photos, rng), photos, rng)
    second = _relit(_seen_anew(after, rng) if anew else after, rng)
    return delivered(_taken(before, rng), _taken(second, rng), kind, None, rng)


def first_photo(photos: Sequence[Pixels], rng: np.random.Generator) -> Pixels:
    """A scene as it was first photographed, for painting on."""
    return _taken(_scene(photos, rng).drawn(), rng)


def _scene(photos: Sequence[Pixels], rng: np.random.Generator) -> Scene:
    things = tuple(_somewhere(_thing(photos, rng), rng) for _ in range(int(rng.integers(2, 6))))
    angle, far = rng.uniform(0, 2 * np.pi), rng.uniform(1, 7)
    return Scene(_ground(photos, rng), things, (float(far * np.cos(angle)), float(far * np.sin(angle))))


def _ground(photos: Sequence[Pixels], rng: np.random.Generator) -> Values:
    """A whole photo, or the plainest part of one."""
    photo = _one(photos, rng)
    if rng.random() < 0.6:
        high, wide = max(24, photo.shape[0] // 3), max(32, photo.shape[1] // 3)
        places = [
            (int(rng.integers(photo.shape[0] - high + 1)), int(rng.integers(photo.shape[1] - wide + 1)))
            for _ in range(12)
        ]
        parts = [photo[top : top + high, left : left + wide] for top, left in places]
        photo = min(
            parts, key=lambda part: float(cv2.resize(part, (6, 6), interpolation=cv2.INTER_AREA).std())
        )
    large = cv2.resize(photo, (SIDE, HEIGHT), interpolation=cv2.INTER_CUBIC).astype(np.float32)
    return large + _noise(rng, large.shape[:2], float(rng.uniform(1, 4)), 1.0)


def _thing(photos: Sequence[Pixels], rng: np.random.Generator) -> Values:
    """A face of 8 to 30 % of the scene's longer side: goods photographed on a plain ground, or a part of a photo in the
    shape of a card, a tin or a pouch."""
    photo = _one(photos, rng)
    goods = _cut_out(photo)
    face = goods if goods is not None and rng.random() < 0.7 else _shaped(photo, rng)
    side = SIDE * float(rng.uniform(0.08, 0.3))
    return _sized(face, side / max(face.shape[:2]))


def _cut_out(photo: Pixels) -> Values | None:
    """The largest thing on plain ground; None where the border is not plain or nothing stands alone in it."""
    border = np.concatenate([photo[:4].reshape(-1, 3), photo[-4:].reshape(-1, 3), photo[:, 0], photo[:, -1]])
    ground = np.median(border, 0)
    if np.percentile(np.abs(border - ground).max(1), 85) > PLAIN:
        return None
    unlike = cv2.GaussianBlur(np.abs(photo - ground.astype(np.float32)).max(2), (0, 0), 1) > PLAIN
    closed = cv2.morphologyEx(unlike.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(closed)
    if count < 2:
        return None
    largest = 1 + int(np.argmax(stats[1:, cv2.CC_STAT_AREA]))
    left, top, wide, high, area = stats[largest]
    whole = photo.shape[0] * photo.shape[1]
    inside = min(left, top) > 2 and left + wide < photo.shape[1] - 2 and top + high < photo.shape[0] - 2
    if not inside or not 0.03 < area / whole < 0.6:
        return None
    outline, _ = cv2.findContours(
        (labels == largest).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    opaque = np.zeros(photo.shape[:2], np.float32)
    cv2.drawContours(opaque, outline, -1, 1.0, -1)
    soft = cv2.GaussianBlur(cv2.erode(opaque, np.ones((3, 3), np.uint8)), (0, 0), 0.7)
    face = np.dstack([photo.astype(np.float32), soft])
    return np.asarray(face[top : top + high, left : left + wide], np.float32)


def _shaped(photo: Pixels, rng: np.random.Generator) -> Values:
    high, wide = (int(side * rng.uniform(0.2, 0.6)) for side in photo.shape[:2])
    top, left = int(rng.integers(photo.shape[0] - high + 1)), int(rng.integers(photo.shape[1] - wide + 1))
    part = cv2.resize(photo[top : top + high, left : left + wide], (240, int(rng.integers(80, 240))))
    return np.dstack([part.astype(np.float32), _outline(part.shape[:2], float(rng.choice([0.1, 0.3, 1.0])))])


def _outline(shape: tuple[int, ...], round_: float) -> Values:
    """A rectangle whose corners are rounded by that share of half its shorter side: float32 [h,w], 0 to 1."""
    high, wide = shape[:2]
    radius = max(1, int(round_ * (min(high, wide) / 2 - 2)))
    drawn = np.zeros((high, wide), np.float32)
    cv2.rectangle(drawn, (1 + radius, 1 + radius), (wide - 2 - radius, high - 2 - radius), 1.0, 2 * radius)
    cv2.rectangle(drawn, (1 + radius, 1 + radius), (wide - 2 - radius, high - 2 - radius), 1.0, -1)
    return np.asarray(cv2.GaussianBlur(drawn, (0, 0), 0.7), np.float32)


def _somewhere(face: Values, rng: np.random.Generator) -> Thing:
    x, y = rng.uniform(0.15, 0.85) * SIDE, rng.uniform(0.15, 0.85) * HEIGHT
    return Thing(face, float(x), float(y), float(rng.uniform(-180, 180)))


def _elsewhere(thing: Thing, rng: np.random.Generator) -> Thing:
    """Pushed by 3 to 40 % of the longer side and turned somewhat."""
    angle, far = rng.uniform(0, 2 * np.pi), SIDE * float(np.exp(rng.uniform(np.log(0.03), np.log(0.4))))
    x = float(np.clip(thing.x + far * np.cos(angle), 0.1 * SIDE, 0.9 * SIDE))
    y = float(np.clip(thing.y + far * np.sin(angle), 0.1 * HEIGHT, 0.9 * HEIGHT))
    return replace(thing, x=x, y=y, turn=thing.turn + float(rng.normal(0, 40)))


def _placed(thing: Thing) -> Values:
    """The thing's face on a layer of the scene's size: float32 [HEIGHT,SIDE,4], colours multiplied by how opaque."""
    high, wide = thing.face.shape[:2]
    matrix = cv2.getRotationMatrix2D(((wide - 1) / 2, (high - 1) / 2), thing.turn, 1.0)
    matrix[:, 2] += [thing.x - (wide - 1) / 2, thing.y - (high - 1) / 2]
    face = thing.face.copy()
    face[..., :3] *= face[..., 3:]
    return np.asarray(cv2.warpAffine(face, matrix, (SIDE, HEIGHT), flags=cv2.INTER_LINEAR), np.float32)


def _lay(canvas: Values, layer: Values, sun: Point) -> None:
    """A layer over the canvas, its shadow under it."""
    moved = np.array([[1, 0, sun[0]], [0, 1, sun[1]]])
    fallen = cv2.warpAffine(np.ascontiguousarray(layer[..., 3]), moved, (SIDE, HEIGHT))
    soft = cv2.GaussianBlur(fallen, (0, 0), 1 + 0.5 * float(np.hypot(*sun)))
    canvas *= 1 - 0.4 * soft[..., None]
    canvas *= 1 - layer[..., 3:]
    canvas += layer[..., :3]


def _sized(face: Values, scale: float) -> Values:
    size = (max(4, round(face.shape[1] * scale)), max(4, round(face.shape[0] * scale)))
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(face, size, interpolation=way), np.float32)


def _one(photos: Sequence[Pixels], rng: np.random.Generator) -> Pixels:
    return photos[int(rng.integers(len(photos)))]


def _noise(rng: np.random.Generator, shape: tuple[int, ...], levels: float, blur: float) -> Values:
    grain = cv2.GaussianBlur(rng.normal(0, 1, (*shape[:2], 1)).astype(np.float32), (0, 0), blur)
    return np.asarray(grain[..., None] * levels / max(float(grain.std()), 1e-6), np.float32)


def _seen_anew(scene: Values, rng: np.random.Generator) -> Values:
    """By a camera that stands a little otherwise."""
    corners = np.array([[0, 0], [SIDE, 0], [SIDE, HEIGHT], [0, HEIGHT]], np.float32)
    away = corners + rng.uniform(-UNEVEN, UNEVEN, (4, 2)) * SIDE
    matrix = cv2.getPerspectiveTransform(corners, away.astype(np.float32))
    seen = cv2.warpPerspective(scene, matrix, (SIDE, HEIGHT), borderMode=cv2.BORDER_REFLECT)
    return np.asarray(seen, np.float32)


def _relit(scene: Values, rng: np.random.Generator) -> Values:
    """In other light, from somewhat another side."""
    colour = rng.uniform(0.9, 1.1) * rng.uniform(0.97, 1.03, 3)
    down, right = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : SIDE * 1j]
    slope = 1 + rng.uniform(-0.06, 0.06) * down + rng.uniform(-0.06, 0.06) * right
    return np.asarray(scene * colour * slope[..., None], np.float32)


def _taken(scene: Values, rng: np.random.Generator) -> Pixels:
    """A photo of the scene, with grain of its own."""
    return np.clip(np.rint(scene + rng.normal(0, GRAIN, scene.shape)), 0, 255).astype(np.uint8)


def _moved(scene: Scene, photos: Sequence[Pixels], rng: np.random.Generator) -> tuple[Values, Values]:
    return scene.drawn(), _shifted(scene, 1, rng).drawn()


def _several(scene: Scene, photos: Sequence[Pixels], rng: np.random.Generator) -> tuple[Values, Values]:
    return scene.drawn(), _shifted(scene, len(scene.things), rng).drawn()


def _shifted(scene: Scene, count: int, rng: np.random.Generator) -> Scene:
    chosen = set(rng.choice(len(scene.things), count, replace=False).tolist())
    things = (_elsewhere(one, rng) if at in chosen else one for at, one in enumerate(scene.things))
    return replace(scene, things=tuple(things))


def _gone(scene: Scene, photos: Sequence[Pixels], rng: np.random.Generator) -> tuple[Values, Values]:
    """A thing is there in one of the two only."""
    both = scene.drawn(), replace(scene, things=scene.things[:-1]).drawn()
    return both if rng.random() < 0.5 else both[::-1]


def _turned(scene: Scene, photos: Sequence[Pixels], rng: np.random.Generator) -> tuple[Values, Values]:
    """A card or a label is turned over where it lies, roughly."""
    shape = (int(rng.integers(60, 130)), int(rng.integers(90, 200)))
    front = _somewhere(_label(shape, rng), rng)
    back = replace(front, face=_label(shape, rng), turn=front.turn + float(rng.normal(0, 3)))
    return _over(scene, front), _over(scene, back)


def _label(shape: tuple[int, int], rng: np.random.Generator) -> Values:
    """Lines of print and a bar code, or the blank back."""
    high, wide = shape
    face = np.ones((high, wide, 3), np.uint8) * rng.integers(150, 250, 3, np.uint8)
    if rng.random() < 0.7:
        ink = [float(value) for value in rng.uniform(0, 110, 3)]
        for row in range(10, high - 10, int(rng.integers(10, 18))):
            text = "".join(chr(int(code)) for code in rng.integers(65, 91, int(rng.integers(4, wide // 8))))
            cv2.putText(face, text, (8, row + 6), cv2.FONT_HERSHEY_SIMPLEX, 0.35, ink, 1, cv2.LINE_AA)
        if rng.random() < 0.5:
            for column in range(wide // 2, wide - 8, 3):
                cv2.line(face, (column, high // 2), (column, high - 8), ink, int(rng.integers(1, 3)))
    return np.dstack([face.astype(np.float32), _outline(face.shape, 0.1)])


def _over(scene: Scene, *things: Thing) -> Values:
    return replace(scene, things=(*scene.things, *things)).drawn()


def _folded(scene: Scene, photos: Sequence[Pixels], rng: np.random.Generator) -> tuple[Values, Values]:
    """A garment lies flat, or a part of it is folded over."""
    high, wide = int(HEIGHT * rng.uniform(0.4, 0.7)), int(SIDE * rng.uniform(0.3, 0.6))
    photo = _one(photos, rng)
    part = photo[: photo.shape[0] // 2, : photo.shape[1] // 2]
    cloth = np.dstack([cv2.resize(part, (wide, high)).astype(np.float32), _outline((high, wide), 0.2)])
    layer = _placed(replace(_somewhere(cloth, rng), x=SIDE / 2, y=HEIGHT / 2, turn=float(rng.normal(0, 20))))
    angle = rng.uniform(0, 2 * np.pi)
    towards = np.array([np.cos(angle), np.sin(angle)])
    down, right = np.mgrid[0:HEIGHT, 0:SIDE]
    along = right * towards[0] + down * towards[1]
    fold = float(np.percentile(along[layer[..., 3] > 0.5], rng.uniform(70, 92)))
    beyond = (along > fold)[..., None]
    mirror = np.hstack([np.eye(2) - 2 * np.outer(towards, towards), (2 * fold * towards)[:, None]])
    flap = cv2.warpAffine(np.where(beyond, layer, 0).astype(np.float32), mirror, (SIDE, HEIGHT))
    back = layer[..., :3].sum((0, 1)) / max(float(layer[..., 3].sum()), 1.0)
    inside = float(rng.uniform(0, 1))  # cloth is seldom printed on both sides
    colour = (1 - inside) * flap[..., :3] + inside * back * flap[..., 3:]
    flap = np.concatenate([colour * float(rng.uniform(0.75, 1.0)), flap[..., 3:]], 2)
    flat, folded = scene.ground.copy(), scene.ground.copy()
    _lay(flat, layer, scene.sun)
    _lay(folded, np.where(beyond, 0, layer).astype(np.float32), scene.sun)
    _lay(folded, np.asarray(flap, np.float32), scene.sun)
    return (flat, folded) if rng.random() < 0.5 else (folded, flat)


def _hand(scene: Scene, photos: Sequence[Pixels], rng: np.random.Generator) -> tuple[Values, Values]:
    """Fingers reach into one of the two from a side."""
    skin = np.array([224, 172, 140], np.float32) * float(rng.uniform(0.35, 1.08))
    wide = float(rng.uniform(0.05, 0.09)) * SIDE
    side = int(rng.integers(4))
    depth = np.zeros((HEIGHT, SIDE), np.float32)
    start = float(rng.uniform(0.25, 0.75))
    for number in range(int(rng.integers(1, 5))):
        reach = float(rng.uniform(0.15, 0.5))
        along = start * (SIDE if side % 2 else HEIGHT) + (number - 1) * wide * 1.05
        ends = [(0.0, along), (reach * SIDE, along + float(rng.normal(0, wide / 2)))]
        if side == 1:
            ends = [(along, 0.0), (along + float(rng.normal(0, wide / 2)), reach * HEIGHT)]
        elif side == 2:
            ends = [(SIDE - 1 - x, y) for x, y in ends]
        elif side == 3:
            ends = [(along, HEIGHT - 1.0), (along, HEIGHT * (1 - reach))]
        finger = np.zeros((HEIGHT, SIDE), np.uint8)
        cv2.line(finger, *(tuple(map(round, end)) for end in ends), 1, round(wide))  # type: ignore[call-overload]
        inside = cv2.distanceTransform(finger, cv2.DIST_L2, 5) / (wide / 2)
        depth = np.maximum(depth, np.sqrt(np.clip(1 - np.square(1 - inside), 0, 1)) * finger)
    lit = skin * (0.6 + 0.4 * depth[..., None]) + _noise(rng, depth.shape, 3, 1.5)
    opaque = cv2.GaussianBlur((depth > 0).astype(np.float32), (0, 0), 0.7)[..., None]
    held = scene.drawn()
    _lay(held, np.concatenate([lit * opaque, opaque], 2).astype(np.float32), scene.sun)
    return (scene.drawn(), held) if rng.random() < 0.7 else (held, scene.drawn())


def _other_ground(scene: Scene, photos: Sequence[Pixels], rng: np.random.Generator) -> tuple[Values, Values]:
    """The things stay where they were in the picture, on another table."""
    return scene.drawn(), replace(scene, ground=_ground(photos, rng)).drawn()


def _shadow(scene: Scene, photos: Sequence[Pixels], rng: np.random.Generator) -> tuple[Values, Values]:
    """Something outside the picture shades another part of it."""
    drawn = scene.drawn()
    shades = [drawn * (1 - float(rng.uniform(0.15, 0.45)) * _patch(rng)[..., None]) for _ in range(2)]
    return (drawn if rng.random() < 0.5 else shades[0]), shades[1]


def _reflection(scene: Scene, photos: Sequence[Pixels], rng: np.random.Generator) -> tuple[Values, Values]:
    """A lamp or a window shines from another place."""
    drawn = scene.drawn()
    shining = [drawn + float(rng.uniform(40, 160)) * _patch(rng, 0.12)[..., None] for _ in range(2)]
    return (drawn if rng.random() < 0.5 else shining[0]), shining[1]


def _patch(rng: np.random.Generator, size: float = 0.35) -> Values:
    """A soft patch of up to so much of the longer side: float32 [HEIGHT,SIDE], 0 to 1."""
    drawn = np.zeros((HEIGHT, SIDE), np.float32)
    centre = np.array([rng.uniform(0.1, 0.9) * SIDE, rng.uniform(0.1, 0.9) * HEIGHT])
    around = np.sort(rng.uniform(0, 2 * np.pi, 7))
    reach = SIDE * size * rng.uniform(0.4, 1.0) * rng.uniform(0.5, 1.0, 7) / 2
    corners = centre + np.stack([np.cos(around), np.sin(around)], 1) * reach[:, None]
    cv2.fillPoly(drawn, [corners.astype(np.int32)], 1.0, cv2.LINE_AA)
    soft = np.asarray(cv2.GaussianBlur(drawn, (0, 0), float(rng.uniform(1.5, 14))), np.float32)
    return soft / max(float(soft.max()), 1e-6)


def _package(scene: Scene, photos: Sequence[Pixels], rng: np.random.Generator) -> tuple[Values, Values]:
    """A box seen from above, closed and open."""
    high, wide = int(HEIGHT * rng.uniform(0.15, 0.45)), int(SIDE * rng.uniform(0.15, 0.4))
    board = np.array([190, 150, 105], np.float32) * rng.uniform(0.7, 1.15)
    closed = np.ones((high, wide, 3), np.float32) * board + _noise(rng, (high, wide), 4, 1.2)
    tape = slice(high // 2 - max(2, high // 14), high // 2 + max(2, high // 14))
    closed[tape] = closed[tape] * 0.5 + rng.uniform(120, 220)
    inner = np.ones((high, wide, 3), np.float32) * board * 0.45 + _noise(rng, (high, wide), 4, 1.2)
    flaps = np.zeros((HEIGHT, SIDE, 4), np.float32)
    box = Thing(
        np.dstack([closed, _outline(closed.shape, 0.02)]), SIDE / 2, HEIGHT / 2, float(rng.normal(0, 15))
    )
    corners = cv2.boxPoints(((box.x, box.y), (wide, high), -box.turn))
    for one, two in zip(corners, np.roll(corners, -1, 0), strict=True):
        out = (one + two) / 2 - [box.x, box.y]
        far = out / np.hypot(*out) * min(high, wide) * float(rng.uniform(0.25, 0.48))
        flap = np.array([one, two, two + far + (one - two) * 0.05, one + far + (two - one) * 0.05])
        cv2.fillPoly(flaps, [flap.astype(np.int32)], (*(board * rng.uniform(0.9, 1.2)).tolist(), 1.0))
    things = (replace(box, face=np.dstack([inner, box.face[..., 3]])),)
    goods = _thing(photos, rng)
    goods = _sized(goods, 0.8 * min(high, wide) / max(goods.shape[:2]))
    opened = scene.drawn()
    _lay(opened, flaps, scene.sun)
    for thing in (*things, replace(box, face=goods, turn=float(rng.uniform(0, 360)))):
        _lay(opened, _placed(thing), scene.sun)
    shut = _over(scene, box)
    return (shut, opened) if rng.random() < 0.5 else (opened, shut)


def _liquid(scene: Scene, photos: Sequence[Pixels], rng: np.random.Generator) -> tuple[Values, Values]:
    """A bottle of glass with more and with less in it."""
    high = int(HEIGHT * rng.uniform(0.3, 0.7))
    wide = int(high * rng.uniform(0.25, 0.6))
    colour = rng.uniform(20, 230, 3).astype(np.float32)
    levels = rng.uniform(0.1, 0.85, 2)
    x, y = float(rng.uniform(0.3, 0.7)) * SIDE, HEIGHT / 2
    both = []
    for level in levels:
        opaque = np.full((high, wide), 0.18, np.float32)
        face = np.ones((high, wide, 3), np.float32) * 225
        top = int(high * (1 - level))
        face[top:], opaque[top:] = colour, 0.85
        face[top : top + 3] = colour * 0.7 + 60
        round_ = np.sin(np.linspace(0.12, np.pi - 0.12, wide))[None, :, None]
        face = (
            face * (0.55 + 0.45 * round_)
            + 60 * (np.abs(np.linspace(0, 1, wide) - 0.22) < 0.04)[None, :, None]
        )
        outline = _outline((high, wide), 0.3)
        rim = outline - cv2.erode(outline, np.ones((5, 5), np.uint8))
        both.append(np.dstack([face.astype(np.float32), np.maximum(opaque, 0.7 * rim) * outline]))
    one, other = (_over(scene, Thing(face, x, y, 0.0)) for face in both)
    return one, other


def _screen(scene: Scene, photos: Sequence[Pixels], rng: np.random.Generator) -> tuple[Values, Values]:
    """A device with its display lit and dark, or lit with something else on it."""
    high, wide = int(SIDE * rng.uniform(0.08, 0.4)), int(SIDE * rng.uniform(0.06, 0.25))
    place = _somewhere(_outline((high, wide), 0.3)[..., None].repeat(4, 2), rng)
    case = np.ones((high, wide, 3), np.float32) * rng.uniform(10, 60)
    edge = max(2, min(high, wide) // 14)
    faces = []
    for lit in (True, bool(rng.random() < 0.3)):
        face = case.copy()
        size = (wide - 2 * edge, high - 2 * edge)
        inside = face[edge:-edge, edge:-edge]
        if lit:
            inside[:] = cv2.resize(_one(photos, rng), size).astype(np.float32) * rng.uniform(0.5, 1.0)
            for row in range(edge, size[1] - 12, 22):
                for column in range(edge, size[0] - 12, 22):
                    ink = [float(value) for value in rng.uniform(60, 250, 3)]
                    cv2.rectangle(
                        face, (column + edge, row + edge), (column + edge + 10, row + edge + 10), ink, -1
                    )
        else:
            down, right = np.mgrid[0 : size[1], 0 : size[0]]
            gloss = np.clip(1 - np.abs(down + right - rng.uniform(0, sum(size))) / (0.3 * sum(size)), 0, 1)
            inside[:] = 18 + 35 * gloss[..., None]
        faces.append(np.dstack([face, _outline(face.shape, 0.3)]))
    one, other = (_over(scene, replace(place, face=face)) for face in faces)
    return (one, other) if rng.random() < 0.5 else (other, one)


KINDS: dict[str, Callable[[Scene, Sequence[Pixels], np.random.Generator], tuple[Values, Values]]] = {
    "moved": _moved,
    "several": _several,
    "gone": _gone,
    "turned": _turned,
    "folded": _folded,
    "hand": _hand,
    "ground": _other_ground,
    "shadow": _shadow,
    "reflection": _reflection,
    "package": _package,
    "liquid": _liquid,
    "screen": _screen,
}
