"""Maps of a detection as files: 8-bit grey PNG, a pixel a cell."""

import io

import numpy as np
from numpy.typing import NDArray

from refundlens.serving.storage.files import FileStore


def load_map(files: FileStore, name: str) -> NDArray[np.float32]:
    """float32 [h,w]. Raises FileError."""
    return np.asarray(np.load(io.BytesIO(files.get(name)), allow_pickle=False), np.float32)


def save_map(files: FileStore, values: NDArray[np.float32]) -> str:
    content = io.BytesIO()
    np.save(content, values, allow_pickle=False)
    return files.put(content.getvalue())
