"""Adding to a dataset without making it anew: new generators, new photos, the same splits.

In: an earlier dataset and the rows of a build that continued it. Out: the rows of both, and the earlier files linked
into the new folder. A photo of the earlier dataset keeps its split, so that what was test stays test; the authentic
pictures of both must be the same, or edits of one would be compared to photos of the other.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from refundlens.datasets import manifest
from refundlens.datasets.row import Row, Split, used
from refundlens.datasets.splits import Member


class ExtendError(ValueError):
    """The earlier dataset cannot be continued like this; the message says why."""


@dataclass(frozen=True)
class Earlier:
    """A dataset to continue. drop: patterns (`datasets.row`) of pictures to leave
    behind."""

    folder: Path
    drop: tuple[str, ...] = ()

    def rows(self) -> list[Row]:
        """What is kept. Raises DatasetError for no dataset, PatternError where drop names nothing."""
        return used(manifest.read(self.folder), self.drop)

    def facts(self) -> dict[str, Any]:
        """What `dataset.json` says of it: enough to make it again."""
        return {"drop": list(self.drop), "dataset": manifest.read_info(self.folder)}

    def splits(self) -> dict[str, Split]:
        """SHA-256 of each of its photos -> split."""
        return {row.source: row.split for row in manifest.read(self.folder)}


def pinned(
    members: Sequence[Member], shas: Sequence[str], known: Mapping[str, Split]
) -> tuple[dict[str, Split], list[int]]:
    """(group -> split for groups that hold a known photo, indices of photos to leave out).

    A new photo that looks like known photos of two splits can be in neither, so it is left out, after which the
    caller groups the others anew. Raises ExtendError where known photos alone tear a group.
    """
    found: dict[str, set[Split]] = {}
    for member, sha in zip(members, shas, strict=True):
        if sha in known:
            found.setdefault(member.group, set()).add(known[sha])
    torn = {group for group, splits in found.items() if len(splits) > 1}
    left = [
        i
        for i, (m, sha) in enumerate(zip(members, shas, strict=True))
        if m.group in torn and sha not in known
    ]
    if torn and not left:
        raise ExtendError(f"photos of one group lie in several splits: {', '.join(sorted(torn)[:5])}")
    return {group: min(splits) for group, splits in found.items()}, left


def merge(earlier: Earlier, made: Sequence[Row], groups: Mapping[str, str], out: Path) -> list[Row]:
    """Rows of both, with the earlier files linked (or copied) into `out`.

    groups: SHA-256 of every photo -> its group now: new photos may have joined two earlier groups of one split.
    Raises ExtendError where both hold a picture of one name that differs: another seed, or another recipe for the
    parts that a photo and its edits share; and where photos of the earlier dataset are not among the sources.
    """
    kept = earlier.rows()
    missing = {row.source for row in kept} - groups.keys()
    if missing:
        raise ExtendError(
            f"name the sources of {earlier.folder.name} as well: {len(missing)} of its photos are missing"
        )
    kept = [row.model_copy(update={"group": groups[row.source]}) for row in kept]
    by_name = {row.file_name: row for row in made}
    for row in kept:
        twin = by_name.get(row.file_name)
        if twin is not None and twin != row:
            raise ExtendError(
                f"{row.file_name} is another picture in {earlier.folder.name}: continue a dataset with its own seed "
                "and with its recipe's base, deliveries and benign_share, and set first_slot beyond its edits"
            )
    for row in kept:
        if row.file_name not in by_name:
            for name in (row.file_name, row.mask_file_name, row.defect_mask_file_name):
                if name is not None:
                    _link(earlier.folder / name, out / name)
    return [*(row for row in kept if row.file_name not in by_name), *made]


def _link(source: Path, target: Path) -> None:
    """A hard link where the file system allows one: a dataset's files are never written again."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
