"""How our small networks lie on disk: one file with what they are and their weights.

In: a spec (a dataclass with `widths`) and a state dict. Out: {key: spec, "state": weights}; the key tells sorts apart.
"""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def write(path: Path, key: str, spec: "DataclassInstance", state: dict[str, Tensor]) -> None:
    """Complete or not at all."""
    partial = path.with_suffix(".partial")
    torch.save({key: asdict(spec), "state": state}, partial)
    partial.replace(path)


def read(path: Path, key: str, what: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """(the spec's fields, the weights). Raises ValueError, naming `what` was wanted, if the file is something else."""
    stored: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    if set(stored) != {key, "state"}:
        raise ValueError(f"{path} is not a small {what}: it holds {sorted(map(str, stored))}")
    fields = dict(stored[key])
    fields["widths"] = tuple(fields["widths"])
    return fields, stored["state"]
