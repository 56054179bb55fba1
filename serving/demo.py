"""Puts the sample refunds' pictures into the data folder at first start, and finds them again.

In: the data folder. Out: JPEG files under samples/. What is there is kept, so the same bytes are judged each time.
"""

from pathlib import Path

from serving.samples import SAMPLES, Sample, picture


class SampleFolder:
    """The samples' pictures on disk."""

    def __init__(self, data_dir: Path) -> None:
        self._folder = data_dir / "samples"

    def prepare(self) -> None:
        """Draw what is missing, some seconds at first start. Raises OSError where the folder is not writable."""
        self._folder.mkdir(parents=True, exist_ok=True)
        for sample in SAMPLES:
            path = self.path(sample)
            if not path.exists():
                partial = path.with_suffix(".partial")
                partial.write_bytes(picture(sample))
                partial.replace(path)

    def path(self, sample: Sample) -> Path:
        return self._folder / f"{sample.slug}.jpg"

    def find(self, slug: str) -> tuple[Sample, Path] | None:
        """A sample and its picture by name; None where there is none (slugs come from requests)."""
        found = next((sample for sample in SAMPLES if sample.slug == slug), None)
        return (found, self.path(found)) if found else None
