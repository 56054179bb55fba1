"""Train small inpainters of our own, whose redrawn regions are training material for the detector.

In: real photos (paths). Out: one `inpaint-<name>.pt` each, {"inpainter", "state"}, which may lie beside the small
autoencoders and which `datasets.editors.small_inpainter` reads. A killed run resumes to the same weights.

    python -m refundlens.training.editors.inpainters PHOTOS... --out var/autoencoders --steps 800
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from refundlens.datasets.editors.compositing import random_region
from refundlens.datasets.editors.small_inpainter import FACTOR, InpainterSpec, SmallInpainter, load, save
from refundlens.training.editors.train import (
    Drawn,
    Run,
    batch,
    list_photos,
    read_photo,
    reconstruction_loss,
    split,
    to_tensor,
    train,
)

SPECS: tuple[InpainterSpec, ...] = (
    InpainterSpec("gated-nearest", "gated", (16, 32, 64, 96)),
    InpainterSpec("fourier-transposed", "fourier", (16, 48, 96)),
    InpainterSpec("noise-shuffle", "noise", (24, 64, 128, 192, 256)),
)

HOLE_WEIGHT = 4.0
"""Weight of the loss inside the hole beside that of the whole picture: a hole covers about a fifth of a crop, so that
its pixels count a few times as much as the known ones, which the network only has to pass on."""
ADVERSARIAL_WEIGHT = 0.05
"""More than for the autoencoders (0.02): inside a hole nothing but the judge asks for texture."""
STROKES = (1, 4)
"""Least and most brush strokes in a free-form hole."""
STROKE_WIDTH = (0.04, 0.2)
"""Width of a stroke as a share of the crop's side: from a scratch to a seam with its margin."""
BLOB_SHARE = 0.6
"""How often blobs are cut out rather than strokes: an object masked for removal is a blob."""


def random_hole(side: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A hole for one crop, float32 [side,side], 1 inside: one to three blobs, or brush strokes with corners."""
    if rng.random() < BLOB_SHARE:
        blobs = [random_region(side, side, rng) for _ in range(int(rng.integers(1, 4)))]
        union: NDArray[np.float32] = np.stack(blobs).max(axis=0)
        return union
    hole = np.zeros((side, side), np.uint8)
    for _ in range(int(rng.integers(STROKES[0], STROKES[1] + 1))):
        points = rng.uniform(0, side, 2) + np.cumsum(rng.normal(0, side / 6, (5, 2)), axis=0)
        thickness = max(1, round(side * rng.uniform(*STROKE_WIDTH)))
        cv2.polylines(hole, [np.rint(points).astype(np.int32)], False, 1, thickness)
    return hole.astype(np.float32)


def holes(count: int, side: int, seed: int, step: int) -> Tensor:
    """The holes of one step, float32 [count,1,side,side]. Depends on nothing but its arguments."""
    rng = np.random.default_rng((seed, step, 1))
    return torch.from_numpy(np.stack([random_hole(side, rng)[None] for _ in range(count)]))


def inpainting_loss(drawn: Tensor, real: Tensor, hole: Tensor) -> Tensor:
    """The reconstruction's loss over the whole picture and, with more weight, over the hole alone."""
    inside = real + hole * (drawn - real)
    return reconstruction_loss(drawn, real) + HOLE_WEIGHT * reconstruction_loss(inside, real)


def train_inpainter(
    spec: InpainterSpec, photos: Sequence[Path], out: Path, steps: int, seed: int = 0
) -> Path:
    """Train one inpainter on photos (those smaller than a crop are enlarged) -> out/inpaint-<name>.pt.

    A finished file is returned as it is; an unfinished run continues from its checkpoint.
    Raises ValueError without photos or if one of them cannot be read.
    """
    if not photos:
        raise ValueError("no photos to train on")
    out.mkdir(parents=True, exist_ok=True)
    finished, checkpoint = out / f"inpaint-{spec.name}.pt", out / f"inpaint-{spec.name}.checkpoint"
    if finished.exists():
        return finished
    torch.manual_seed(seed)
    network = SmallInpainter(spec)

    def draw(step: int) -> Drawn:
        real = batch(photos, seed, step)
        hole = holes(len(real), real.shape[-1], seed, step)
        noise = torch.Generator().manual_seed(int(np.random.default_rng((seed, step, 2)).integers(2**31)))
        drawn = network(real, hole, noise)
        return Drawn(drawn, real, inpainting_loss(drawn, real, hole))

    train(Run.start(network), draw, checkpoint, steps, ADVERSARIAL_WEIGHT)
    save(network, finished)
    checkpoint.unlink(missing_ok=True)
    return finished


@torch.inference_mode()
def psnr(network: SmallInpainter, photos: Sequence[Path], seed: int = 0) -> tuple[float, float]:
    """Mean peak signal-to-noise ratio over photos in dB: (inside random holes, outside them)."""
    values = []
    for index, path in enumerate(photos):
        photo = read_photo(path)
        side = min(*photo.shape[:2], 512) // FACTOR * FACTOR
        real = to_tensor(photo[None, :side, :side])
        hole = holes(1, side, seed, index)
        error = (network(real, hole, torch.Generator().manual_seed(index)).clamp(0, 1) - real).square()
        inside, outside = hole.bool().expand_as(error), (1 - hole).bool().expand_as(error)
        means = [error[inside].mean().item(), error[outside].mean().item()]
        values.append([-10 * np.log10(max(mean, 1e-10)) for mean in means])
    inside_db, outside_db = np.mean(values, axis=0)
    return float(inside_db), float(outside_db)


def main() -> None:
    """Train the specs of this file one after another and print each one's PSNR on held-out photos."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", nargs="+", type=Path, help="photos or folders of photos")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=[spec.name for spec in SPECS], nargs="*")
    given = parser.parse_args()
    torch.set_num_threads(1)
    training, held_out = split(list_photos(given.photos))
    for spec in SPECS:
        if given.only is None or spec.name in given.only:
            network = load(train_inpainter(spec, training, given.out, given.steps, given.seed))
            inside, outside = psnr(network, held_out)
            print(f"{spec.name}\t{inside:.2f} dB in holes, {outside:.2f} dB outside", flush=True)


if __name__ == "__main__":
    main()
