"""Train small autoencoders of our own, whose re-decoded pictures are training material for the detector.

In: real photos (paths). Out: one `<name>.pt` each, {"spec", "state"}, read by `datasets.editors.small_autoencoder`.
A run that was killed resumes
from `<name>.checkpoint` to the same weights: batches depend only on seed and step.

    python -m training.autoencoders PHOTOS... --out var/autoencoders --steps 700
"""

import argparse
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from datasets.editors.small_autoencoder import AutoencoderSpec, SmallAutoencoder, load, save

SPECS: tuple[AutoencoderSpec, ...] = (
    AutoencoderSpec("f8c4-nearest", 8, 4, "nearest", adversarial=True),
    AutoencoderSpec("f8c16-shuffle", 8, 16, "shuffle"),
    AutoencoderSpec(
        "f4vq-transposed", 4, 4, "transposed", quantised=True, adversarial=True, widths=(16, 48, 96)
    ),
    AutoencoderSpec("f8c8-bilinear", 8, 8, "bilinear"),
)

CROP = 128
"""Side of a training crop in pixels: sixteen latent cells, more than the decoder's receptive field."""
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
ADVERSARIAL_WEIGHT = 0.02
"""Small: enough for the decoder to invent texture, as real ones do, without spoiling the colours."""
ADVERSARIAL_START = 0.5
"""Share of the steps before the discriminator joins: earlier it only learns that blur is fake."""
CHECKPOINT_EVERY = 100
"""Steps between checkpoints: under a minute of work lost on one core."""
HELD_OUT = 25
"""One photo in this many (by a checksum of its name) is never trained on and measures the PSNR."""


