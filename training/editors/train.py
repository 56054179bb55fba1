"""What the trainings of our small autoencoders and inpainters share: crops, losses, one update, the resumable loop.

In: real photos (paths) and a network with a function that says what it drew at a step. Out: weights on disk. A run that
was killed resumes from `<name>.checkpoint` to the same weights: everything random depends only on seed and step.
"""

import math
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from refundlens.model.progress import track

CROP = 128
"""Side of a training crop in pixels: sixteen cells of a factor-8 bottleneck, more than a decoder's receptive field."""
PHOTOS_PER_STEP = 2
CROPS_PER_PHOTO = 2
"""Decoding a JPEG costs as much as a crop's forward pass, so each decoded photo gives two crops."""
LEARNING_RATE = 2e-3
"""Peak of Adam's cosine schedule: high, because the training is short and the blocks start as identities."""
WARMUP = 40
"""Steps of linear warm-up."""
GRADIENT_WEIGHT = 0.5
"""Weight of the L1 loss on horizontal and vertical differences: keeps edges, which plain L1 blurs."""
COLOUR_WEIGHT = 10.0
"""Weight of the squared error of 8x8 means. Most garments are nearly grey, and L1, which seeks the median, lets a short
training drop colour altogether: measured, saturated pink came out grey or orange. Squares make rare colours count."""
ADVERSARIAL_START = 0.5
"""Share of the steps before the discriminator joins: earlier it only learns that blur is fake."""
CHECKPOINT_EVERY = 100
"""Steps between checkpoints: under a minute of work lost on one core."""
HELD_OUT = 25
"""One photo in this many (by a checksum of its name) is never trained on and measures the PSNR."""


