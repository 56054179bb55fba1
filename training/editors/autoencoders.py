"""Train small autoencoders of our own, whose re-decoded pictures are training material for the detector.

In: real photos (paths). Out: one `<name>.pt` each, {"spec", "state"}, read by `datasets.editors.small_autoencoder`.
A run that was killed resumes to the same weights (`training.editors.train`).

    python -m refundlens.training.editors.autoencoders PHOTOS... --out var/autoencoders --steps 700
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from refundlens.datasets.editors.small_autoencoder import AutoencoderSpec, SmallAutoencoder, load, save
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

SPECS: tuple[AutoencoderSpec, ...] = (
    AutoencoderSpec("f8c4-nearest", 8, 4, "nearest", adversarial=True),
    AutoencoderSpec("f8c16-shuffle", 8, 16, "shuffle"),
    AutoencoderSpec(
        "f4vq-transposed", 4, 4, "transposed", quantised=True, adversarial=True, widths=(16, 48, 96)
    ),
    AutoencoderSpec("f8c8-bilinear", 8, 8, "bilinear"),
)

ADVERSARIAL_WEIGHT = 0.02
"""Small: enough for the decoder to invent texture, as real ones do, without spoiling the colours."""


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
    torch.manual_seed(seed)
    network = SmallAutoencoder(spec)

    def draw(step: int) -> Drawn:
        real = batch(photos, seed, step)
        decoded = network(real)
        return Drawn(decoded, real, reconstruction_loss(decoded, real))

    train(Run.start(network), draw, checkpoint, steps, ADVERSARIAL_WEIGHT if spec.adversarial else 0.0)
    save(network, finished)
    checkpoint.unlink(missing_ok=True)
    return finished


@torch.inference_mode()
def psnr(network: SmallAutoencoder, photos: Sequence[Path]) -> float:
    """Mean peak signal-to-noise ratio over photos in dB, each cut to multiples of the factor."""
    values = []
    for path in photos:
        photo = read_photo(path)
        height, width = (side // network.spec.factor * network.spec.factor for side in photo.shape[:2])
        real = to_tensor(photo[None, :height, :width])
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
    training, held_out = split(list_photos(given.photos))
    for spec in SPECS:
        if given.only is None or spec.name in given.only:
            network = load(train_autoencoder(spec, training, given.out, given.steps, given.seed))
            quality = psnr(network, held_out)
            print(f"{spec.name}\t{quality:.2f} dB on {len(held_out)} held-out photos", flush=True)


if __name__ == "__main__":
    main()
