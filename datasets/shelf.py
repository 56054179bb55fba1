"""A folder, or a bucket of S3 or Google Cloud Storage, as a place that files are read from and written to.

In: a path, or s3://BUCKET/PREFIX, gs://BUCKET/PREFIX. Out: names below it, and bytes by name. Who we are in a cloud is
told to obstore by the cloud's own variables (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, AWS_ALLOW_HTTP …), on every machine
that works. Can be pickled, so that each process of a cluster opens it for itself.
"""

import secrets
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

SCHEMES = ("s3://", "gs://")


class ShelfError(ValueError):
    """There is no such place, or it does not answer; the message says what to do."""


class Shelf(Protocol):
    """Every method raises OSError, ShelfError."""

    def names(self, ending: str = "") -> Iterator[str]:
        """Of all files below it, with slashes, in no order."""
        ...

    def read(self, name: str) -> bytes: ...

    def write(self, name: str, content: bytes) -> None:
        """Whole or not at all."""
        ...


class FolderShelf:
    """A folder; it is made when something is written."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def names(self, ending: str = "") -> Iterator[str]:
        for path in self._folder.rglob(f"*{ending}"):
            if path.is_file():
                yield path.relative_to(self._folder).as_posix()

    def read(self, name: str) -> bytes:
        return (self._folder / name).read_bytes()

    def write(self, name: str, content: bytes) -> None:
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.new")
        beside.write_bytes(content)
        beside.replace(path)


class BucketShelf:
    """A prefix of a bucket."""

    def __init__(self, url: str) -> None:
        self._url = url

    def __getstate__(self) -> dict[str, Any]:
        return {"_url": self._url}

    def names(self, ending: str = "") -> Iterator[str]:
        import obstore

        try:
            for page in obstore.list(self._store, chunk_size=1000):
                yield from (found["path"] for found in page if found["path"].endswith(ending))
        except obstore.exceptions.BaseError as error:
            raise ShelfError(f"{self._url} cannot be listed: {_first_line(error)}") from error

    def read(self, name: str) -> bytes:
        import obstore

        try:
            return bytes(obstore.get(self._store, name).bytes())
        except (obstore.exceptions.BaseError, FileNotFoundError) as error:
            raise ShelfError(f"{self._url}/{name} cannot be read: {_first_line(error)}") from error

    def write(self, name: str, content: bytes) -> None:
        import obstore

        try:
            obstore.put(self._store, name, content)
        except obstore.exceptions.BaseError as error:
            raise ShelfError(f"{self._url}/{name} cannot be written: {_first_line(error)}") from error

    @cached_property
    def _store(self) -> Any:
        from obstore.store import from_url

        return from_url(self._url)


def open_shelf(where: str) -> Shelf:
    """Raises ShelfError where it cannot be one."""
    if "://" not in where:
        return FolderShelf(Path(where))
    if not where.startswith(SCHEMES):
        raise ShelfError(f"{where} is neither a folder, nor s3://BUCKET/PREFIX, nor gs://BUCKET/PREFIX")
    try:
        import obstore  # noqa: F401
    except ImportError as error:
        raise ShelfError("buckets need obstore: pip install 'refundlens[objects]'") from error
    return BucketShelf(where.rstrip("/"))


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:300]