def random_crops(photo: NDArray[np.uint8], count: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Crops of a photo shrunk by a random factor, uint8 [count,CROP,CROP,3].

    Shrinking by 0.5 to 1 moves the JPEG grid off multiples of 8, which the network would otherwise learn to draw.
    """
    least = max(CROP / min(photo.shape[:2]), 0.5)
    scale = rng.uniform(min(least, 1.0), 1.0) if least <= 1 else least
    height, width = (max(CROP, round(side * scale)) for side in photo.shape[:2])
    photo = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    crops = []
    for _ in range(count):
        top, left = rng.integers(0, height - CROP + 1), rng.integers(0, width - CROP + 1)
        crop = photo[top : top + CROP, left : left + CROP]
        crops.append(crop[:, ::-1] if rng.random() < 0.5 else crop)
    return np.stack(crops)


def read_photo(path: Path) -> NDArray[np.uint8]:
    """RGB uint8 [H,W,3]. Raises ValueError if the file is no picture."""
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise ValueError(f"{path} is not a picture that OpenCV can read")
    return cv2.cvtColor(picture, cv2.COLOR_BGR2RGB).astype(np.uint8, copy=False)


def to_tensor(pictures: NDArray[np.uint8]) -> Tensor:
    """uint8 [N,H,W,3] -> float32 [N,3,H,W] in 0..1."""
    return torch.from_numpy(np.ascontiguousarray(pictures)).permute(0, 3, 1, 2).float() / 255


def batch(photos: Sequence[Path], seed: int, step: int) -> Tensor:
    """The crops of one step, float32 [N,3,CROP,CROP] in 0..1. Depends on nothing but its arguments."""
    rng = np.random.default_rng((seed, step))
    chosen = rng.integers(0, len(photos), PHOTOS_PER_STEP)
    return to_tensor(
        np.concatenate([random_crops(read_photo(photos[i]), CROPS_PER_PHOTO, rng) for i in chosen])
    )


def split(photos: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """(trained on, held out), by a checksum of the name, so that it does not depend on order or number."""
    held = {path for path in photos if zlib.crc32(path.name.encode()) % HELD_OUT == 0}
    return [path for path in photos if path not in held], [path for path in photos if path in held]


def list_photos(roots: Sequence[Path]) -> list[Path]:
    """The files given and, of folders, every JPEG below them."""
    return [p for root in roots for p in (sorted(root.rglob("*.jpg")) if root.is_dir() else [root])]


def discriminator() -> nn.Sequential:
    """Judges patches of about 20 pixels, the scale of a decoder's texture."""
    return nn.Sequential(
        nn.Conv2d(3, 24, 4, stride=2, padding=1), nn.LeakyReLU(0.2),
        nn.Conv2d(24, 48, 4, stride=2, padding=1), nn.LeakyReLU(0.2),
        nn.Conv2d(48, 48, 3, padding=1), nn.LeakyReLU(0.2), nn.Conv2d(48, 1, 1),
    )  # fmt: skip


def reconstruction_loss(drawn: Tensor, real: Tensor) -> Tensor:
    """L1 on pixels and on their differences to the right and below, and squares of the local mean's error."""
    error = drawn - real
    across, down = error[..., 1:] - error[..., :-1], error[..., 1:, :] - error[..., :-1, :]
    colour = nn.functional.avg_pool2d(error, 8).square().mean()
    edges = across.abs().mean() + down.abs().mean()
    return error.abs().mean() + GRADIENT_WEIGHT * edges + COLOUR_WEIGHT * colour


@dataclass(frozen=True)
class Drawn:
    """What a network drew at one step: its pictures beside the real ones [N,3,H,W], and its loss without the judge."""

    pictures: Tensor
    real: Tensor
    loss: Tensor


Draw = Callable[[int], Drawn]
"""Step number -> what the network draws at that step, with its gradient."""


@dataclass
class Run:
    """Everything that a checkpoint must hold to continue exactly."""

    network: nn.Module
    judge: nn.Sequential
    optimiser: torch.optim.Optimizer
    judge_optimiser: torch.optim.Optimizer
    step: int = 0

    @classmethod
    def start(cls, network: nn.Module) -> "Run":
        """A run at step 0, with a new judge drawn from torch's random state."""
        judge = discriminator()
        return cls(
            network,
            judge,
            torch.optim.Adam(network.parameters(), LEARNING_RATE, betas=(0.9, 0.99)),
            torch.optim.Adam(judge.parameters(), LEARNING_RATE / 4, betas=(0.5, 0.99)),
        )

    def state(self) -> dict[str, Any]:
        return {
            "step": self.step,
            "networks": [part.state_dict() for part in (self.network, self.judge)],
            "optimisers": [part.state_dict() for part in (self.optimiser, self.judge_optimiser)],
        }

    def restore(self, path: Path) -> None:
        stored = torch.load(path, map_location="cpu", weights_only=True)
        for network, state in zip((self.network, self.judge), stored["networks"], strict=True):
            network.load_state_dict(state)
        for optimiser, state in zip(
            (self.optimiser, self.judge_optimiser), stored["optimisers"], strict=True
        ):
            optimiser.load_state_dict(state)
        self.step = stored["step"]


def _learning_rate(step: int, steps: int) -> float:
    warm = min(1.0, (step + 1) / WARMUP)
    return LEARNING_RATE * warm * (0.5 + 0.5 * float(np.cos(np.pi * step / steps)))


def _update(run: Run, draw: Draw, steps: int, adversarial_weight: float) -> float:
    """One update of the network and, late in an adversarial training, of its judge. Returns the loss without it."""
    for group in run.optimiser.param_groups:
        group["lr"] = _learning_rate(run.step, steps)
    drawn = draw(run.step)
    adversarial = adversarial_weight > 0 and run.step >= ADVERSARIAL_START * steps
    total = drawn.loss - adversarial_weight * run.judge(drawn.pictures).mean() if adversarial else drawn.loss
    run.optimiser.zero_grad()
    total.backward()
    nn.utils.clip_grad_norm_(run.network.parameters(), 1.0)
    run.optimiser.step()
    if adversarial:
        fake = run.judge(drawn.pictures.detach())
        hinge = (1 - run.judge(drawn.real)).relu().mean() + (1 + fake).relu().mean()
        run.judge_optimiser.zero_grad()
        hinge.backward()
        run.judge_optimiser.step()
    return float(drawn.loss.detach())


def train(run: Run, draw: Draw, checkpoint: Path, steps: int, adversarial_weight: float) -> None:
    """Bring a run to `steps`, from its checkpoint if there is one. The checkpoint stays: who saves the result removes
    it. adversarial_weight: of the judge's opinion in the loss; 0 trains without a judge."""
    if checkpoint.exists():
        run.restore(checkpoint)
    loss = [math.nan]
    for _ in track(
        range(run.step, steps), steps, checkpoint.stem, done=run.step, note=lambda: f"loss {loss[0]:.4f}"
    ):
        loss[0] = _update(run, draw, steps, adversarial_weight)
        run.step += 1
        if run.step % CHECKPOINT_EVERY == 0:
            torch.save(run.state(), checkpoint.with_suffix(".partial"))
            checkpoint.with_suffix(".partial").replace(checkpoint)
