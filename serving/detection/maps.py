"""Maps of a detection as files: NumPy's own format, a number a cell."""

import io

import numpy as np
from numpy.typing import NDArray

from refundlens.serving.storage.files import FileStore


def load_map(files: FileStore, name: str) -> NDArray[np.float32]:
    """float32 [h,w]. Raises FileError."""
    return np.asarray(np.load(io.BytesIO(files.get(name)), allow_pickle=False), np.float32)


def save_map(files: FileStore, values: NDArray[np.float32], lasting: bool = True) -> str:
    """The file's name. lasting: as `FileStore.put` has it."""
    content = io.BytesIO()
    np.save(content, values, allow_pickle=False)
    return files.put(content.getvalue(), lasting)