def random_crops(photo: NDArray[np.uint8], count: int, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Crops of a photo shrunk by a random factor, uint8 [count,CROP,CROP,3].

    Shrinking by 0.5 to 1 moves the JPEG grid off multiples of 8, which the autoencoder would otherwise learn to draw.
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


def batch(photos: Sequence[Path], seed: int, step: int) -> Tensor:
    """The crops of one step, float32 [N,3,CROP,CROP] in 0..1. Depends on nothing but its arguments."""
    rng = np.random.default_rng((seed, step))
    chosen = rng.integers(0, len(photos), PHOTOS_PER_STEP)
    crops = np.concatenate([random_crops(read_photo(photos[i]), CROPS_PER_PHOTO, rng) for i in chosen])
    return torch.from_numpy(np.ascontiguousarray(crops)).permute(0, 3, 1, 2).float() / 255


def split(photos: Sequence[Path]) -> tuple[list[Path], list[Path]]:
    """(trained on, held out), by a checksum of the name, so that it does not depend on order or number."""
    held = {path for path in photos if zlib.crc32(path.name.encode()) % HELD_OUT == 0}
    return [path for path in photos if path not in held], [path for path in photos if path in held]


def _discriminator() -> nn.Sequential:
    """Judges patches of about 20 pixels, the scale of a decoder's texture."""
    return nn.Sequential(
        nn.Conv2d(3, 24, 4, stride=2, padding=1), nn.LeakyReLU(0.2),
        nn.Conv2d(24, 48, 4, stride=2, padding=1), nn.LeakyReLU(0.2),
        nn.Conv2d(48, 48, 3, padding=1), nn.LeakyReLU(0.2), nn.Conv2d(48, 1, 1),
    )  # fmt: skip


def reconstruction_loss(decoded: Tensor, real: Tensor) -> Tensor:
    """L1 on pixels and on their differences to the right and below, and squares of the local mean's error."""
    error = decoded - real
    across, down = error[..., 1:] - error[..., :-1], error[..., 1:, :] - error[..., :-1, :]
    colour = nn.functional.avg_pool2d(error, 8).square().mean()
    edges = across.abs().mean() + down.abs().mean()
    return error.abs().mean() + GRADIENT_WEIGHT * edges + COLOUR_WEIGHT * colour


@dataclass
class _Run:
    """Everything that a checkpoint must hold to continue exactly."""

    network: SmallAutoencoder
    judge: nn.Sequential
    optimiser: torch.optim.Optimizer
    judge_optimiser: torch.optim.Optimizer
    step: int = 0

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


def _start(spec: AutoencoderSpec, seed: int) -> _Run:
    torch.manual_seed(seed)
    network, judge = SmallAutoencoder(spec), _discriminator()
    return _Run(
        network,
        judge,
        torch.optim.Adam(network.parameters(), LEARNING_RATE, betas=(0.9, 0.99)),
        torch.optim.Adam(judge.parameters(), LEARNING_RATE / 4, betas=(0.5, 0.99)),
    )


def _learning_rate(step: int, steps: int) -> float:
    warm = min(1.0, (step + 1) / WARMUP)
    return LEARNING_RATE * warm * (0.5 + 0.5 * float(np.cos(np.pi * step / steps)))


def _train_step(run: _Run, real: Tensor, steps: int) -> float:
    """One update of the autoencoder and, late in an adversarial training, of its judge. Returns the L1 part."""
    for group in run.optimiser.param_groups:
        group["lr"] = _learning_rate(run.step, steps)
    decoded = run.network(real)
    loss = reconstruction_loss(decoded, real)
    adversarial = run.network.spec.adversarial and run.step >= ADVERSARIAL_START * steps
    total = loss - ADVERSARIAL_WEIGHT * run.judge(decoded).mean() if adversarial else loss
    run.optimiser.zero_grad()
    total.backward()
    nn.utils.clip_grad_norm_(run.network.parameters(), 1.0)
    run.optimiser.step()
    if adversarial:
        hinge = (1 - run.judge(real)).relu().mean() + (1 + run.judge(decoded.detach())).relu().mean()
        run.judge_optimiser.zero_grad()
        hinge.backward()
        run.judge_optimiser.step()
    return float(loss.detach())


def train_autoencoder(
    spec: AutoencoderSpec, photos: Sequence[Path], out: Path, steps: int, seed: int = 0
) -> Path:
    """Train one autoencoder on photos (those smaller than CROP are enlarged) -> out/<name>.pt.

    A finished file is returned as it is; an unfinished run continues from its checkpoint.
    Raises ValueError without photos or if one of them cannot be read.
    """
    if not photos:
        raise ValueError("no photos to train on")
    out.mkdir(parents=True, exist_ok=True)
    finished, checkpoint = out / f"{spec.name}.pt", out / f"{spec.name}.checkpoint"
    if finished.exists():
        return finished
    run = _start(spec, seed)
    if checkpoint.exists():
        run.restore(checkpoint)
    bar = tqdm(total=steps, initial=run.step, desc=spec.name, unit="step", disable=None)
    while run.step < steps:
        loss = _train_step(run, batch(photos, seed, run.step), steps)
        run.step += 1
        bar.update()
        bar.set_postfix(loss=f"{loss:.4f}", refresh=False)
        if run.step % CHECKPOINT_EVERY == 0:
            torch.save(run.state(), checkpoint.with_suffix(".partial"))
            checkpoint.with_suffix(".partial").replace(checkpoint)
    bar.close()
    save(run.network, finished)
    checkpoint.unlink(missing_ok=True)
    return finished


@torch.inference_mode()
def psnr(network: SmallAutoencoder, photos: Sequence[Path]) -> float:
    """Mean peak signal-to-noise ratio over photos in dB, each cut to multiples of the factor."""
    values = []
    for path in photos:
        photo = read_photo(path)
        height, width = (side // network.spec.factor * network.spec.factor for side in photo.shape[:2])
        real = torch.from_numpy(photo[:height, :width].copy()).permute(2, 0, 1)[None].float() / 255
        error = torch.mean((network(real).clamp(0, 1) - real) ** 2).item()
        values.append(-10 * np.log10(max(error, 1e-10)))
    return float(np.mean(values))


def main() -> None:
    """Train the specs of this file one after another and print each one's PSNR on held-out photos."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", nargs="+", type=Path, help="photos or folders of photos")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=700)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=[spec.name for spec in SPECS], nargs="*")
    given = parser.parse_args()
    torch.set_num_threads(1)
    files = [p for root in given.photos for p in (sorted(root.rglob("*.jpg")) if root.is_dir() else [root])]
    training, held_out = split(files)
    for spec in SPECS:
        if given.only is None or spec.name in given.only:
            network = load(train_autoencoder(spec, training, given.out, given.steps, given.seed))
            quality = psnr(network, held_out)
            print(f"{spec.name}\t{quality:.2f} dB on {len(held_out)} held-out photos", flush=True)


if __name__ == "__main__":
    main()
