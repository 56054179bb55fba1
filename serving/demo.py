"""Puts the sample refunds' pictures into the data folder at first start, and finds them again.

In: the data folder. Out: JPEG files under samples/. What is there is kept, so the same bytes are judged each time.
"""

import threading
from pathlib import Path

from serving.samples import SAMPLES, Sample, picture


class SampleFolder:
    """The samples' pictures on disk. Safe to use from several threads."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "samples"
        self._lock = threading.Lock()
        self._closed = threading.Event()

    def prepare(self) -> None:
        """Draw all that is missing, some seconds at first start. Raises OSError where the folder is not writable."""
        for sample in SAMPLES:
            if self._closed.is_set():
                return
            self.file(sample)

    @property
    def closed(self) -> bool:
        return self._closed.is_set()

    def close(self) -> None:
        """Let `prepare` end after the picture it is drawing: who stops the service does not wait for all."""
        self._closed.set()

    def file(self, sample: Sample) -> Path:
        """The sample's picture, drawn now if somebody asks before `prepare` got there."""
        path = self._folder / f"{sample.slug}.jpg"
        with self._lock:
            if not path.exists():
                self._folder.mkdir(parents=True, exist_ok=True)
                partial = path.with_suffix(".partial")
                partial.write_bytes(picture(sample))
                partial.replace(path)
        return path


def find(slug: str) -> Sample | None:
    """A sample by name; None where there is none (slugs come from requests)."""
    return next((sample for sample in SAMPLES if sample.slug == slug), None)
