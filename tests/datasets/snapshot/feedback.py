"""An export of labels as `refundlens labels export` writes it, of rendered pictures."""

import hashlib
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from tests.datasets.collections import photo


def jpeg(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    return file.getvalue()


@dataclass
class Feedback:
    """Lines and files that are written by `write`."""

    folder: Path
    lines: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self, seed: int, truth: str = "authentic", account: str = "ann", source: str = "decision", **more: Any
    ) -> str:
        content = more.pop("content", None) or jpeg(photo(seed, 96, 112))
        sha256 = hashlib.sha256(content).hexdigest()
        name = f"{truth}/{sha256}.jpg"
        (self.folder / truth).mkdir(parents=True, exist_ok=True)
        (self.folder / name).write_bytes(content)
        weight = {"decision": 1.0, "engineer": 2.0, "appeal_upheld": 2.0, "appeal_overturned": 3.0}.get(
            source, 1.0
        )
        said = {"truth": truth, "source": source, "weight": weight, "by": account, "created_at": "2026-11-01"}
        self.lines.append(
            {
                "sha256": sha256, "file_name": name, "missing": None, "truth": truth,
                "label": int(truth != "authentic"), "source": source, "weight": weight, "said": [said],
                "model_version": "1.0.0", "model_probability": 0.5, "created_at": "2026-11-01T00:00:00Z",
                "group": f"buyer{seed}", "claim_type": "hole", "image_source": "refund", "keep_until": None,
            }
            | more
        )  # fmt: skip
        return sha256

    def write(self, training: bool = True) -> Path:
        (self.folder / "export.json").write_text(json.dumps({"tenant": "t", "training": training}))
        text = "".join(json.dumps(line) + "\n" for line in self.lines)
        (self.folder / "manifest.jsonl").write_text(text, encoding="utf-8")
        return self.folder


def usual(folder: Path, authentic: int = 24, made: int = 24) -> Feedback:
    """So many photos of each class by three accounts, each by a buyer of its own."""
    feedback = Feedback(folder)
    for index in range(authentic):
        feedback.add(index, "authentic", f"acct{index % 3}")
    for index in range(made):
        feedback.add(1000 + index, "ai_generated", f"acct{index % 3}", generator="Newcomer 1")
    return feedback
