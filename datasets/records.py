"""One row of a dataset's `metadata.jsonl`: the contract between `datasets` and `training`.

The file names follow Hugging Face's ImageFolder: `file_name` is the picture, each `*_file_name` another image.
"""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from model.names import Defect, Kind

Split = Literal["train", "validation", "calibration", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "calibration", "test")


class Row(BaseModel):
    """One picture of a dataset.

    label: 0 authentic, 1 manipulated. mask_file_name: grey PNG of the picture's size, 255 = manipulated pixel; none
    for authentic pictures. defect_mask_file_name: the same for the defect that was painted, none where there is none
    or where nobody knows. source: SHA-256 of the source photo's file. group: same sender, camera or series; a group
    never crosses splits. delivery: {"name": ..., "steps": [...]}; a row with name "master" is stored losslessly before
    delivery, and whoever loads it draws a chain (training does).
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file_name: str
    label: Literal[0, 1]
    kind: Kind
    split: Split
    source: str
    group: str
    licence: str
    content: str = ""
    defect: Defect | None = None
    real_defect: str | None = None
    mask_file_name: str | None = None
    defect_mask_file_name: str | None = None
    editor: str | None = None
    generator: str | None = None
    painter: dict[str, Any] | None = None
    edit: dict[str, Any] | None = None
    benign: list[dict[str, Any]] = []
    delivery: dict[str, Any]
    width: int
    height: int
    phash: str
