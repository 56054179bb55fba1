"""The editors of one process: opened when first needed, kept for the next photo.

In: where generators lie. Out: editors by name and mode.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Protocol, runtime_checkable

from refundlens.datasets.editors import available
from refundlens.datasets.editors.base import Editor

Factory = Callable[[], Editor]


@runtime_checkable
class _WithModes(Protocol):
    """An editor that can regenerate the whole picture or a region of it; classical ones cannot."""

    mode: str


class Workshop:
    """Editors by name. A network is loaded once per process, and only when an edit needs it."""

    def __init__(self, factories: Mapping[str, Factory]) -> None:
        self._factories = dict(factories)
        self._open: dict[str, Editor] = {}

    @classmethod
    def from_folders(cls, generators: Path | None, small: Path | None) -> "Workshop":
        return cls(available(generators, small))

    @property
    def names(self) -> list[str]:
        return sorted(self._factories)

    def editor(self, name: str, mode: str) -> Editor:
        """The editor of that name, set to "whole" or "spliced" where it has modes. Raises KeyError for no
        such name.
        """
        if name not in self._open:
            self._open[name] = self._factories[name]()
        editor = self._open[name]
        if isinstance(editor, _WithModes):
            editor.mode = mode
        return editor
