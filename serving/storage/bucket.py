"""A bucket of S3, Google Cloud Storage or Alibaba Cloud OSS as the place of a file store, by obstore.

In: an address such as s3://BUCKET/PREFIX. Out: objects named as files are in a folder (PREFIX/files/ab/cdef…), so that
any tool can copy one to the other. Who we are is told to obstore by the cloud's own variables (AWS_ACCESS_KEY_ID,
AWS_REGION, GOOGLE_APPLICATION_CREDENTIALS …) or by the machine's role; we read none of them.
"""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit

from refundlens.serving.kit.extras import how_to_install
from refundlens.serving.settings import SettingsError
from refundlens.serving.storage.place import StoreAway, key

if TYPE_CHECKING:
    from obstore.store import ClientConfig, GCSStore, RetryConfig, S3Config, S3Store

Value = TypeVar("Value")

CONNECT = timedelta(seconds=3)
"""How long a server may take to be there; it is in the same region."""
PATIENCE = timedelta(seconds=20)
"""How long one request may take: a photo of 20 MB at 1 MB/s."""
RETRIES = 3
"""Of a request that met a fault of the server's or of the network, each after a longer pause."""
RETRY_FOR = timedelta(seconds=20)
"""After which no retry begins: callers wait."""
_OSS = re.compile(r"(?:s3\.)?oss-(?P<region>.+?)(?:-internal)?\.aliyuncs\.com")


class Bucket:
    """`serving.storage.place.FilePlace` in a bucket. An object is on disks when its PUT is answered, so
    `lasting` changes nothing. Safe to use from several threads and processes."""

    def __init__(self, store: "S3Store | GCSStore") -> None:
        self._store = store

    def write(self, name: str, content: bytes, lasting: bool) -> None:
        """Always sent, even if it is there: it counts as stored now, and what was damaged is mended."""
        import obstore

        _asked(lambda: obstore.put(self._store, key(name), content, use_multipart=False))

    def read(self, name: str) -> bytes | None:
        import obstore

        return _asked(lambda: bytes(obstore.get(self._store, key(name)).bytes()))

    def stored_at(self, name: str) -> float | None:
        import obstore

        found = _asked(lambda: obstore.head(self._store, key(name)))
        return None if found is None else found["last_modified"].timestamp()

    def older(self, moment: datetime) -> Iterator[str]:
        import obstore

        pages = obstore.list(self._store, chunk_size=1000)
        while page := _asked(lambda: next(pages, None)):
            for found in page:
                if found["last_modified"] < moment:
                    yield found["path"].replace("/", "")

    def remove(self, name: str, lasting: bool) -> bool:
        """Two requests: deleting tells nobody whether there was something."""
        import obstore

        if self.stored_at(name) is None:
            return False
        _asked(lambda: obstore.delete(self._store, key(name)))
        return True


def open_bucket(address: str, endpoint: str, folder: str) -> Bucket:
    """A folder of a bucket; nothing is asked of it yet. address: s3://, gs:// or oss://BUCKET[/PREFIX]. endpoint: the
    server, where it is not Amazon's or Google's. Raises SettingsError."""
    try:
        from obstore.exceptions import BaseError
        from obstore.store import GCSStore, S3Store
    except ImportError as error:
        raise SettingsError(f"REFUNDLENS_FILES: buckets need obstore; {how_to_install('objects')}") from error
    parts = urlsplit(address)
    prefix = "/".join(part for part in (parts.path.strip("/"), folder) if part)
    if parts.scheme not in ("s3", "gs", "oss") or not parts.netloc:
        raise SettingsError(
            f"REFUNDLENS_FILES: {address!r} is none of s3://BUCKET/PREFIX, gs://BUCKET/PREFIX, oss://BUCKET/PREFIX"
        )
    where: S3Config = {"endpoint": endpoint} if endpoint else {}
    if parts.scheme == "oss":
        where = _oss(parts.netloc, endpoint)
    manners: ClientConfig = {
        "timeout": PATIENCE,
        "connect_timeout": CONNECT,
        "allow_http": endpoint.startswith("http://"),
    }
    again: RetryConfig = {"max_retries": RETRIES, "retry_timeout": RETRY_FOR}
    try:
        if parts.scheme == "gs":
            return Bucket(GCSStore(parts.netloc, prefix=prefix, client_options=manners, retry_config=again))
        return Bucket(
            S3Store(parts.netloc, prefix=prefix, config=where, client_options=manners, retry_config=again)
        )
    except BaseError as error:  # a variable that it cannot use
        raise SettingsError(f"REFUNDLENS_FILES: {_words(error)}") from error


def _oss(bucket: str, endpoint: str) -> "S3Config":
    """OSS speaks S3 at addresses that begin with the bucket, and only there. Raises SettingsError."""
    server = urlsplit(endpoint)
    known = _OSS.fullmatch(server.hostname or "")
    if not known:
        raise SettingsError(
            "REFUNDLENS_FILES_ENDPOINT: name the region's server of OSS, such as https://s3.oss-cn-hangzhou.aliyuncs.com"
        )
    return {
        "endpoint": f"{server.scheme}://{bucket}.{server.netloc}",
        "region": known["region"],
        "virtual_hosted_style_request": True,
    }


def _asked(ask: Callable[[], Value]) -> Value | None:
    """The answer; None for what is not there. Raises StoreAway."""
    from obstore.exceptions import BaseError, NotFoundError

    try:
        return ask()
    except (NotFoundError, FileNotFoundError):
        return None
    except (BaseError, OSError) as error:
        raise StoreAway(f"the bucket does not do what it was asked: {_words(error)}") from error


def _words(error: Exception) -> str:
    """The first line: obstore's others show how it came there."""
    return str(error).strip().partition("\n")[0][:300]
