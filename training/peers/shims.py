"""What lets a package of 2021 run here without a change to its files: other globals for one of its functions.

In: functions of pyIFD, file bytes. Out: the same functions, which read from memory and write nowhere.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from types import FunctionType, ModuleType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def rebind(function: Callable[..., Any], **names: object) -> Callable[..., Any]:
    """A copy of `function` that sees `names` in place of its module's globals. The module stays as it is."""
    assert isinstance(function, FunctionType)
    return FunctionType(
        function.__code__, {**function.__globals__, **names}, function.__name__, function.__defaults__
    )


@contextmanager
def stand_ins(*modules: str) -> Iterator[None]:
    """Empty modules for those of `modules` that are not installed, while a package that imports them is loaded.

    Any attribute can be imported from them, and using one raises AttributeError or TypeError: pyIFD imports more than
    the functions that we call use.
    """
    added = [name for name in modules if name not in sys.modules and not _installed(name)]
    for name in added:
        sys.modules[name] = _StandIn(name)
    try:
        yield
    finally:
        for name in added:
            del sys.modules[name]


class _StandIn(ModuleType):
    def __getattr__(self, name: str) -> None:
        if name.startswith("__"):
            raise AttributeError(name)
        return None


def _installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # of a submodule whose parent is missing
        return False


def scalar_int(value: Any) -> int:
    """int() that still takes one-element arrays, as NumPy did before 2.4."""
    return int(value.item() if isinstance(value, np.ndarray) else value)


class MemoryFiles:
    """Stands for the modules `cv2` and `os` in a function that reads and writes picture files, with files in memory.

    One object serves one call. Everything but reading, writing and removing is OpenCV's own.
    """

    def __init__(self, files: dict[str, bytes]) -> None:
        self._files = dict(files)

    def imread(self, path: str) -> NDArray[np.uint8] | None:
        """BGR uint8 [H,W,3] as displayed; None where OpenCV cannot read it, as cv2.imread."""
        picture = cv2.imdecode(np.frombuffer(self._files[path], np.uint8), cv2.IMREAD_COLOR)
        return None if picture is None else np.asarray(picture, np.uint8)

    def imwrite(self, path: str, picture: NDArray[Any], options: Sequence[int] = ()) -> bool:
        """As cv2.imwrite, rounding to 8 bits included, with the suffix of `path` naming the format."""
        rounded = np.clip(np.rint(picture), 0, 255).astype(np.uint8)
        done, encoded = cv2.imencode(path[path.rindex(".") :], rounded, list(options))
        self._files[path] = encoded.tobytes()
        return bool(done)

    def remove(self, path: str) -> None:
        """As os.remove."""
        del self._files[path]

    def __getattr__(self, name: str) -> Any:
        return getattr(cv2, name)
