"""What a model is worth on a generator or a source it never saw: trained again without it, measured on it.

In: `leave_one_out.json` of a run's folder, written by `training.evaluation.leave_one_out`. Out: its lines.
"""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

FILE = "leave_one_out.json"
COMMAND = "python -m refundlens.training.evaluation.leave_one_out"
"""The command that retrains and writes the file."""


class LeftOutError(ValueError):
    """A file of left-out figures that cannot be read."""


class LeftOut(BaseModel):
    """One training without something. left_out: {"generator": pattern} or {"source": collection}. auc_without: of the
    model that never saw it, with the ends of its 95 % interval; auc_with: of one that did, trained as long."""

    model_config = ConfigDict(frozen=True)

    left_out: dict[str, str]
    steps: int
    auc_without: float
    auc_with: float
    low: float
    high: float
    rows: int

    @property
    def name(self) -> str:
        return ", ".join(f"{what} {value}" for what, value in self.left_out.items())


def read_left_out(path: Path | None) -> list[LeftOut]:
    """The lines of a file, none where it is missing. Raises LeftOutError for one that says something else."""
    if path is None or not path.is_file():
        return []
    try:
        return TypeAdapter(list[LeftOut]).validate_json(path.read_bytes())
    except ValidationError as error:
        raise LeftOutError(f"{path} cannot be read ({error}); make it anew with `{COMMAND}`") from error
