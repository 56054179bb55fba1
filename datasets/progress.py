"""Progress bars on standard error, silent when nobody watches."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def track(items: Iterable[Item], title: str, total: int, done: int = 0) -> Iterator[Item]:
    """The items, with a bar that counts them; `done` of `total` were finished before."""
    yield from tqdm(
        items,
        desc=title,
        total=total,
        initial=done,
        file=sys.stderr,
        disable=not sys.stderr.isatty(),
    )
