"""The same work for each of many items: in this process, or by Ray Data on all machines of a cluster.

In: items, and a class whose instances, made once a process, do one item. Out: results as they are finished. Machines
share the folders that the work reads and writes. Needs the extra `ray`; without a cluster (RAY_ADDRESS), Ray starts one
of this machine's processors.
"""

import logging
import pickle
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


class ClusterError(ValueError):
    """There is no Ray, or it lost the work; the message says what to do."""


def spread(
    items: Sequence[Item], make: Callable[..., Callable[[Item], Result]], given: tuple[Any, ...], workers: int
) -> Iterator[tuple[Item, Result]]:
    """Each item with its result, the first that is done first. make: gives, from `given`, what does an item; both must
    be picklable. workers: processes, of all machines together. Raises ClusterError."""
    if not items:
        return
    ray = _ray()
    blocks = min(len(items), workers * 8)  # small ones: results come early, nobody idles at the end
    rows = ray.data.from_items(
        [{"number": number} for number in range(len(items))], override_num_blocks=blocks
    )
    pool = ray.data.ActorPoolStrategy(min_size=1, max_size=workers)
    done = rows.map(_Each, fn_constructor_args=(list(items), make, given), compute=pool, num_cpus=1)
    try:
        for row in done.iter_rows():
            yield items[int(row["number"])], pickle.loads(row["result"])
    except ray.exceptions.RayError as error:
        raise ClusterError(f"Ray lost the work ({error}); run the same command again") from error


class _Each:
    """One process of the cluster."""

    def __init__(
        self, items: Sequence[Any], make: Callable[..., Callable[[Any], Any]], given: tuple[Any, ...]
    ) -> None:
        self._items, self._do = items, make(*given)

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        return {"number": row["number"], "result": pickle.dumps(self._do(self._items[int(row["number"])]))}


def _ray() -> Any:
    """Ray, joined. Raises ClusterError."""
    try:
        import ray
        import ray.data
        import ray.exceptions
    except ImportError as error:
        raise ClusterError("Ray is not installed: pip install 'refundlens[ray]'") from error
    if not ray.is_initialized():
        ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    ray.data.DataContext.get_current().enable_progress_bars = False
    return ray
