"""What others feel: another tenant's photos and the health check, asked without a pause while an attack goes on.

In: a target. Out: seconds of each answer, and those that were no answer.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx
import numpy as np

from refundlens.serving.kit.roles import Role
from tests.chaos.attacks.target import VICTIM, Target, noise

PHOTO_EVERY, HEALTH_EVERY = 0.25, 0.05
"""Seconds between two photos, and two health checks."""
PATIENCE = 30.0


@dataclass
class Felt:
    """photos, health: seconds of each answer. failed: what was no answer, in words."""

    photos: list[float] = field(default_factory=list)
    health: list[float] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @property
    def photo_p99(self) -> float:
        return float(np.percentile(self.photos, 99)) if self.photos else float("inf")

    @property
    def health_worst(self) -> float:
        return max(self.health, default=float("inf"))


@contextmanager
def watching(target: Target) -> Iterator[Felt]:
    """While the block lasts."""
    felt, over = Felt(), threading.Event()
    threads = [
        threading.Thread(target=_photos, args=(target, felt, over)),
        threading.Thread(target=_health, args=(target, felt, over)),
    ]
    for thread in threads:
        thread.start()
    try:
        yield felt
    finally:
        over.set()
        for thread in threads:
            thread.join()


def _photos(target: Target, felt: Felt, over: threading.Event) -> None:
    """Two photos by turns, judged anew each time."""
    pictures = [noise(640, 480, seed) for seed in (11, 12)]
    headers = target.headers(
        VICTIM, Role.MERCHANT, **{"Content-Type": "image/jpeg", "Cache-Control": "no-cache"}
    )
    count = 0
    with httpx.Client(base_url=target.base, headers=headers, timeout=PATIENCE) as client:
        while not over.is_set():
            count += 1
            began = time.monotonic()
            try:
                answer = client.post("/v1/detect", content=pictures[count % 2])
                if answer.status_code == 200:
                    felt.photos.append(time.monotonic() - began)
                else:
                    felt.failed.append(f"photo: {answer.status_code} {answer.json().get('code')}")
            except httpx.HTTPError as error:
                felt.failed.append(f"photo: {type(error).__name__}")
            over.wait(PHOTO_EVERY)


def _health(target: Target, felt: Felt, over: threading.Event) -> None:
    with httpx.Client(base_url=target.base, timeout=PATIENCE) as client:
        while not over.is_set():
            began = time.monotonic()
            try:
                client.get("/healthz").raise_for_status()
                felt.health.append(time.monotonic() - began)
            except httpx.HTTPError as error:
                felt.failed.append(f"health: {type(error).__name__}")
            over.wait(HEALTH_EVERY)
